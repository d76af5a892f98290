"""What a job needs of a machine, at most: what a cluster is asked for."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from diversevis.optimisation.schedule import SETS, TESTS, get_schedule
from diversevis.study.stage import Job, Place, Run, Stage

_MINUTES, _MEBIBYTES, _CUDA = 10, 1000, 3000
"""What every job takes: to start and load, PyTorch itself, and CUDA's libraries with it."""

_SECONDS, _POWER = 2.7e-7, 1.3
"""Of a core, for each patch in each step, times its pixels to this power."""

_SLOWER = 2
"""How much slower a node's core may be than the one that was measured."""

_PER_PIXEL, _PER_NATURAL = 0.01, 0.0125
"""MiB that are held for each pixel of a patch of each unit, and for each natural patch."""

_ANYWAY, _PEAKS = 1000, 6
"""Patches that each unit is shown beside all steps, and restarts that find its best response."""


def needs(stage: Stage, run: Run, place: Place, attempt: int = 1) -> dict[str, int]:
    """Return what a job needs at most.

    Parameters
    ----------
    stage, run, place
        Of the job.
    attempt
        Its number, from 1: each is given as much more as the first.

    Returns
    -------
    dict
        ``mem_mb`` in MiB, ``runtime`` in minutes, both whole numbers.

    Notes
    -----
    Time is a base, plus patches times steps times pixels to the power 1.3, on one core: more cores
    and GPUs take less. Memory is a base plus a term in units times pixels, twice that of tests.
    Fitted to the jobs of the scale standard, 32 units of eight layers in bfloat16 on two cores of
    an AMD EPYC: where they took minutes it was a half of the bound (VGG-19) to a sixteenth
    (ResNet-50), and a fifth of its memory at least. What CUDA takes is not measured; a run whose
    device is ``cpu`` does not ask for it.
    """
    if stage.local:
        return {"mem_mb": _MEBIBYTES * attempt, "runtime": _MINUTES * attempt}
    made = dict(stage.settings(run, place))
    seconds, held = bounds(made, *_shape(run, made, place))
    held += 0 if run.settings.device == "cpu" else _CUDA
    return {
        "mem_mb": math.ceil(held) * attempt,
        "runtime": (_MINUTES + math.ceil(seconds / 60)) * attempt,
    }


def bounds(made: Mapping[str, Any], units: int, pixels: int) -> tuple[float, float]:
    """Return how many seconds of a core a job takes at most, and how many MiB.

    Parameters
    ----------
    made
        Its settings.
    units
        How many units it is about.
    pixels
        Of a patch.
    """
    tests = "families" in made and "steps" in made
    natural = made.get("patches", 0)
    shown = units * (_ANYWAY + (_of_tests(made) if tests else _of_sets(made))) + natural
    held = (_MEBIBYTES + _PER_PIXEL * units * pixels) * (2 if tests else 1)
    return _SLOWER * _SECONDS * shown * pixels**_POWER, held + _PER_NATURAL * natural


def foretold(found: Sequence[Job]) -> str:
    """Return in words what jobs take at most, one after the other."""
    every = [needs(job.stage, job.run, job.place) for job in found]
    minutes = sum(need["runtime"] - _MINUTES for need in every) + 1
    return in_words(60 * minutes, max((need["mem_mb"] for need in every), default=_MEBIBYTES))


def in_words(seconds: float, held: float) -> str:
    """Return bounds in words, rounded up to minutes and to tenths of a GiB."""
    minutes = math.ceil(seconds / 60)
    time = f"{minutes} min" if minutes < 120 else f"{math.ceil(minutes / 60)} h"
    return f"at most {time} on one core, less on several or on a GPU; {held / 1024:.1f} GiB"


def units_at(run: Run, place: Place) -> int:
    """Return how many units a job is about, at most: those of a layer, or of a part of it."""
    network, layer = place["network"], place["layer"]
    _, total = _shape_at(network, layer)
    asked = run.settings.units_of(network, layer)
    if asked["units"] != "all":
        total = min(total, int(max(asked["units"], len(asked["include"]))))
    return math.ceil(total / run.settings.parts_of(network, layer)) if "part" in place else total


def _shape(run: Run, made: Mapping[str, Any], place: Place) -> tuple[int, int]:
    """Return how many units a job is about, and the pixels of a patch."""
    if "kind" in made:
        from diversevis.controls.units import Controls

        return Controls.channels, Controls.size**2
    if "layer" not in made:
        return 0, 0
    at = {"network": made["network"], "layer": made["layer"], **place}
    side, _ = _shape_at(at["network"], at["layer"])
    if "patches" in made:  # natural ones are shown to all units at once
        return 1, side**2
    units = units_at(run, at)
    return min(units, made.get("first", units)), side**2


@functools.cache
def _shape_at(network: str, layer: str) -> tuple[int, int]:
    """Return the side of a layer's receptive field, in pixels, and its number of units."""
    # Here alone: whoever submits jobs has PyTorch loaded, other readers of this file need none.
    from diversevis.study.named import shape_of

    shape = shape_of(network, layer)
    return shape.size, shape.units


def _of_tests(made: Mapping[str, Any]) -> int:
    """Return how many patches of a unit transformation tests show, in all their steps."""
    schedule = made.get("schedule", "fast")
    canvases = len(made["families"]) * len(made["delta"]) + made.get("learn_masks", False)
    steps = get_schedule(schedule, TESTS, steps=made["steps"]).steps
    trials = (made["starts"] or 3) * made["trial_steps"]
    peaks = get_schedule(schedule, SETS, steps=made["peak_steps"]).steps
    return int(canvases * made["per_step"] * (steps + trials) + _PEAKS * peaks)


def _of_sets(made: Mapping[str, Any]) -> int:
    """Return how many patches of a unit its restarts and sets are made of, in all their steps."""
    if "images" not in made:
        return 0
    steps = get_schedule(made["schedule"], SETS, steps=made["steps"]).steps
    return int(made["images"] * (1 + len(made.get("grid", [0.0]))) * steps)
