"""What several seeds' tests found best of each unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diversevis.results.formats import Array
from diversevis.results.tests import LayerTests


@dataclass(frozen=True)
class Best:
    """Each unit's best patch, of all seeds.

    Attributes
    ----------
    seeds : ndarray
        ``[units]``, place of the seed that found it among the tests.
    patches : ndarray
        ``[units, 3, s, s]``, patch units.
    f_max : ndarray
        ``[units]``, the responses to them.
    contrast : ndarray
        ``[units, points]``, their contrast curves, float64.
    """

    seeds: Array
    patches: Array
    f_max: Array
    contrast: Array


def best_of(tests: Sequence[LayerTests]) -> Best:
    """Return what is best among tests of the same units, one for each seed; of equals the first."""
    f_max = np.stack([of_seed.f_max for of_seed in tests])
    which, units = f_max.argmax(0), np.arange(f_max.shape[1])
    patches, contrast = (
        np.stack([getattr(of_seed, name) for of_seed in tests])[which, units]
        for name in ("best", "contrast")
    )
    return Best(which, patches, f_max[which, units], contrast.astype(float))
