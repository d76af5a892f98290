"""How much of their response units keep as natural patches that they like are shifted or deformed.

What an index says of canvases that were made for it is to be seen in photographs as well.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """How stable units are on natural patches, and their linear stand-ins on the same.

    Attributes
    ----------
    value, surrogate : Tensor
        ``[units]``, mean effective contrast of moved patches over that of the patches themselves;
        NaN where the latter is not above zero.
    undisturbed, surrogate_undisturbed : Tensor
        ``[units]``, mean effective contrast of the patches themselves. A stand-in may do next to
        nothing on patches that its unit likes; its stability then says little.
    """

    value: Tensor
    surrogate: Tensor
    undisturbed: Tensor
    surrogate_undisturbed: Tensor


@exact_float32()
@torch.no_grad()
def natural_stability(
    units: Units,
    targets: Targets | Sequence[int],
    scenes: Sequence[Tensor],
    family: Warps,
    members: Tensor,
    templates: Tensor,
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
    templates
        ``[targets, 3, s, s]``, each unit's best patch; its stand-in answers 1 to it.
    curves
        Contrast curves of these.

    Raises
    ------
    UserError
        For units that break their contract, or what does not fit them.
    """
    check_units(units, dtype=None)
    targets = as_targets(units, targets)
    size = units.size
    check_shape("templates", templates, (len(targets), 3, size, size))
    if family.size != size or len(scenes) != len(targets):
        raise UserError(
            f"{len(targets)} sets of scenes, and a family for patches of {size} px",
            f"{len(scenes)}, and one for {family.size} px",
            "give one set for each target",
        )
    device, dtype = placement(units)
    targets = targets.to(device, dtype)
    squares = templates.flatten(1).square().sum(1)[:, None, None, None]
    filters = (templates / squares).to(device, dtype)
    mask = window(size).to(device, dtype)
    found = []
    for unit, own in enumerate(scenes):
        check_shape("scenes", own, ("n", 3, family.side, family.side))
        shown = _answers(
            units, targets, unit, own.to(device, dtype), family, members, mask, filters
        )
        still, moved, linear_still, linear_moved = (value.double().cpu() for value in shown)
        curve = curves[unit : unit + 1].to(torch.float64)
        before, after = (curve.effective(value.flatten()[None]).mean() for value in (still, moved))
        found.append(torch.stack([before, after, linear_still.mean(), linear_moved.mean()]))
    before, after, linear_before, linear_after = torch.stack(found, 1)
    return NaturalStability(
        value=torch.where(before > 0, after / before, torch.nan),
        surrogate=torch.where(linear_before > 0, linear_after / linear_before, torch.nan),
        undisturbed=before,
        surrogate_undisturbed=linear_before,
    )


def _answers(
    units: Units,
    targets: Targets,
    unit: int,
    scenes: Tensor,
    family: Warps,
    members: Tensor,
    mask: Tensor,
    filters: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what a unit and its stand-in answer, and answer once patches are moved.

    The unit's answers to its patches ``[1, n]`` and to their members ``[m, n]``, then the same of
    its stand-in.
    """
    end = family.margin + family.size
    still = scenes[..., family.margin : end, family.margin : end] * mask
    budget = patch_norm(family.size)
    norms = still.flatten(1).norm(dim=1)[:, None, None, None]
    factor = budget / norms.clamp(min=_FLAT * budget)

    def moved(some: Tensor) -> Tensor:
        return family.act(scenes * factor, some).transpose(0, 1) * mask

    def both(inputs: Tensor, unmoved: bool) -> tuple[Tensor, Tensor]:
        scored, linear = [], []

        def shown(some: Tensor) -> Tensor:
            patches = some if unmoved else moved(some)
            linear.append((patches * filters[unit]).sum((2, 3, 4)))
            return patches

        for _, answers, _ in responses(units, inputs, shown, each=len(scenes)):
            score = targets.score(answers.flatten(0, 1)[None], slice(unit, unit + 1))
            scored.append(score.view(answers.shape[:2]))
        return torch.cat(scored), torch.cat(linear)

    (before, linear_before), (after, linear_after) = (
        both((still * factor)[None], unmoved=True),
        both(members.to(scenes), unmoved=False),
    )
    return before, after, linear_before, linear_after
