"""Radius and frequency of patches whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from diversevis.results.templates import frequency, radius

SIZE = 48
AT = np.arange(SIZE) - (SIZE - 1) / 2
Y, X = np.meshgrid(AT, AT, indexing="ij")


def patch(values):
    return np.broadcast_to(values, (1, 3, SIZE, SIZE)).astype(np.float32)


@pytest.mark.parametrize("part", [5, 6, 8])
def test_radius_of_a_gaussian_is_its_deviation(part):
    sigma = SIZE / part
    gaussian = patch(np.exp(-(X**2 + Y**2) / (2 * sigma**2)))
    # Energy has half the variance in either direction; a wide one is cut by the patch's border.
    assert radius(gaussian)[0] == pytest.approx(1 / part, rel=0.02)


@pytest.mark.parametrize(("across", "down"), [(6, 0), (0, 12), (3, 4)])
def test_frequency_of_a_grating_is_its_own(across, down):
    grating = patch(np.cos(2 * np.pi * (across * X + down * Y) / SIZE + 0.3))
    assert frequency(grating)[0] == pytest.approx(np.hypot(across, down) / SIZE, rel=1e-5)


def test_colours_count_by_their_energy():
    low, high = (np.cos(2 * np.pi * n * X / SIZE) for n in (4, 12))
    mixed = np.stack([low, 2 * high, 0 * low])[None]
    assert frequency(mixed)[0] == pytest.approx((4 + 4 * 12) / 5 / SIZE, rel=1e-6)


def test_nothing_has_neither():
    assert np.isnan(radius(patch(0 * X))).all()
    assert np.isnan(frequency(patch(0 * X))).all()
