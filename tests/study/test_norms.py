"""Norms of patches whose norm is known."""

from __future__ import annotations

import math

import pytest
import torch

from diversevis.study.steps.norms import COLUMNS, norm_rows


def test_norms_are_those_of_the_patches():
    # Photographs 10 away from the mean in every pixel: the norm of a patch is 10 s sqrt(3).
    grey = torch.tensor([133.68, 126.779, 113.939])[None, :, None, None].expand(2, 3, 30, 30)
    rows = norm_rows(grey, [24, 7], count=20)
    assert tuple(rows[0]) == COLUMNS
    assert [row["size"] for row in rows] == [7, 24]
    assert [row["measured"] for row in rows] == pytest.approx(
        [10 * s * 3**0.5 for s in (7, 24)], rel=1e-5
    )
    assert [math.isnan(row["published"]) for row in rows] == [True, False]
