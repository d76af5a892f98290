"""Invariance indices of a layer's units: every family relative to the unit's best patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diversevis.invariance.families import Family
from diversevis.invariance.peak import Peaks, best_patches
from diversevis.invariance.transformation import (
    DEFAULT_SAMPLING,
    TEXTURE,
    FamilyResponses,
    Sampling,
    Trials,
    transformation_test,
)
from diversevis.synthesis.engine import DEFAULT, Schedule
from diversevis.synthesis.targets import Targets
from diversevis.units import Units

COLUMNS = (
    "network",
    "layer",
    "channel",
    "family",
    "delta",
    "mean",
    "p10",
    "min",
    "surrogate_mean",
    "f_max",
    "members",
    "seed",
    "mask",
    "from_noise",
    "left_out",
)
NEVER_DRIVEN = "no patch drives it above zero"


@dataclass(frozen=True)
class Invariance:
    """Indices of some units of a layer.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    names : tuple of str
        The targets' names.
    peaks : Peaks
        Best patches found by restarts.
    families : tuple of FamilyResponses
        Canvases and responses, one for each family and displacement.
    seed : int
        Seed of all of it.
    """

    network: str
    layer: str
    names: tuple[str, ...]
    peaks: Peaks
    families: tuple[FamilyResponses, ...]
    seed: int

    @property
    def f_max(self) -> Tensor:
        """Best response to any single patch of the norm budget, ``[units]``.

        The restarts' best, and never below what a member reaches at full norm.
        """
        highest = [responses.highest for responses in self.families]
        return torch.stack([self.peaks.responses, *highest]).amax(0)

    def index(self, responses: FamilyResponses) -> Tensor:
        """Return the responses relative to `f_max`, ``[units, members]``; NaN if never driven."""
        f_max = self.f_max
        return responses.responses / torch.where(f_max > 0, f_max, torch.nan)[:, None]


def measure_invariance(
    units: Units,
    targets: Targets,
    families: Sequence[Family],
    *,
    natural: Tensor | None = None,
    learn_masks: bool = True,
    sampling: Sampling = DEFAULT_SAMPLING,
    trials: Trials | None = None,
    schedule: Schedule = TEXTURE,
    peak_schedule: Schedule = DEFAULT,
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
        ``[targets, 3, s, s]``, the best natural patch of each unit, see `best_patches`.
    learn_masks
        Repeat the all-shift test with a learned mask.
    sampling, trials, schedule
        Of the transformation tests.
    peak_schedule
        Of the restarts.
    seed
        Of all starts and members.
    **settings
        ``compute_dtype``, ``chunk``, ``progress`` as for `diversevis.diverse_sets`.
    """
    peaks = best_patches(
        units, targets, natural=natural, seed=seed, schedule=peak_schedule, **settings
    )
    results = []
    for family in families:
        masks = (False, True) if learn_masks and family.name == "all-shifts" else (False,)
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
                seed=seed,
                **settings,
            )
            for learn_mask in masks
        ]
    return Invariance(units.network, units.layer, targets.names, peaks, tuple(results), seed)


def rows(result: Invariance) -> list[dict[str, Any]]:
    """Return one row a unit and family with the columns `COLUMNS`.

    ``mean``, ``p10`` and ``min`` are over members, relative to ``f_max``; NaN for units that
    nothing drives above zero, with the reason in ``left_out``. ``from_noise`` is the best response
    that starts from noise alone reached.
    """
    f_max = result.f_max.tolist()
    table = []
    for responses in result.families:
        index = result.index(responses).double().numpy()
        for unit, name in enumerate(result.names):
            driven = f_max[unit] > 0
            values = (
                result.network,
                result.layer,
                name,
                responses.family,
                np.nan if responses.delta is None else responses.delta,
                float(index[unit].mean()),
                float(np.quantile(index[unit], 0.1)),
                float(index[unit].min()),
                float(responses.surrogate[unit]),
                f_max[unit],
                index.shape[1],
                result.seed,
                responses.mask,
                float(result.peaks.from_noise[unit]),
                "" if driven else NEVER_DRIVEN,
            )
            table.append(dict(zip(COLUMNS, values, strict=True)))
    return table


def arrays(result: Invariance) -> dict[str, np.ndarray]:
    """Return the arrays of a ``canvases.npz``.

    ``channels`` ``[units]``, ``best`` ``[units, 3, s, s]`` and ``f_max`` ``[units]``; for each
    family, ``<family>-<delta>`` (or ``<family>-<mask>``): ``/canvas`` ``[units, 3, side, side]``,
    ``/mask`` ``[units, s, s]``, ``/responses`` ``[units, members]``, ``/members``, ``/surrogate``.
    """
    content = {
        "channels": np.array(result.names),
        "best": result.peaks.patches.float().numpy(),
        "f_max": result.f_max.numpy(),
        "from_noise": result.peaks.from_noise.numpy(),
    }
    for responses in result.families:
        strength = responses.mask if responses.delta is None else f"{responses.delta:g}"
        prefix = f"{responses.family}-{strength}"
        for name, value in {
            "canvas": responses.canvases,
            "mask": responses.masks,
            "responses": responses.responses,
            "members": responses.members,
            "surrogate": responses.surrogate,
        }.items():
            content[f"{prefix}/{name}"] = value.float().cpu().numpy()
    return content
