"""Natural patches: what units answer to photographs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diversevis.devices import exact_float32
from diversevis.errors import UserError, whole_number
from diversevis.seeds import generator
from diversevis.units.contract import Units, check_shape, check_units
from diversevis.units.memory import require
from diversevis.units.patches import CHANNEL_MEANS, patch_norm
from diversevis.units.responding import responses

_DRAWN_AT_ONCE = 256
_COPIES = 6
"""Of all responses: as they come, put together, twice while they are sorted, and as many while each
unit's best patches are looked for."""

BEST = 16
"""Natural patches that are kept of each unit, each from another photograph."""

_FLAT = 1e-3
"""Patches whose norm is below this part of the budget are uniformly grey: nothing to rescale."""


def random_crops(photographs: Tensor, size: int, count: int, stream: torch.Generator) -> Tensor:
    """Return random crops of photographs at their own scale, in patch units.

    Parameters
    ----------
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255.
    size
        Side of a crop in pixels.
    count
        Number of crops; photograph and corner are drawn uniformly for each.
    stream
        Random generator.

    Returns
    -------
    Tensor
        ``[count, 3, size, size]`` float32, channel means subtracted, own norm kept.

    Raises
    ------
    UserError
        If the photographs are smaller than the crop, or none.
    """
    places = random_places(photographs, size, count, stream)
    return crops_at(photographs, places, size)


def random_places(photographs: Tensor, size: int, count: int, stream: torch.Generator) -> Tensor:
    """Return where `random_crops` are, ``[count, 3]``: photograph, top and left."""
    check_shape("photographs", photographs, ("n", 3, "h", "w"))
    n, _, height, width = photographs.shape
    if size > min(height, width):
        raise UserError(
            f"photographs of at least {size} x {size} pixels",
            f"{height} x {width}",
            "choose an earlier layer",
        )
    which = torch.randint(n, (count,), generator=stream)
    tops = torch.randint(height - size + 1, (count,), generator=stream)
    lefts = torch.randint(width - size + 1, (count,), generator=stream)
    return torch.stack([which, tops, lefts], 1)


def crops_at(photographs: Tensor, places: Tensor, size: int, margin: int = 0) -> Tensor:
    """Return crops of photographs with what surrounds them, in patch units.

    Parameters
    ----------
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255.
    places
        ``[count, 3]``, whole numbers: photograph, top and left of each crop.
    size
        Side of a crop in pixels.
    margin
        Pixels added on every side; beyond a photograph's border it is mirrored there.

    Returns
    -------
    Tensor
        ``[count, 3, size + 2 margin, size + 2 margin]`` float32, channel means subtracted, own norm
        kept.
    """
    which, tops, lefts = places.unbind(1)
    side = torch.arange(-margin, size + margin)
    height, width = photographs.shape[-2:]
    rows = _mirrored(tops[:, None] + side, height)
    columns = _mirrored(lefts[:, None] + side, width)
    crops = photographs[
        which[:, None, None, None],
        torch.arange(3)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
    return crops.float() - torch.tensor(CHANNEL_MEANS)[None, :, None, None]


def _mirrored(at: Tensor, end: int) -> Tensor:
    """Return places within 0 to ``end - 1`` for those beyond, mirrored at both ends."""
    period = max(1, 2 * (end - 1))
    at = at.remainder(period)
    return torch.minimum(at, period - at)


def scenes(photographs: Tensor, places: Tensor, size: int, margin: int = 0) -> Tensor:
    """Return crops with what surrounds them, scaled so that their middles have the norm budget.

    Parameters
    ----------
    photographs, places, size, margin
        As for `crops_at`.

    Returns
    -------
    Tensor
        ``[count, 3, size + 2 margin, size + 2 margin]`` float32, patch units. Middles that are
        uniformly grey stay so.
    """
    found = crops_at(photographs, places, size, margin)
    return found * _scale(middle(found, size), patch_norm(size))


def middle(patches: Tensor, side: int) -> Tensor:
    """Return the middle of patches ``[..., S, S]``, ``[..., side, side]``.

    Where `side` is larger, the border pixels go on. Of a difference that is odd, the larger half is
    at the bottom and on the right, as where all shifts of a patch have their middle.
    """
    end = patches.shape[-1]
    at = (torch.arange(side) - (side - end) // 2).clamp(0, end - 1)
    found: Tensor = patches[..., at[:, None], at]
    return found


def _scale(patches: Tensor, norm: float) -> Tensor:
    norms = patches.flatten(1).norm(dim=1)[:, None, None, None]
    scale: Tensor = norm / norms.clamp(min=_FLAT * norm)
    return scale


def mean_norm(photographs: Tensor, size: int, *, count: int = 10_000, seed: int = 0) -> float:
    """Return the mean Euclidean norm of random natural patches of side `size`, in patch units."""
    count = whole_number("crops", count, least=1)
    stream = generator(seed, "norm", size)
    total, left = 0.0, count
    while left:
        some = min(left, 1000)
        total += random_crops(photographs, size, some, stream).flatten(1).norm(dim=1).sum().item()
        left -= some
    return total / count


@dataclass(frozen=True)
class NaturalResponses:
    """A layer's responses to natural patches, all of the same norm.

    Attributes
    ----------
    best : Tensor
        ``[channels, 3, s, s]`` float32, each unit's best patch, in patch units.
    places : Tensor
        ``[channels, BEST, 3]``, photograph, top and left of each unit's best patches, one from each
        photograph, best first: see `crops_at`; -1 where there are fewer.
    top : Tensor
        ``[channels, BEST]``, the responses to these; NaN where there are fewer.
    quantiles : Tensor
        ``[channels, levels]``, quantiles of each unit's responses over patches.
    levels : Tensor
        ``[levels]``, 0 to 1; the last is the maximum, the response to `best`.
    count : int
        Patches shown.
    """

    best: Tensor
    places: Tensor
    top: Tensor
    quantiles: Tensor
    levels: Tensor
    count: int


_LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1.0)


@exact_float32()
def natural_responses(
    units: Units,
    photographs: Tensor,
    *,
    count: int = 4000,
    seed: int = 0,
) -> NaturalResponses:
    """Show random natural patches to all units of a layer.

    Patches are scaled to the norm budget of synthesised ones, so that the responses compare.

    Parameters
    ----------
    units
        A trunk, or anything else that satisfies `Units`.
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255.
    count
        Patches to show.
    seed
        Seed of the crops; the same crops serve all layers of one patch size.

    Raises
    ------
    UserError
        For units that break their contract, photographs that are none or too small, or a number of
        patches below one or beyond what the free memory holds.
    """
    check_units(units, dtype=None)
    count = whole_number("natural patches", count, least=1)
    held = _COPIES * 4 * count * units.channels
    require(held, f"what {units.channels} units answer to {count:,} patches", "ask for fewer")
    stream = generator(seed, "natural", units.size)
    answers, places, shown = [], [], 0
    while shown < count:
        at = random_places(photographs, units.size, min(_DRAWN_AT_ONCE, count - shown), stream)
        patches = scenes(photographs, at, units.size)
        answers += [part.float().cpu() for _, part, _ in responses(units, patches)]
        places.append(at)
        shown += len(at)
    every, at = torch.cat(answers), torch.cat(places)
    top, which = _best(every, at[:, 0])
    found = torch.where((which >= 0)[..., None], at[which.clamp(min=0)], -1)
    best = scenes(photographs, found[:, 0], units.size)
    # NumPy's: torch.quantile refuses more than 16 million numbers.
    quantiles = np.quantile(every.numpy(), _LEVELS, axis=0).T
    return NaturalResponses(
        best, found, top, torch.from_numpy(quantiles).float(), torch.tensor(_LEVELS), count
    )


def _best(answers: Tensor, photograph: Tensor) -> tuple[Tensor, Tensor]:
    """Return each unit's highest responses ``[units, BEST]``, one a photograph, and which they are.

    Parameters
    ----------
    answers
        ``[count, units]``.
    photograph
        ``[count]``, of which each patch is.
    """
    left, units = answers.clone(), torch.arange(answers.shape[1])
    top = torch.full((len(units), BEST), torch.nan)
    which = torch.full((len(units), BEST), -1)
    for number in range(min(BEST, len(photograph.unique()))):
        highest, index = left.max(0)
        top[:, number], which[:, number] = highest, index
        left[photograph[:, None] == photograph[index]] = -torch.inf
    return top, which
