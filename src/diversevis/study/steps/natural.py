"""Show natural patches to all units of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from diversevis.devices import choose_device
from diversevis.results.natural import NaturalResult
from diversevis.stimuli.natural import natural_responses
from diversevis.stimuli.pictures import shown_photographs
from diversevis.study.load import load_units, origin

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
    patches: int,
    photographs: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write ``arrays``: what all units of the layer answer to so many patches of `photographs`."""
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    responses = natural_responses(units, shown_photographs(photographs), count=patches, seed=seed)
    NaturalResult.of(network, layer, responses).save(writes["arrays"])
    return origin(network, place)
