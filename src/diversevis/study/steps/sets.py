"""Synthesise one set of images of each of some units, at a given diversity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from diversevis.devices import choose_device
from diversevis.optimisation.schedule import get_schedule
from diversevis.results.sets import ImageSets
from diversevis.study.load import load_units, origin
from diversevis.synthesis.diverse import diverse_sets

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(
    _reads: Reads,
    writes: Writes,
    *,
    network: str,
    layer: str,
    device: str,
    channels: Sequence[int],
    schedule: str,
    steps: int | None,
    **knobs: Any,
) -> dict[str, Any]:
    """Write ``arrays`` and ``table``; other knobs are those of `diverse_sets`."""
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    descent = get_schedule(schedule, steps=steps)
    made = diverse_sets(units, list(channels), schedule=descent, progress=True, **knobs)
    sets = ImageSets.of(made)
    sets.save(writes["arrays"], writes["table"])
    return {**origin(network, place), "distance": sets.distance}
