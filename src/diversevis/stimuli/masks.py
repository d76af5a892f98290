"""Windows that fade a patch out towards its border."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def window(size: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the fixed mask ``exp(-(r / sigma)^4)``, ``sigma = size / 2.4``, ``[size, size]``.

    ``r`` is the distance to the patch centre in pixels.
    """
    at = torch.arange(size, dtype=dtype) - (size - 1) / 2
    return torch.exp(-((torch.hypot(at[:, None], at[None, :]) / (size / 2.4)) ** 4))


def learned_window(size: int, shape: Tensor) -> Tensor:
    """Return masks ``exp(-(r / sigma)^q)`` of free shape, as in the authors' published code.

    Parameters
    ----------
    size
        Side of the patch.
    shape
        ``[k, 3]``: ``r = (|x|^p + |y|^p)^(1/p)`` with ``p = 2 + |shape_0|``; ``q = 1 + |shape_1|``;
        ``sigma = exp(shape_2)`` pixels.

    Returns
    -------
    Tensor
        ``[k, size, size]``; nearly `window` at `window_shape`.
    """
    p, q, sigma = 2 + shape[:, 0].abs(), 1 + shape[:, 1].abs(), shape[:, 2].exp()
    p, q, sigma = (value[:, None, None] for value in (p, q, sigma))
    # The floor keeps gradients with respect to the exponents finite at the centre.
    at = (torch.arange(size).to(shape) - (size - 1) / 2).abs() + 1e-4
    r = (at[:, None] ** p + at[None, :] ** p) ** (1 / p)
    return torch.exp(-((r / sigma) ** q))


def window_shape(size: int) -> Tensor:
    """Return the ``shape`` ``[3]`` at which `learned_window` is the fixed `window`, within 1 %."""
    # Not quite at p = 2: the absolute value has no slope at zero, and p would stay there.
    return torch.tensor([0.02, 3.0, math.log(size / 2.4)])
