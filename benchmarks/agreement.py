"""Does speed move the science? Fast settings against slower ones, unit by unit.

Optima are many, so that two runs of one unit need not end in the same one. What bfloat16 changes is
therefore shown beside what another seed changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.contenders import Bench
from benchmarks.timing import row
from benchmarks.variants import LayerSettings
from diversevis import Schedule, channels, diverse_sets
from diversevis.invariance.families.registry import build_families, get_family
from diversevis.invariance.peak import best_patches
from diversevis.invariance.transformation import Trials, transformation_test
from diversevis.optimisation.schedule import PUBLISHED as PUBLISHED_SETS
from diversevis.optimisation.schedule import PUBLISHED_TEST

LAYERS = (("vgg19", "conv2_2"), ("vgg19", "conv3_1"), ("resnet50", "layer1.1"))
FAMILIES, DELTA = ("all-shifts", "shifts", "deformations"), 2.0
CROPPED = (21, 163, 187)
RELATIVE = 0.1
"""Relative diversity ``c`` of the diverse sets."""

FAST, RESEEDED = "bfloat16, from float32", "another seed"
PUBLISHED = "fast schedule, from the published one"
RATIO, DIFFERENCE = "relative difference", "absolute difference"
CROPS = "index, subset of crops less all crops"


@dataclass(frozen=True)
class Measured:
    """What one run says of some units: their activations, and responses by family ``[units]``."""

    activation: np.ndarray
    distance: np.ndarray
    f_max: np.ndarray
    responses: Mapping[str, np.ndarray]

    def first(self, units: int) -> Measured:
        """Return the same of the first so many units."""
        return Measured(
            self.activation[:units],
            self.distance[:units],
            self.f_max[:units],
            {name: values[:units] for name, values in self.responses.items()},
        )


def agreement(
    bench: Bench, settings: LayerSettings, *, units: int, published_units: int
) -> list[dict[str, Any]]:
    """Return differences between runs of the same units: one row per unit, quantity, comparison.

    Parameters
    ----------
    bench
        Device and seed.
    settings
        Fast settings; their precision is what is varied.
    units
        Units of each of `LAYERS`.
    published_units
        So many of them are run by the published schedules too, some ten times slower; there the
        fast schedule in float32 is what differs from the reference.
    """
    rows = []
    for network, layer in LAYERS:
        here = replace(bench, network=network, layer=layer, units=units)
        slow = replace(settings, precision="float32")
        weights = _weights(here, settings.synthesis)
        reference = _measured(here, weights, slow, seed=here.seed)
        compared = {
            FAST: _measured(here, weights, settings, seed=here.seed),
            RESEEDED: _measured(here, weights, slow, seed=here.seed + 1),
        }
        for contender, other in compared.items():
            rows += _rows(here, contender, reference, other)
        if not published_units:
            continue
        few = replace(here, units=min(units, published_units))
        finer = replace(slow, synthesis=PUBLISHED_SETS, peaks=PUBLISHED_SETS, tests=PUBLISHED_TEST)
        shared = reference.first(few.units)
        published = _measured(few, weights[: few.units], finer, seed=here.seed)
        rows += _rows(few, PUBLISHED, published, shared)
    return rows


def crops(bench: Bench, settings: LayerSettings, *, steps: int) -> list[dict[str, Any]]:
    """Return how far indices of random subsets of crops are from those of all crops.

    One row per unit of `CROPPED` and size of the subset, from the same start.
    """
    trunk, targets = bench.trunk, channels(bench.trunk, CROPPED)
    family = get_family("all-shifts")(trunk.size)
    common = {"precision": settings.precision, "seed": bench.seed}
    peaks = best_patches(trunk, targets, schedule=settings.peaks, **common)
    found = {}
    few = min(steps, settings.tests.steps)
    everything = len(family.complete())
    for members in (settings.sampling.per_step, 3 * settings.sampling.per_step, everything):
        result = transformation_test(
            trunk,
            targets,
            family,
            peaks.patches,
            sampling=replace(settings.sampling, per_step=members),
            trials=Trials(starts=1),
            schedule=replace(settings.tests, steps=few, patience=few),
            **common,
        )
        found[members] = (result.responses.mean(1) / peaks.responses).numpy()
    columns = {**bench.described("engine", FAST), "images": 0, "units": len(CROPPED)}
    return [
        {
            "channel": channel,
            "members": members,
            "index": index[number],
            **row(columns, CROPS, "index", np.array([index[number] - found[everything][number]])),
        }
        for members, index in found.items()
        for number, channel in enumerate(CROPPED)
    ]


def _measured(bench: Bench, weights: Tensor, settings: LayerSettings, *, seed: int) -> Measured:
    trunk, targets = bench.trunk, channels(bench.trunk, bench.channels)
    common = {"precision": settings.precision, "seed": seed}
    activation, distance = _sets(bench, weights, settings.synthesis, settings.precision, seed)
    peaks = best_patches(trunk, targets, schedule=settings.peaks, **common)
    tests = {
        family.name: transformation_test(
            trunk,
            targets,
            family,
            peaks.patches,
            sampling=settings.sampling,
            schedule=settings.tests,
            **common,
        )
        for family in build_families(FAMILIES, [DELTA], trunk.size)
    }
    f_max = torch.stack([peaks.responses, *(test.highest for test in tests.values())]).amax(0)
    responses = {name: test.responses.mean(1).numpy() for name, test in tests.items()}
    return Measured(activation, distance, f_max.numpy(), responses)


def _weights(bench: Bench, schedule: Schedule) -> Tensor:
    """Return the weight of diversity of each unit, ``[units]``: the same for all that is compared.

    Relative to the mean distance of restarts, which unlike the smallest does not fall to nothing
    where restarts end in the same optimum.
    """
    restarts = diverse_sets(
        bench.trunk, bench.channels, images=bench.images, schedule=schedule, seed=bench.seed
    )
    return RELATIVE * restarts.activations.mean(1).clamp(min=0) / restarts.mean_distance


def _sets(
    bench: Bench, weights: Tensor, schedule: Schedule, precision: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean activations and smallest distances of diverse sets."""
    sets = diverse_sets(
        bench.trunk,
        bench.channels,
        images=bench.images,
        diversity=weights,
        schedule=schedule,
        precision=precision,
        seed=seed,
    )
    return sets.activations.mean(1).numpy(), sets.min_distance.numpy()


def _rows(bench: Bench, contender: str, one: Measured, other: Measured) -> list[dict[str, Any]]:
    relative = {
        "activation": other.activation / one.activation - 1,
        "smallest distance": other.distance / one.distance - 1,
        "f_max": other.f_max / one.f_max - 1,
    }
    # As in the tables: indices relative to the best response of any run.
    best = np.maximum(one.f_max, other.f_max)
    rows = [
        entry
        for name, values in relative.items()
        for entry in _unit_rows(bench, contender, name, RATIO, values)
    ]
    for family, responses in one.responses.items():
        values = (other.responses[family] - responses) / best
        name = f"{get_family(family).index} index"
        rows += _unit_rows(bench, contender, name, DIFFERENCE, values)
    return rows


def _unit_rows(
    bench: Bench, contender: str, name: str, unit: str, values: Sequence[float]
) -> list[dict[str, Any]]:
    columns = {**bench.described(contender, ""), "images": bench.images}
    return [
        {"channel": channel, **row(columns, name, unit, np.array([value]))}
        for channel, value in zip(bench.channels, values, strict=True)
    ]
