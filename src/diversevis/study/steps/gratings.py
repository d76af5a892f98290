"""Find the best grating of a layer's chosen units, and their modulation by its phase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from diversevis.devices import choose_device
from diversevis.invariance.grating_response import best_gratings
from diversevis.results.sets import SweepResult
from diversevis.results.units import save_gratings
from diversevis.study.load import load_units, origin

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(
    reads: Reads, writes: Writes, *, network: str, layer: str, device: str, seed: int
) -> dict[str, Any]:
    """Write ``table``, one row per unit of ``sweep``."""
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    channels = SweepResult.load(cast(Path, reads["sweep"])).levels[0].channels.tolist()
    save_gratings(writes["table"], best_gratings(units, channels, seed=seed))
    return {**origin(network, place), "channels": channels}
