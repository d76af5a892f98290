"""Passes through a layer without gradients, as many patches at once as suits the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.units.contract import PIXELS, Units, placement

FEWEST = 16
"""Rows that are multiplied at once, at least: of fewer, libraries of a CPU add up the products in
another order, so that the last digits of an answer would tell how many are asked for together."""

_PATCHES = 48
"""On a CPU, maps of more patches in float32 pass 32 MiB, beyond which the allocator gives a tensor
back to the system after every use and takes it again page by page."""

_BYTES, _MOST_PATCHES = 5_000_000, 8192
"""A GPU's memory for each patch, three times what the widest early layers take at 51 px."""


def filled(rows: Tensor) -> Tensor:
    """Return at least `FEWEST` rows ``[n, ...]``: what is missing is zero."""
    missing = FEWEST - len(rows)
    return F.pad(rows, (0, 0) * (rows.ndim - 1) + (0, missing)) if missing > 0 else rows


def _patches_at_once(device: torch.device) -> int:
    if device.type != "cuda":
        return _PATCHES
    memory = torch.cuda.get_device_properties(device).total_memory
    return max(_PATCHES, min(_MOST_PATCHES, memory // _BYTES))


def at_once(units: Units, each: int = 1) -> int:
    """Return how many inputs, of which `each` gives so many patches, to show in one pass."""
    return max(1, _patches_at_once(placement(units)[0]) // each)


def responses(
    units: Units,
    inputs: Tensor,
    patches: Callable[[Tensor], Tensor] = lambda some: some,
    *,
    each: int = 1,
    tap: str = PIXELS,
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield what units answer to `inputs`, some at a time: how many, speed alone depends on.

    Parameters
    ----------
    units
        A layer of units.
    inputs
        ``[n, ...]``, patches or what they are made of.
    patches
        Makes patches ``[..., 3, s, s]`` of some of the inputs.
    each
        Patches that one input makes.
    tap
        As for `Units.respond`.

    Yields
    ------
    which
        Of the inputs.
    responses
        ``[..., channels]``, on the units' device.
    features
        ``[..., d]``, what `tap` sees of each patch.
    """
    device, dtype = placement(units)
    step = at_once(units, each)
    for begin in range(0, len(inputs), step):
        which = slice(begin, begin + step)
        with torch.no_grad():
            shown = patches(inputs[which]).to(device, dtype)
            several = shown.shape[:-3]
            answers, features = units.respond(shown.flatten(0, -4), tap)
            answers, features = (
                value.flatten(1).unflatten(0, several) for value in (answers, features)
            )
        yield which, answers, features
