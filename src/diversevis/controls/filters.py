"""Filters of the control units, and the best patch of each in closed form."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from diversevis.controls.name import CONTROLS
from diversevis.seeds import generator
from diversevis.stimuli.masks import window

SIZE = 24

_GABORS = [(0.0, 3.0), (0.6, 3.5), (1.3, 4.0), (2.2, 3.0)]
"""Orientation in radians and frequency in cycles per patch."""

PART, REACH = 9, 3
"""A part's side, and how far it may move, in pixels."""

_TEMPLATES, _PARTS_PER_SIDE = 4, 2
"""Templates; parts per side of each."""


def gabors(envelope: int | None = None) -> Tensor:
    """Return quadrature pairs ``[4, 2, 3, 24, 24]`` of unit length.

    Parameters
    ----------
    envelope
        As `diversevis.controls.kinds.Variant`.
    """
    at = torch.arange(SIZE) - (SIZE - 1) / 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    if envelope is None:
        faded = window(SIZE)
    else:
        faded = torch.exp(-(x**2 + y**2) / (2 * (SIZE / envelope) ** 2))
    filters = []
    for orientation, cycles in _GABORS:
        phase = (
            2 * math.pi * cycles / SIZE * (x * math.cos(orientation) + y * math.sin(orientation))
        )
        pair = torch.stack([phase.cos(), phase.sin()]) * faded
        filters.append(pair / pair.flatten(1).norm(dim=1)[:, None, None])
    return torch.stack(filters)[:, :, None].expand(-1, -1, 3, -1, -1) / math.sqrt(3)


def corners() -> list[tuple[int, int]]:
    """Return the corners (top, left) of the parts, evenly over the mask's disc."""
    first, last = 2, SIZE - 2 - PART
    at = [round(first + (last - first) * i / (_PARTS_PER_SIDE - 1)) for i in range(_PARTS_PER_SIDE)]
    return [(top, left) for top in at for left in at]


def parts() -> Tensor:
    """Return the parts' filters, ``[parts, 4, 3, 9, 9]``: grey blobs and edges of random signs."""
    at = torch.arange(PART) - (PART - 1) / 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * (PART / 4.5) ** 2))
    stream = generator(0, CONTROLS, "parts")
    filters = []
    for _ in corners():
        angle = 2 * math.pi * torch.rand(_TEMPLATES, generator=stream)
        phase = 2 * math.pi * torch.rand(_TEMPLATES, generator=stream)
        along = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]
        wave = envelope * torch.cos(2 * math.pi * along / 6 + phase[:, None, None])
        wave = wave - envelope * (wave.sum((1, 2)) / envelope.sum())[:, None, None]
        filters.append(wave / wave.flatten(1).norm(dim=1)[:, None, None])
    return torch.stack(filters)[:, :, None].expand(-1, -1, 3, -1, -1) / math.sqrt(3)


def best_filters(plain: str, filters: Tensor) -> Tensor:
    """Return for each unit of a plain kind the filter that its best patch is along.

    Each unit is the largest of some linear filters: one, all phases of a quadrature pair, all
    arrangements of parts. Of them the longest is driven most by a patch of a given norm, and its
    length times that norm is the unit's peak.

    Parameters
    ----------
    plain
        One of `diversevis.controls.kinds.KINDS`.
    filters
        Of that kind: `gabors` or `parts`.

    Returns
    -------
    Tensor
        ``[4, 3, 24, 24]``.
    """
    match plain:
        case "complex":
            # The pair is orthogonal only nearly: one phase is longer than the others.
            _, lengths, patches = torch.linalg.svd(filters.flatten(2), full_matrices=False)
            longest: Tensor = lengths[:, :1] * patches[:, 0]
            return longest.view_as(filters[:, 0])
        case "rigid" | "deformable":
            reach = REACH if plain == "deformable" else 0
            return torch.stack([_longest(own, reach) for own in filters.unbind(1)])
        case _:
            return filters[:, 0]


def _longest(template: Tensor, reach: int) -> Tensor:
    """Return the longest sum of the parts ``[parts, 3, 9, 9]``, each moved by up to `reach`."""
    placed = torch.stack(
        [_everywhere(part, at, reach) for part, at in zip(template, corners(), strict=True)]
    )
    count, places = placed.shape[:2]
    vectors = placed.flatten(2)
    # The squared length of every arrangement, one axis for each part: squares, twice the products.
    squares = vectors.new_zeros((places,) * count)
    for one, other in itertools.combinations_with_replacement(range(count), 2):
        shape = [places if part in (one, other) else 1 for part in range(count)]
        if one == other:
            squares += vectors[one].square().sum(1).view(shape)
        else:
            squares += 2 * (vectors[one] @ vectors[other].T).view(shape)
    best = torch.unravel_index(squares.argmax(), squares.shape)
    return placed[torch.arange(count), torch.stack(best)].sum(0)


def _everywhere(part: Tensor, corner: tuple[int, int], reach: int) -> Tensor:
    """Return a part at all places that it may have, ``[places, 3, 24, 24]``, cut at the border."""
    moves = range(-reach, reach + 1)
    placed = part.new_zeros(len(moves), len(moves), 3, SIZE + 2 * reach, SIZE + 2 * reach)
    for down, right in itertools.product(range(len(moves)), repeat=2):
        top, left = corner[0] + down, corner[1] + right
        placed[down, right, :, top : top + PART, left : left + PART] = part
    return placed[..., reach : reach + SIZE, reach : reach + SIZE].flatten(0, 1)
