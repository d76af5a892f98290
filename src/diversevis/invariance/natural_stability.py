"""How much of their response units keep as natural patches that they like are shifted or deformed.

What an index says of canvases that were made for it is to be seen in photographs as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diversevis.devices import exact_float32
from diversevis.errors import UserError
from diversevis.invariance.contrast import ContrastCurves
from diversevis.invariance.families.base import Warps
from diversevis.stimuli.masks import window
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import Units, check_shape, check_units, placement
from diversevis.units.patches import patch_norm
from diversevis.units.responding import responses

_FLAT = 1e-3
"""Patches whose masked norm is below this part of the budget are uniformly grey: they stay so."""


@dataclass(frozen=True)
class NaturalStability:
    """How stable units are on natural patches.

    Attributes
    ----------
    value : Tensor
        ``[units]``, mean effective contrast of moved patches over that of the patches themselves;
        NaN where the latter is not above zero.
    undisturbed : Tensor
        ``[units]``, mean effective contrast of the patches themselves.
    """

    value: Tensor
    undisturbed: Tensor


@exact_float32()
@torch.no_grad()
def natural_stability(
    units: Units,
    targets: Targets | Sequence[int],
    scenes: Sequence[Tensor],
    family: Warps,
    members: Tensor,
    curves: ContrastCurves,
) -> NaturalStability:
    """Return what units keep of their effective contrast as natural patches are moved.

    Patches are masked as in the transformation test, and scaled so that each has the norm budget
    before it is moved. Means over patches and members are taken first, then their ratio: the ratios
    of single patches would be ruled by those that hardly drive the unit.

    Parameters
    ----------
    units
        A trunk, or anything else that satisfies `Units`; its device and dtype are used.
    targets
        Targets, or channel numbers.
    scenes
        ``[n, 3, side, side]`` of each target: its natural patches with what surrounds them, of the
        sides of the family's canvases, and of any scale.
    family, members
        What moves them: ``[m, ...]``.
    curves
        Contrast curves of the units' best patches.

    Raises
    ------
    UserError
        For units that break their contract, or what does not fit them.
    """
    check_units(units, dtype=None)
    targets = as_targets(units, targets)
    if family.size != units.size or len(scenes) != len(targets):
        raise UserError(
            f"{len(targets)} sets of scenes, and a family for patches of {units.size} px",
            f"{len(scenes)}, and one for {family.size} px",
            "give one set for each target",
        )
    device, dtype = placement(units)
    targets = targets.to(device, dtype)
    found = []
    for unit, own in enumerate(scenes):
        check_shape("scenes", own, ("n", 3, family.side, family.side))
        curve = curves[unit : unit + 1].to(torch.float64)
        answers = _answers(units, targets, unit, own.to(device, dtype), family, members)
        reached = [curve.effective(part.double().cpu().view(1, -1)).mean() for part in answers]
        found.append(torch.stack(reached))
    before, after = torch.stack(found, 1)
    return NaturalStability(torch.where(before > 0, after / before, torch.nan), before)


def _answers(
    units: Units, targets: Targets, unit: int, scenes: Tensor, family: Warps, members: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what a unit answers to its patches ``[1, n]``, and to their members ``[m, n]``."""
    mask, budget = window(family.size).to(scenes), patch_norm(family.size)
    end = family.margin + family.size
    still = scenes[..., family.margin : end, family.margin : end] * mask
    norms = still.flatten(1).norm(dim=1)[:, None, None, None]
    factor = budget / norms.clamp(min=_FLAT * budget)

    def moved(some: Tensor) -> Tensor:
        return family.act(scenes * factor, some).transpose(0, 1) * mask

    def scored(shown: Iterator[tuple[slice, Tensor, Tensor]]) -> Tensor:
        which, parts = slice(unit, unit + 1), []
        for _, answers, _ in shown:
            score = targets.score(answers.flatten(0, 1)[None], which)
            parts.append(score.view(answers.shape[:2]))
        return torch.cat(parts)

    each = len(scenes)
    return (
        scored(responses(units, (still * factor)[None], each=each)),
        scored(responses(units, members.to(scenes), moved, each=each)),
    )
