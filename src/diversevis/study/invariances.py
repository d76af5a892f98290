"""What `invariance` measures: indices of units, from names and numbers alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from diversevis.invariance.families.base import Family
from diversevis.invariance.families.registry import build_families
from diversevis.invariance.measure import Invariance, measure_invariance
from diversevis.invariance.transformation import Sampling, Trials
from diversevis.measures import CONTRAST
from diversevis.optimisation.schedule import SETS, TESTS, Schedule, get_schedule
from diversevis.stimuli.natural import scenes
from diversevis.study.load import units_of
from diversevis.study.natural import PATCHES, best_natural
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import Units


def invariance(
    network: str | Units,
    layer: str | None = None,
    channels: Targets | Sequence[int] | int | None = None,
    *,
    families: Sequence[str | type[Family]] = ("all-shifts", "shifts", "deformations"),
    delta: Sequence[float] = (1.0, 2.0, 3.0),
    measure: str = CONTRAST,
    learn_masks: bool = True,
    schedule: str | Schedule = "fast",
    steps: int | None = None,
    starts: int | None = None,
    trial_steps: int = 15,
    per_step: int = 16,
    training: int = 256,
    held_out: int = 128,
    peak_steps: int | None = None,
    precision: str | None = None,
    patches: int = PATCHES,
    photographs: Tensor | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> Invariance:
    """Return what units are invariant to: the best canvas of every family, and what it reaches.

    As ``diversevis invariance NETWORK LAYER CHANNEL ...``.

    Parameters
    ----------
    network, layer, channels
        As for `visualize`.
    families
        Names of families of transformations (`diversevis.families` lists them), or classes.
    delta
        Displacements of those that have a strength, in pixels per 24 px of patch.
    measure
        What canvases maximise: ``"contrast"``, effective contrast, or ``"response"``, as published.
    learn_masks
        Repeat the test of all shifts with a learned mask.
    schedule, steps
        Of canvases: ``"fast"``, ``"published"`` or a `Schedule`, and steps at most.
    starts, trial_steps
        Starts of a canvas, by default 3 (published: 1), and steps after which the best goes on.
    per_step, training, held_out
        Members in a step, members that steps draw from, and others that are evaluated.
    peak_steps
        Of the restarts that find each unit's best patch.
    precision, patches, photographs, seed, device, progress
        As for `visualize`.

    Returns
    -------
    Invariance
        ``.f_max`` ``[units]``; ``.peaks.patches`` ``[units, 3, s, s]``; one of ``.families`` for
        each family and displacement, with ``canvases`` ``[units, 3, side, side]`` and ``responses``
        ``[units, members]``. ``.to_pandas()`` has every index beside its linear surrogate's,
        ``.show()`` a page for each unit.

    Raises
    ------
    UserError
        For names, numbers and settings that cannot be, before anything is computed;
        `NonFiniteLossError` if a loss becomes infinite.

    Examples
    --------
    >>> import diversevis as dv
    >>> found = dv.invariance(
    ...     "controls", "complex", 2, families=["shifts"], delta=[2], steps=2, peak_steps=2,
    ...     training=8, held_out=4, per_step=2, progress=False,
    ... )
    >>> found.families[0].responses.shape
    torch.Size([1, 4])
    """
    units = units_of(network, layer, device=device)
    targets = as_targets(units, () if channels is None else channels)
    return measured(
        units,
        targets,
        build_families(families, delta, units.size),
        of_channels=not isinstance(channels, Targets),
        schedule=schedule,
        steps=steps,
        starts=starts,
        trial_steps=trial_steps,
        per_step=per_step,
        training=training,
        held_out=held_out,
        peak_steps=peak_steps,
        patches=patches,
        photographs=photographs,
        measure=measure,
        learn_masks=learn_masks,
        precision=precision,
        seed=seed,
        progress=progress,
    )


def measured(
    units: Units,
    targets: Targets,
    families: Sequence[Family],
    *,
    schedule: str | Schedule,
    steps: int | None,
    starts: int | None,
    trial_steps: int,
    per_step: int,
    training: int,
    held_out: int,
    peak_steps: int | None,
    patches: int,
    seed: int,
    natural: Tensor | None = None,
    photographs: Tensor | None = None,
    of_channels: bool = True,
    **settings: Any,
) -> Invariance:
    """Return the indices of targets for families that fit their units: `invariance`, and its step.

    Parameters
    ----------
    units, targets, families, natural
        As for `measure_invariance`.
    schedule, steps, starts, trial_steps, per_step, training, held_out, peak_steps
        As for `invariance`.
    patches, photographs, seed
        Of natural patches, unless `natural` is given.
    of_channels
        Whether targets are channels, whose best natural patches are known.
    **settings
        Others of `measure_invariance`.
    """
    sampling, trials = Sampling(per_step, training, held_out), Trials(starts, trial_steps)
    descent = get_schedule(schedule, TESTS, steps=steps)
    of_peaks = get_schedule(schedule, SETS, steps=peak_steps)
    if natural is None and of_channels:
        found = best_natural(units, patches, photographs, seed)
        if found is not None:
            places = found[0].places[[int(name) for name in targets.names], 0]
            natural = surroundings(found[1], places, units, families)
    return measure_invariance(
        units,
        targets,
        families,
        natural=natural,
        sampling=sampling,
        trials=trials,
        schedule=descent,
        peak_schedule=of_peaks,
        seed=seed,
        **settings,
    )


def surroundings(
    photographs: Tensor, places: Tensor, units: Units, families: Sequence[Family]
) -> Tensor:
    """Return patches with as much around them as canvases have, ``[k, 3, S, S]``.

    Parameters
    ----------
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255.
    places
        ``[k, 3]``, photograph, top and left of each patch.
    units, families
        Of the tests that start from them.
    """
    largest = max([units.size, *(family.side for family in families)])
    return scenes(photographs, places, units.size, math.ceil((largest - units.size) / 2))
