"""How distinct a layer's chosen diverse sets are beside those of the units' linear surrogates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from diversevis.devices import choose_device
from diversevis.invariance.contrast import ContrastCurves
from diversevis.optimisation.schedule import get_schedule
from diversevis.results.best import best_of
from diversevis.results.formats import Array, write_rows
from diversevis.results.sets import SweepResult
from diversevis.results.tests import NEVER_DRIVEN, load_tests
from diversevis.study.load import load_units, origin
from diversevis.synthesis.surrogate_set import surrogate_set_distances

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes

COLUMNS = (
    *("network", "layer", "channel"),
    *("share", "unit_distance", "surrogate_set_distance", "surrogate_set_ratio"),
    *("level", "level_distance", "level_ratio", "reason"),
)
"""Of each unit: mean effective contrast of its chosen set over that of its restarts, the smallest
distance in that set, its surrogate's at the same share, the first over the second; then the set's
mean effective contrast itself, and the same at this one. Restarts may end below the best patch, and
a surrogate's all reach it: relative to them a unit's set looks as if it gave up less. Last, why
there is none."""

_MOST_SHARE = 0.999
"""Sets that keep more, or gain, count as if they kept this: what a linear unit could do for less is
next to nothing, and the ratio a lower bound."""


def run(
    reads: Reads,
    writes: Writes,
    *,
    network: str,
    layer: str,
    device: str,
    seed: int,
    images: int,
    schedule: str,
    steps: int | None,
    precision: str,
    distance: str | None = None,
) -> dict[str, Any]:
    """Write ``table``, one row per unit of ``sweep``.

    Best patches are those of ``tests``, of all seeds.

    Parameters
    ----------
    network, layer
        Where the units are.
    device
        By name.
    seed, images, schedule, steps, precision
        As of the sweep.
    distance
        Where images are to differ; by default where those of the sweep do.
    """
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    sweep = SweepResult.load(cast(Path, reads["sweep"]))
    restarts, chosen = sweep.levels[0], sweep.chosen
    channels = restarts.channels.tolist()
    best = best_of(load_tests(cast(Sequence[Path], reads["tests"])))
    curves = ContrastCurves(torch.from_numpy(best.contrast))

    def reached(activations: Array) -> Tensor:
        return curves.effective(torch.from_numpy(activations).to(curves.responses)).mean(1).float()

    above = reached(restarts.activations)
    level = reached(chosen.activations)
    share = torch.where(above > 0, level / above, torch.nan)
    apart = torch.from_numpy(chosen.min_distance)
    reasons = [
        _reason(*of_unit)
        for of_unit in zip(
            best.f_max,
            curves.flat.tolist(),
            sweep.selected,
            share.tolist(),
            apart.tolist(),
            strict=True,
        )
    ]
    usable = [number for number, reason in enumerate(reasons) if not reason]
    linear = torch.full((2, len(channels)), torch.nan)
    if usable:
        linear[:, usable] = surrogate_set_distances(
            units,
            [channels[number] for number in usable],
            torch.from_numpy(best.patches[usable]),
            torch.stack([share, level])[:, usable].clamp(max=_MOST_SHARE),
            apart[usable],
            images=images,
            distance=distance or restarts.distance,
            seed=seed,
            schedule=get_schedule(schedule, steps=steps),
            precision=precision,
            progress=True,
        )
    at_share, at_level = linear
    values = (share, apart, at_share, apart / at_share, level, at_level, apart / at_level)
    columns = zip(channels, *(of_units.tolist() for of_units in values), reasons, strict=True)
    rows = [dict(zip(COLUMNS, (network, layer, *row), strict=True)) for row in columns]
    write_rows(writes["table"], rows, COLUMNS)
    return {**origin(network, place), "channels": channels}


def _reason(f_max: float, flat: bool, level: int, share: float, apart: float) -> str:
    """Return why a unit has no surrogate's distance; empty if it has one."""
    if not f_max > 0:
        return NEVER_DRIVEN
    if flat:
        return "its contrast curve is flat"
    if level == 0:
        return "no diverse set keeps enough of its activation"
    if not share > 0:
        return "its images do no more than grey"
    return "" if apart > 0 else "the images of its set coincide"
