"""Distances between the images of a set, in pixels or in a feature map."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

_NUMBERS_AT_ONCE = {"cpu": 2**24, "cuda": 2**28}
"""Differences between images that are held at once, four times over."""


def root_mean_square(difference: Tensor) -> Tensor:
    """Return the root mean square over the last axis."""
    return difference.square().mean(-1).sqrt()


def pairs(n: int) -> tuple[Tensor, Tensor]:
    """Return the indices ``i < j`` of the ``n (n - 1) / 2`` pairs of `n` images."""
    first, second = torch.triu_indices(n, n, offset=1)
    return first, second


@functools.cache
def _pairs_on(device: torch.device, n: int) -> Tensor:
    return torch.stack(pairs(n)).to(device)


def pairwise(features: Tensor) -> Tensor:
    """Return the distances ``[k, n (n - 1) / 2]`` between the images of each set.

    Parameters
    ----------
    features
        ``[k, n, d]``. A distance is the root mean square difference over ``d``.
    """
    numbers = _NUMBERS_AT_ONCE.get(features.device.type, 2**24)
    some = max(1, numbers // (len(features) * features.shape[2]))
    parts = [
        root_mean_square(features[:, first] - features[:, second])
        for first, second in zip(*(of.split(some) for of in pairs(features.shape[1])), strict=True)
    ]
    return torch.cat(parts, 1)


@torch.no_grad()
def nearest_pair(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return how far apart the two images of each set are that are most alike, and which they are.

    The pair is found in one Gram matrix per set; only its own distance is then computed by
    difference, which keeps it exact where the Gram form would cancel.

    Parameters
    ----------
    features
        ``[k, n, d]``, ``n >= 2``.

    Returns
    -------
    distance
        ``[k]``.
    pair
        ``[2, k]``, numbers of the two images.
    gradient
        ``[k, d]``, of the distance with respect to the first of them; the second's is its negative.
    """
    n = features.shape[1]
    # Taking the set's mean away leaves distances alone and cancellation small.
    centred = features.float() if features.dtype == torch.bfloat16 else features
    centred = centred - centred.mean(1, keepdim=True)
    gram = centred @ centred.mT
    squares = gram.diagonal(dim1=1, dim2=2)
    squared = squares[:, :, None] + squares[:, None, :] - 2 * gram
    candidates = _pairs_on(features.device, n)
    pair = candidates[:, squared[:, candidates[0], candidates[1]].argmin(1)]
    sets = torch.arange(len(features), device=features.device)
    difference = centred[sets, pair[0]] - centred[sets, pair[1]]
    # The floor keeps the gradient finite for two images that are exactly alike.
    distance = difference.square().mean(-1).clamp(min=1e-20).sqrt()
    return distance, pair, difference / (difference.shape[-1] * distance[:, None])
