"""What a unit's best patch looks like, in numbers."""

from __future__ import annotations

import numpy as np

from diversevis.results.formats import Array


def radius(patches: Array) -> Array:
    """Return the root mean square radius of patches about their middle, weighted by energy.

    Parameters
    ----------
    patches
        ``[units, 3, s, s]``.

    Returns
    -------
    ndarray
        ``[units]``, in patch sides; NaN for patches that are zero.
    """
    size = patches.shape[-1]
    at = (np.arange(size) - (size - 1) / 2) ** 2
    energy = np.square(patches.astype(np.float64)).sum(1)
    with np.errstate(invalid="ignore"):
        mean = (energy * (at[:, None] + at)).sum((1, 2)) / energy.sum((1, 2))
    return np.asarray(np.sqrt(mean) / size)


def frequency(patches: Array) -> Array:
    """Return the mean spatial frequency of patches, weighted by power.

    Parameters
    ----------
    patches
        ``[units, 3, s, s]``.

    Returns
    -------
    ndarray
        ``[units]``, in cycles per pixel; NaN for patches that are zero.
    """
    at = np.fft.fftfreq(patches.shape[-1])
    power = np.square(np.abs(np.fft.fft2(patches.astype(np.float64)))).sum(1)
    with np.errstate(invalid="ignore"):
        mean = (power * np.hypot(at[:, None], at)).sum((1, 2)) / power.sum((1, 2))
    return np.asarray(mean)
