"""The norm budget."""

from __future__ import annotations

import numpy as np
import pytest

from diversevis.units.patches import PUBLISHED_NORMS, natural_norm, patch_norm


def test_published_sizes_give_published_norms():
    for size, norm in PUBLISHED_NORMS.items():
        assert natural_norm(size) == norm
    assert patch_norm(24) == 2651.66 / 2


@pytest.mark.parametrize("size", [7, 19, 27, 35, 43, 51])
def test_between_them_log_log_interpolation(size):
    sizes = sorted(PUBLISHED_NORMS)
    expected = np.exp(
        np.interp(np.log(size), np.log(sizes), [np.log(PUBLISHED_NORMS[s]) for s in sizes])
    )
    assert natural_norm(size) == pytest.approx(expected, rel=1e-12)  # the same algebra
    assert natural_norm(size) == pytest.approx(110 * size, rel=0.05)  # the rule of thumb


def test_beyond_the_table_the_line_goes_on():
    assert natural_norm(1) < natural_norm(2) < natural_norm(3)
    slope = np.log(29358.54 / 25507.56) / np.log(252 / 220)
    assert natural_norm(504) == pytest.approx(29358.54 * 2**slope, rel=1e-12)


def test_size_must_be_positive():
    with pytest.raises(ValueError, match="at least one pixel"):
        natural_norm(0)
