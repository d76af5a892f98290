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
_COPIES = 4
"""Of all responses: as they come, put together, and twice while they are sorted."""

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
    side = torch.arange(size)
    rows, columns = tops[:, None] + side, lefts[:, None] + side
    crops = photographs[
        which[:, None, None, None],
        torch.arange(3)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
    return crops.float() - torch.tensor(CHANNEL_MEANS)[None, :, None, None]


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
    quantiles : Tensor
        ``[channels, levels]``, quantiles of each unit's responses over patches.
    levels : Tensor
        ``[levels]``, 0 to 1; the last is the maximum, the response to `best`.
    count : int
        Patches shown.
    """

    best: Tensor
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
    norm, answers, shown = patch_norm(units.size), [], 0
    top = torch.full((units.channels,), -torch.inf)
    best = torch.zeros(units.channels, 3, units.size, units.size)
    while shown < count:
        patches = random_crops(photographs, units.size, min(_DRAWN_AT_ONCE, count - shown), stream)
        norms = patches.flatten(1).norm(dim=1)[:, None, None, None]
        patches = patches * (norm / norms.clamp(min=_FLAT * norm))
        response = torch.cat([part.float().cpu() for _, part, _ in responses(units, patches)])
        highest, index = response.max(0)
        better = highest > top
        top, best[better] = torch.where(better, highest, top), patches[index[better]]
        answers.append(response)
        shown += len(patches)
    # NumPy's: torch.quantile refuses more than 16 million numbers.
    quantiles = np.quantile(torch.cat(answers).numpy(), _LEVELS, axis=0).T
    return NaturalResponses(best, torch.from_numpy(quantiles).float(), torch.tensor(_LEVELS), count)
