"""Which units of a layer to look at."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from diversevis.networks.base import NULL_MARK
from diversevis.seeds import generator
from diversevis.units.contract import Units


def drawn_units(
    of_layer: Units, count: int | str, *, include: Sequence[int] = (), seed: int = 0
) -> list[int]:
    """Return `choose_units` of a layer; those of a null are the units of its network."""
    name = f"{of_layer.network.partition(NULL_MARK)[0]}/{of_layer.layer}"
    return choose_units(of_layer.channels, count, include=include, seed=seed, name=name)


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
    if isinstance(count, str) or count >= total:
        return list(range(total))
    order = torch.randperm(total, generator=generator(seed, "units", name)).tolist()
    drawn = [channel for channel in order if channel not in include]
    return sorted([*include, *drawn[: max(0, count - len(include))]])
