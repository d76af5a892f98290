"""Synthesise restarts and a diverse set of the first unit of a kind of control."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from diversevis.controls.name import CONTROLS
from diversevis.controls.sets import control_sets
from diversevis.controls.units import Controls
from diversevis.optimisation.schedule import get_schedule
from diversevis.results.sets import SweepResult
from diversevis.study.load import origin

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(
    _reads: Reads, writes: Writes, *, kind: str, schedule: str, steps: int | None, **knobs: Any
) -> dict[str, Any]:
    """Write ``arrays`` and ``table``; other knobs are those of `control_sets`."""
    descent = get_schedule(schedule, steps=steps)
    result = SweepResult.of(control_sets(Controls(kind), [0], schedule=descent, **knobs))
    result.save(writes["arrays"], writes["table"])
    return origin(CONTROLS, torch.device("cpu"))
