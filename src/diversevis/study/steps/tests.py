"""Measure what a layer's chosen units, or the controls, are invariant to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from diversevis.controls.name import CONTROLS
from diversevis.devices import choose_device
from diversevis.invariance.families.registry import fitting_families
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.transformation import Sampling, Trials
from diversevis.optimisation.schedule import SETS, TESTS, get_schedule
from diversevis.results.natural import NaturalResult
from diversevis.results.sets import SweepResult
from diversevis.results.tests import LayerTests
from diversevis.stimuli.natural import natural_responses
from diversevis.stimuli.photographs import load_photographs
from diversevis.study.load import load_units, origin
from diversevis.synthesis.targets import channels as as_targets

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
    families: Sequence[str],
    delta: Sequence[float],
    measure: str,
    learn_masks: bool,
    schedule: str,
    steps: int | None,
    starts: int | None,
    trial_steps: int,
    per_step: int,
    training: int,
    held_out: int,
    peak_steps: int | None,
    precision: str,
    channels: Sequence[int] | None = None,
    patches: int = 0,
) -> dict[str, Any]:
    """Write ``arrays``, ``table``, ``peaks`` and ``families`` of a layer's tests.

    Families that do not fit the layer's patches are left out and listed in the provenance.

    Parameters
    ----------
    network, layer
        Where the units are.
    device
        By name.
    seed
        Of all starts and members.
    channels
        Units; by default those of the layer's sweep, ``reads["sweep"]``, or all controls.
    patches
        Natural patches among which each unit's best is looked for, where there is no
        ``reads["natural"]``.
    families, delta, measure, learn_masks, schedule, steps, starts, trial_steps, per_step, \
training, held_out, peak_steps, precision
        As `diversevis.study.settings.Invariance`.
    """
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    if channels is None:
        channels = _of_sweep(reads) if network != CONTROLS else list(range(units.channels))
    if "natural" in reads:
        responses = NaturalResult.load(cast(Path, reads["natural"]))
        natural = torch.from_numpy(responses.best[list(channels)])
    elif network == CONTROLS:  # noise drives them
        natural = None
    else:
        shown = natural_responses(units, load_photographs(), count=patches, seed=seed)
        natural = shown.best[list(channels)]
    fitting, left_out = fitting_families(families, delta, units.size)
    result = measure_invariance(
        units,
        as_targets(units, channels),
        fitting,
        natural=natural,
        learn_masks=learn_masks,
        sampling=Sampling(per_step, training, held_out),
        trials=Trials(starts, trial_steps),
        schedule=get_schedule(schedule, TESTS, steps=steps),
        peak_schedule=get_schedule(schedule, SETS, steps=peak_steps),
        measure=measure,
        precision=precision,
        seed=seed,
        progress=True,
    )
    LayerTests.of(result).save(
        writes["arrays"], writes["table"], writes["peaks"], writes["families"]
    )
    return {**origin(network, place), "channels": list(channels), "families_left_out": left_out}


def _of_sweep(reads: Reads) -> list[int]:
    """Return the channels of a layer's sweep."""
    channels: list[int] = SweepResult.load(cast(Path, reads["sweep"])).levels[0].channels.tolist()
    return channels
