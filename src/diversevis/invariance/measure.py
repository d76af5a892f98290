"""Invariance indices of a layer's units: every family relative to the unit's best patch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diversevis.errors import unknown_name
from diversevis.invariance.contrast import ContrastCurves, contrast_curves
from diversevis.invariance.families.base import Family
from diversevis.invariance.peak import Peaks, best_patches, higher, polished
from diversevis.invariance.transformation import (
    FamilyResponses,
    Sampling,
    Trials,
    require_room,
    transformation_test,
)
from diversevis.measures import CONTRAST, MEASURES
from diversevis.optimisation.schedule import TESTS, Schedule, get_schedule
from diversevis.seeds import check_seed
from diversevis.stimuli.natural import middle
from diversevis.synthesis.diverse import measure as activations
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import PIXELS, Units, check_shape
from diversevis.views import Views


@dataclass(frozen=True, repr=False)
class Invariance(Views):
    """Indices of some units of a layer.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    names : tuple of str
        The targets' names.
    peaks : Peaks
        Best patches found by anything, polished.
    families : tuple of FamilyResponses
        Canvases and responses, one for each family and displacement.
    curves : ContrastCurves
        Of the best patches.
    measure : str
        What canvases maximise: one of `diversevis.measures.MEASURES`.
    seed : int
        Seed of all of it.
    """

    network: str
    layer: str
    names: tuple[str, ...]
    peaks: Peaks
    families: tuple[FamilyResponses, ...]
    curves: ContrastCurves
    measure: str
    seed: int

    @property
    def f_max(self) -> Tensor:
        """Best response to any single patch of the norm budget, ``[units]``.

        The restarts' best, and never below what a member reaches at full norm.
        """
        highest = [responses.highest for responses in self.families]
        return torch.stack([self.peaks.responses, *highest]).amax(0)


def measure_invariance(
    units: Units,
    targets: Targets,
    families: Sequence[Family],
    *,
    natural: Tensor | None = None,
    known: Tensor | None = None,
    learn_masks: bool = True,
    sampling: Sampling | None = None,
    trials: Trials | None = None,
    schedule: str | Schedule = "fast",
    peak_schedule: str | Schedule = "fast",
    measure: str = CONTRAST,
    seed: int = 0,
    **settings: Any,
) -> Invariance:
    """Return the indices of units for several families of transformations.

    Parameters
    ----------
    units, targets
        As for `diversevis.diverse_sets`.
    families
        For patches of the units' size.
    natural
        ``[targets, 3, S, S]``, the best natural patch of each unit, the middle of side ``s``, of
        the norm budget, and what surrounds it if ``S`` is larger: starts of best patches, see
        `best_patches`, and of canvases.
    known
        ``[targets, n, 3, s, s]``, other patches of the norm budget that may drive a unit more than
        restarts do.
    learn_masks
        Repeat the tests of families that allow it (all shifts) with a learned mask.
    sampling, trials, schedule
        Of the transformation tests, as for `transformation_test`.
    peak_schedule
        Of the restarts: ``"fast"``, ``"published"``, or a `Schedule`.
    measure
        What canvases maximise the mean of: ``"response"``, as published, or ``"contrast"``,
        effective contrast.
    seed
        Of all starts and members.
    **settings
        ``precision``, ``chunk``, ``progress`` as for `diversevis.diverse_sets`.

    Raises
    ------
    UserError
        As `best_patches` and `transformation_test`, before anything is computed.

    Notes
    -----
    Best patches, to which indices refer, are the best of restarts, of `known` ones, and of all
    members at full norm, polished by small steps in the units' own precision before and after the
    tests.
    """
    targets, seed = as_targets(units, targets), check_seed(seed)
    schedule, peak_schedule = get_schedule(schedule, TESTS), get_schedule(peak_schedule)
    if measure not in MEASURES:
        raise unknown_name("measure", measure, MEASURES)
    for family in families:
        require_room(units, len(targets), family, sampling or Sampling())
    shape = (len(targets), 3, units.size, units.size)
    if natural is not None:
        side = max(units.size, *natural.shape[-1:])
        check_shape("natural patches", natural, (len(targets), 3, side, side))
    if known is not None:
        check_shape("known patches", known, (len(targets), "n", *shape[1:]))
    peaks = best_patches(
        units,
        targets,
        natural=None if natural is None else middle(natural, units.size),
        seed=seed,
        schedule=peak_schedule,
        **settings,
    )
    if known is not None:
        answers, _ = activations(units, targets, known, distance=PIXELS)
        best = answers.argmax(1)
        each = torch.arange(len(targets))
        peaks = higher(peaks, known[each, best], answers[each, best])
    own = {name: value for name, value in settings.items() if name != "precision"}

    def polish(found: Peaks) -> Peaks:
        return polished(units, targets, found, schedule=peak_schedule, seed=seed, **own)

    peaks = polish(peaks)
    curves = contrast_curves(units, targets, peaks.patches) if measure == CONTRAST else None
    results = []
    for family in families:
        masks = (False, True) if learn_masks and family.learns_mask else (False,)
        results += [
            transformation_test(
                units,
                targets,
                family,
                peaks.patches,
                learn_mask=learn_mask,
                sampling=sampling,
                trials=trials,
                schedule=schedule,
                curves=curves,
                natural=natural,
                seed=seed,
                **settings,
            )
            for learn_mask in masks
        ]
    peaks = polish(
        functools.reduce(lambda best, one: higher(best, one.top, one.highest), results, peaks)
    )
    return Invariance(
        network=units.network,
        layer=units.layer,
        names=targets.names,
        peaks=peaks,
        families=tuple(results),
        curves=contrast_curves(units, targets, peaks.patches),
        measure=measure,
        seed=seed,
    )
