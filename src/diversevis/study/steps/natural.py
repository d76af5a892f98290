"""Show natural patches to all units of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diversevis.devices import choose_device
from diversevis.results.natural import NaturalResult
from diversevis.stimuli.natural import natural_responses
from diversevis.stimuli.photographs import load_photographs
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
) -> dict[str, Any]:
    """Write ``arrays``: what all units of the layer answer to so many patches."""
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    responses = natural_responses(units, load_photographs(), count=patches, seed=seed)
    NaturalResult.of(network, layer, responses).save(writes["arrays"])
    return origin(network, place)
