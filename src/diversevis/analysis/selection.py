"""Which units to look at, and how diverse their sets may be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from diversevis.synthesis.seeds import generator


def choose_units(
    total: int, count: int | str, *, include: Sequence[int] = (), seed: int = 0, name: str = ""
) -> list[int]:
    """Return the channels to look at in a layer, in rising order.

    Parameters
    ----------
    total
        Channels in the layer.
    count
        How many to draw at random, or ``"all"``.
    include
        Channels that are always among them; they count.
    seed, name
        Seed and name of the draw. A larger `count` extends a smaller one: its units are among those
        of every larger scale.
    """
    if count == "all" or count >= total:
        return list(range(total))
    order = torch.randperm(total, generator=generator(seed, "units", name)).tolist()
    drawn = [channel for channel in order if channel not in include]
    return sorted([*include, *drawn[: max(0, count - len(include))]])


def select_diversity(activation: Tensor, *, fraction: float = 0.9) -> Tensor:
    """Return, for each unit, the largest diversity that keeps `fraction` of restart activation.

    Parameters
    ----------
    activation
        ``[levels, units]``, mean activation of each set; level 0 holds the restarts, the others
        rise in diversity.
    fraction
        Share of the restarts' activation to keep.

    Returns
    -------
    Tensor
        ``[units]``, indices of levels. 0 where no diverse set keeps enough, or where the restarts
        themselves do not drive the unit above zero.
    """
    keeps = activation >= fraction * activation[0]
    keeps[0] = True
    levels = torch.arange(len(activation))[:, None]
    chosen = torch.where(keeps, levels, 0).amax(0)
    return torch.where(activation[0] > 0, chosen, 0)
