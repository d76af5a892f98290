"""Measure what a kind of control is found to be invariant to; its best patches are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from diversevis.controls.filters import best_filters
from diversevis.controls.units import Controls
from diversevis.devices import choose_device
from diversevis.invariance.families.registry import fitting_families
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.transformation import Sampling, Trials
from diversevis.optimisation.schedule import SETS, TESTS, get_schedule
from diversevis.results.tests import FamilyTests, LayerTests
from diversevis.study.machine import computed_on
from diversevis.synthesis.targets import channels
from diversevis.units.patches import patch_norm

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(
    _reads: Reads,
    writes: Writes,
    *,
    kind: str,
    device: str,
    seed: int,
    families: Sequence[str],
    delta: Sequence[float],
    steps: int,
    peak_steps: int,
    starts: int,
    trial_steps: int,
    per_step: int,
    training: int,
    held_out: int,
) -> dict[str, Any]:
    """Write ``arrays``, ``table``, ``peaks`` and ``families`` of the tests of all its units.

    Canvases maximise effective contrast, and steps are taken in float32.

    Parameters
    ----------
    kind
        One of `diversevis.controls.kinds`.
    device
        By name.
    seed
        Of all starts and members.
    families, delta, steps, peak_steps, starts, trial_steps, per_step, training, held_out
        As `diversevis.study.settings.Invariance`.
    """
    place = choose_device(device)
    units = Controls(kind).to(place)
    best = best_filters(units.plain, units.filters)
    best = patch_norm(units.size) * best / best.flatten(1).norm(dim=1)[:, None, None, None]
    fitting, left_out = fitting_families(families, delta, units.size)
    result = measure_invariance(
        units,
        channels(units, range(units.channels)),
        fitting,
        known=best[:, None],
        learn_masks=False,
        sampling=Sampling(per_step, training, held_out),
        trials=Trials(starts, trial_steps),
        schedule=get_schedule("fast", TESTS, steps=steps),
        peak_schedule=get_schedule("fast", SETS, steps=peak_steps),
        seed=seed,
        progress=True,
    )
    tests = LayerTests.of(result)
    small = replace(tests, families=tuple(_without_pictures(each) for each in tests.families))
    small.save(writes["arrays"], writes["table"], writes["peaks"], writes["families"])
    return {**computed_on(place), "families_left_out": left_out}


def _without_pictures(tests: FamilyTests) -> FamilyTests:
    """Return tests without what no figure of controls shows: the files are kept with the code.

    Canvases stay where there is no displacement, in half precision: 0.06 of a grey level.
    """
    none = np.s_[:, :0]
    return replace(
        tests,
        canvases=tests.canvases.astype(np.float16) if tests.delta is None else tests.canvases[none],
        masks=tests.masks[none],
        shown=tests.shown[none],
        patches=tests.patches[none],
        unmoved=None,
        fields=None,
    )
