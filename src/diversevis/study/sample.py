"""Which units of a layer to look at."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from diversevis.seeds import generator


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
