"""Synthesise restarts and diverse sets of a layer's chosen units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from diversevis.devices import choose_device
from diversevis.optimisation.schedule import get_schedule
from diversevis.results.sets import SweepResult
from diversevis.study.load import load_units, origin
from diversevis.study.sample import choose_units
from diversevis.synthesis.sweep import sweep
from diversevis.units.contract import check_distance, default_distance

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(
    _reads: Reads,
    writes: Writes,
    *,
    network: str,
    layer: str,
    device: str,
    seed: int,
    units: int | str = "all",
    include: Sequence[int] = (),
    channels: Sequence[int] | None = None,
    distance: str | None = None,
    schedule: str = "fast",
    steps: int | None = None,
    **knobs: Any,
) -> dict[str, Any]:
    """Write ``arrays`` and ``table`` of a sweep.

    Parameters
    ----------
    network, layer
        Where the units are.
    device
        By name.
    seed
        Of the choice of units, and of the starts.
    units, include
        As for `choose_units`, unless `channels` are given.
    distance
        Where images are to differ; by default the layer that ends the previous stage.
    schedule, steps
        As `get_schedule`.
    **knobs
        Others of `diversevis.synthesis.sweep.sweep`.
    """
    place = choose_device(device)
    of_layer = load_units(network, layer, device=place)
    if channels is None:
        name = f"{network.partition('+')[0]}/{layer}"  # a null's are those of its network
        channels = choose_units(of_layer.channels, units, include=include, seed=seed, name=name)
    if distance is None:
        distance = default_distance(of_layer)
    check_distance(of_layer, distance)
    knobs |= {"distance": distance, "schedule": get_schedule(schedule, steps=steps), "seed": seed}
    result = SweepResult.of(sweep(of_layer, channels, progress=True, **knobs))
    result.save(writes["arrays"], writes["table"])
    return {**origin(network, place), "channels": list(channels), "distance": distance}
