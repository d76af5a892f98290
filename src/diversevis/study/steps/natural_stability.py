"""Measure how stable units are on the natural patches that drive them most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from diversevis.devices import choose_device
from diversevis.invariance.contrast import ContrastCurves, contrast_curves
from diversevis.invariance.families.base import Warps
from diversevis.invariance.families.registry import fitting_families
from diversevis.invariance.natural_stability import natural_stability
from diversevis.invariance.transformation import Sampling, split_members
from diversevis.results.best import best_of
from diversevis.results.formats import Array, write_rows
from diversevis.results.natural import NaturalResult
from diversevis.results.tests import load_tests
from diversevis.stimuli.natural import natural_responses, scenes
from diversevis.stimuli.pictures import shown_photographs
from diversevis.study.load import load_units, origin
from diversevis.synthesis.surrogate_set import Surrogates
from diversevis.synthesis.targets import Targets
from diversevis.synthesis.targets import channels as as_targets
from diversevis.units.contract import Units

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes

COLUMNS = (
    *("network", "layer", "channel", "family", "delta"),
    *("value", "surrogate", "undisturbed", "surrogate_undisturbed", "patches"),
)
"""Of each unit, family and displacement: as `diversevis.invariance.natural_stability` says, for the
unit and for its linear surrogate, and how many natural patches the unit had."""


def run(
    reads: Reads,
    writes: Writes,
    *,
    network: str,
    layer: str,
    device: str,
    seed: int,
    delta: Sequence[float],
    families: Sequence[str] = ("shifts", "deformations"),
    held_out: int = 32,
    photographs: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write ``table``, one row per unit of ``tests``, family and displacement.

    Units that nothing drives, or whose contrast curve is flat, have no values. Linear surrogates
    are shown the natural patches that drive them most, of the same ones.

    Parameters
    ----------
    network, layer
        Where the units are.
    device
        By name.
    seed
        Of the members, and of the natural patches among which surrogates have their best.
    delta
        Root mean square displacements, in pixels per 24 px of patch.
    families
        Those that move pixels; the ones that do not fit the layer's patches are left out.
    held_out
        Members: drawn as those that the tests evaluate.
    photographs
        A user's own, as `own_pictures`.
    """
    place = choose_device(device)
    units = load_units(network, layer, device=place)
    natural = NaturalResult.load(cast(Path, reads["natural"]))
    tests = load_tests(cast(Sequence[Path], reads["tests"]))
    channels, best = tests[0].channels.tolist(), best_of(tests)
    curves = ContrastCurves(torch.from_numpy(best.contrast))
    pictures = shown_photographs(photographs)
    places = _there(natural.places[channels])
    counts = [len(own) for own in places]
    measured = (best.f_max > 0) & ~curves.flat.numpy() & (np.array(counts) > 0)
    of = np.flatnonzero(measured).tolist()
    pairs: list[tuple[Units, Targets, list[Tensor], ContrastCurves]] = []
    if of:
        # Surrogates have best patches of their own: all units that are linear up to an output
        # nonlinearity share them.
        patches = torch.from_numpy(best.patches[of])
        surrogates = Surrogates(units, patches)
        own = natural_responses(surrogates, pictures, count=natural.count, seed=seed)
        every = as_targets(surrogates, range(len(of)))
        pairs = [
            (
                units,
                as_targets(units, [channels[unit] for unit in of]),
                [places[unit] for unit in of],
                curves[torch.tensor(of)],
            ),
            (
                surrogates,
                every,
                _there(own.places.numpy()),
                contrast_curves(surrogates, every, patches),
            ),
        ]
    fitting, left_out = fitting_families(families, delta, units.size)
    rows = []
    for family in fitting:
        if not isinstance(family, Warps):  # all shifts, say: patches have no such surroundings
            continue
        _, members = split_members(family, Sampling(held_out=held_out), seed)
        values = np.full((4, len(channels)), np.nan)
        for number, (layer_of, targets, at, their) in enumerate(pairs):
            shown = [scenes(pictures, some, units.size, family.margin) for some in at]
            found = natural_stability(layer_of, targets, shown, family, members, their)
            values[number, of], values[number + 2, of] = found.value, found.undisturbed
        for channel, *row in zip(channels, *values.tolist(), counts, strict=True):
            about = (network, layer, channel, family.name, family.delta)
            rows.append(dict(zip(COLUMNS, (*about, *row), strict=True)))
    write_rows(writes["table"], rows, COLUMNS)
    return {**origin(network, place), "channels": channels, "families_left_out": left_out}


def _there(places: Array) -> list[Tensor]:
    """Return the places of each unit's patches, without the -1 where there are fewer."""
    return [torch.from_numpy(own[own[:, 0] >= 0].astype(np.int64)) for own in places]
