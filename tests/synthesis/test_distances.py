"""Distances within sets."""

from __future__ import annotations

import torch

from diversevis.synthesis import distances
from diversevis.synthesis.distances import nearest_pair, pairwise


def test_some_pairs_at_a_time_are_all_pairs(monkeypatch):
    features = torch.randn(3, 7, 50, generator=torch.Generator().manual_seed(0))
    expected = pairwise(features)
    for numbers in (1, 3 * 50 * 4):
        monkeypatch.setitem(distances._NUMBERS_AT_ONCE, "cpu", numbers)
        assert torch.equal(pairwise(features), expected)
    assert expected.shape == (3, 21)
    nearest, _, _ = nearest_pair(features)
    # Float32 rounding.
    torch.testing.assert_close(nearest, expected.amin(1))
    assert pairwise(features[:, :1]).shape == (3, 0)
