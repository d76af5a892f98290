"""Measure what a layer's chosen units, or the controls, are invariant to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from diversevis.devices import choose_device
from diversevis.invariance.families.registry import fitting_families
from diversevis.results.natural import NaturalResult
from diversevis.results.sets import SweepResult
from diversevis.results.tests import LayerTests
from diversevis.stimuli.pictures import shown_photographs
from diversevis.study.invariances import measured, surroundings
from diversevis.study.load import load_units, origin
from diversevis.study.sample import drawn_units
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
    units: int | str = "all",
    include: Sequence[int] = (),
    units_seed: int = 0,
    first: int | None = None,
    patches: int = 0,
    photographs: Mapping[str, str] | None = None,
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
        Units; by default those of the layer's sweep, ``reads["sweep"]``; without one those that
        `units`, `include` and `units_seed` draw, see `drawn_units`.
    first
        Only so many of them.
    patches
        Natural patches among which each unit's best is looked for, where there is no
        ``reads["natural"]``.
    photographs
        A user's own, as `own_pictures`.
    families, delta, measure, learn_masks, schedule, steps, starts, trial_steps, per_step, \
training, held_out, peak_steps, precision
        As `diversevis.study.settings.Invariance`.
    """
    place = choose_device(device)
    of_layer = load_units(network, layer, device=place)
    if channels is None and "sweep" in reads:
        channels = _sweep(reads).levels[0].channels.tolist()
    elif channels is None:
        channels = drawn_units(of_layer, units, include=include, seed=units_seed)
    channels = list(channels)[:first]
    fitting, left_out = fitting_families(families, delta, of_layer.size)
    natural = None
    own = None if photographs is None else shown_photographs(photographs)
    if "natural" in reads:
        places = NaturalResult.load(cast(Path, reads["natural"])).places[channels, 0]
        shown = shown_photographs() if own is None else own
        natural = surroundings(shown, torch.from_numpy(places), of_layer, fitting)
    result = measured(
        of_layer,
        as_targets(of_layer, channels),
        fitting,
        natural=natural,
        known=_of_sweep(reads, channels) if "sweep" in reads else None,
        learn_masks=learn_masks,
        schedule=schedule,
        steps=steps,
        starts=starts,
        trial_steps=trial_steps,
        per_step=per_step,
        training=training,
        held_out=held_out,
        peak_steps=peak_steps,
        patches=patches,
        photographs=own,
        measure=measure,
        precision=precision,
        seed=seed,
        progress=True,
    )
    LayerTests.of(result).save(
        writes["arrays"], writes["table"], writes["peaks"], writes["families"]
    )
    return {**origin(network, place), "channels": channels, "families_left_out": left_out}


def _sweep(reads: Reads) -> SweepResult:
    return SweepResult.load(cast(Path, reads["sweep"]))


def _of_sweep(reads: Reads, channels: Sequence[int]) -> Tensor:
    """Return each unit's best image at every level of its sweep, ``[units, levels, 3, s, s]``."""
    levels = [level.take(channels) for level in _sweep(reads).levels]
    each = np.arange(len(channels))
    best = [level.images[each, level.activations.argmax(1)] for level in levels]
    return torch.from_numpy(np.stack(best, 1))
