"""Masks against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from diversevis.stimuli.masks import learned_window, window, window_shape


@pytest.mark.parametrize("size", [7, 24])
def test_window_is_the_formula(size):
    mask = window(size, dtype=torch.float64)
    for row, column in [(0, 0), (size // 2, size // 3), (size - 1, 2)]:
        r = math.hypot(row - (size - 1) / 2, column - (size - 1) / 2)
        expected = math.exp(-((r / (size / 2.4)) ** 4))
        assert mask[row, column].item() == pytest.approx(expected, rel=1e-12)  # algebra


def test_learned_window_starts_as_the_fixed_one():
    learned = learned_window(24, window_shape(24)[None])
    # It starts at p = 2.02, since p = 2 has no slope to leave it by.
    torch.testing.assert_close(learned[0], window(24), rtol=0, atol=0.01)


def test_learned_window_follows_its_shape_and_has_gradients():
    shape = torch.tensor([[0.0, 3.0, 1.5], [0.0, 3.0, 2.5], [6.0, 1.0, 2.0]], requires_grad=True)
    masks = learned_window(15, shape)
    assert masks[0].sum() < masks[1].sum(), "sigma widens"
    assert masks[2, 0, 7].item() == pytest.approx(masks[2, 7, 0].item())
    masks.sum().backward()
    assert shape.grad.isfinite().all()
    assert (shape.grad[:, 2] > 0).all()
