"""Synthesise one set of images of each of some units, at a given diversity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from diversevis.devices import choose_device
from diversevis.results.sets import ImageSets
from diversevis.study.load import load_units, origin
from diversevis.study.visualization import visualize
from diversevis.synthesis.diverse import DiverseSets

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
    **knobs: Any,
) -> dict[str, Any]:
    """Write ``arrays`` and ``table``; other knobs are those of `visualize`."""
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    sets = ImageSets.of(cast(DiverseSets, visualize(units, channels=list(channels), **knobs)))
    sets.save(writes["arrays"], writes["table"])
    return {**origin(network, place), "distance": sets.distance}
