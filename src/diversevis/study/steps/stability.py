"""Measure the relative stability of a layer's chosen diverse sets to deformations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from diversevis.devices import choose_device
from diversevis.invariance.families.deformations import Deformations
from diversevis.invariance.stability import relative_stability
from diversevis.results.formats import write_rows
from diversevis.results.sets import SweepResult
from diversevis.results.units import STABILITY_COLUMNS, stability_rows
from diversevis.study.load import load_units, origin

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(
    reads: Reads,
    writes: Writes,
    *,
    network: str,
    layer: str,
    device: str,
    seed: int,
    delta: Sequence[float],
) -> dict[str, Any]:
    """Write ``table``, one row per unit of ``sweep`` and displacement.

    Where patches are too small to be deformed it has a header alone.
    """
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    sets = SweepResult.load(cast(Path, reads["sweep"])).chosen
    channels, images = sets.channels.tolist(), torch.from_numpy(sets.images)
    rows = []
    if units.size >= Deformations.smallest:
        for strength in delta:
            result = relative_stability(units, channels, images, delta=strength, seed=seed)
            rows += stability_rows(network, layer, channels, strength, result)
    write_rows(writes["table"], rows, STABILITY_COLUMNS)
    return {**origin(network, place), "channels": channels}
