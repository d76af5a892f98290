"""The norm budget of a patch: half the mean norm of natural image patches of its size."""

from __future__ import annotations

import math

import numpy as np

CHANNEL_MEANS = (123.68, 116.779, 103.939)
"""RGB means, 0-255 scale, that are subtracted from pixels to give patch units."""

PUBLISHED_NORMS = {
    3: 321.44,
    5: 538.35,
    10: 1086.86,
    14: 1531.58,
    24: 2651.66,
    32: 3553.22,
    40: 4453.84,
    48: 5362.63,
    68: 7637.38,
    84: 9473.19,
    100: 11285.79,
    116: 13161.68,
    156: 17780.20,
    188: 21605.78,
    220: 25507.56,
    252: 29358.54,
}
"""Mean norm of natural patches by side in pixels, as in the authors' published code."""


def natural_norm(size: int) -> float:
    """Return the mean Euclidean norm of natural patches of side `size`, in patch units.

    Published sizes give the published value; others are interpolated, and beyond the table
    extrapolated, on logarithmic axes, on which the table is nearly a line (about 110 `size`).

    Raises
    ------
    ValueError
        If `size` is not positive.
    """
    if size < 1:
        raise ValueError(f"a patch has at least one pixel, not {size}")
    sizes = np.array(sorted(PUBLISHED_NORMS))
    if size in PUBLISHED_NORMS:
        return PUBLISHED_NORMS[size]
    right = int(np.clip(np.searchsorted(sizes, size), 1, len(sizes) - 1))
    low, high = (int(s) for s in sizes[right - 1 : right + 1])
    slope = math.log(PUBLISHED_NORMS[high] / PUBLISHED_NORMS[low]) / math.log(high / low)
    return PUBLISHED_NORMS[low] * math.pow(size / low, slope)


def patch_norm(size: int) -> float:
    """Return the norm budget ``B = N(size) / 2`` of a synthesised patch, in patch units."""
    return natural_norm(size) / 2
