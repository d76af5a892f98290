"""What canvases drive: responses to all members, and pictures of the extreme ones."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diversevis.invariance.families.base import Family, Warps
from diversevis.synthesis.targets import Targets
from diversevis.units.contract import Units, placement
from diversevis.units.patches import patch_norm
from diversevis.units.responding import at_once, responses

_CANDIDATES = 32
"""Members that are tried at full norm, each by itself."""

_EXTREMES = 4
"""Members of either kind that are shown."""


@torch.no_grad()
def evaluate(
    units: Units,
    targets: Targets,
    family: Family,
    canvases: Tensor,
    masks: Tensor,
    members: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scaled canvases, responses to all members, and the best member at full norm.

    Parameters
    ----------
    units, targets, family
        As for `transformation_test`.
    canvases
        ``[targets, 3, side, side]``, of any scale.
    masks
        ``[targets, s, s]``.
    members
        ``[m, ...]``.

    Returns
    -------
    canvases
        Scaled so that the masked members' root mean square norm is the norm budget.
    responses
        ``[targets, m]``.
    top
        ``[targets, 3, s, s]``, the best member scaled to the budget by itself.
    highest
        ``[targets]``, the response to it.
    """
    device, dtype = placement(units)
    targets = targets.to(device, dtype)
    together = at_once(units, len(members))
    parts = []
    for begin in range(0, len(canvases), together):
        which = slice(begin, begin + together)
        canvas, mask = canvases[which].to(device, dtype), masks[which].to(device, dtype)
        score = functools.partial(targets.score, which=which)
        parts.append(_evaluated(units, score, family, canvas, mask, members, together))
    scaled, answers, top, highest = (torch.cat(values) for values in zip(*parts, strict=True))
    return scaled, answers, top, highest


def _evaluated(
    units: Units,
    score: Callable[[Tensor], Tensor],
    family: Family,
    canvases: Tensor,
    masks: Tensor,
    members: Tensor,
    together: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the same for up to `together` canvases, on the units' device, and their scores."""
    budget = patch_norm(units.size)

    def masked(some: Tensor, which: slice = slice(None)) -> Tensor:
        return family.act(canvases[which], some) * masks[which, None, None]

    portions = members.split(at_once(units, together))
    norms = torch.cat([masked(some).flatten(2).norm(dim=2) for some in portions], 1)
    square = norms.square().mean(1)
    # Canvases whose members are all zero have no scale.
    scale = torch.where(square > 0, budget / square.sqrt(), 1.0)
    rescale = scale[:, None, None, None, None]
    shown = responses(units, members, lambda some: masked(some) * rescale, each=together)
    answers = torch.cat([score(part) for _, part, _ in shown], 1)
    # Units being nearly homogeneous, these are the members that would answer most.
    full = budget / (norms * scale[:, None]).clamp(min=1e-3 * budget)
    best = (answers * full).topk(min(_CANDIDATES, len(members)), dim=1).indices
    factor = (scale[:, None] * full).gather(1, best)[:, :, None, None, None]
    highest = torch.cat(
        [masked(members[numbers.cpu()], slice(unit, unit + 1)) for unit, numbers in enumerate(best)]
    )
    highest = highest * factor
    ((_, top, _),) = responses(units, highest, each=highest.shape[1])
    most, which = score(top).max(1)
    return (
        (canvases * scale[:, None, None, None]).cpu(),
        answers.cpu(),
        highest[torch.arange(len(highest)), which].cpu(),
        most.cpu(),
    )


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Members that drive a unit most, and least, as it sees them.

    Attributes
    ----------
    shown : Tensor
        ``[units, 2 k]``, places of the members that drive each unit most, then least: most first,
        least last. ``k`` is 4, or less where there are fewer than 8 members: none is in both.
    patches : Tensor
        ``[units, 2 k, 3, s, s]``, these members as the unit sees them, masked.
    unmoved : Tensor or None
        ``[units, 3, s, s]``, the masked middle of the canvas, for families that have an identity.
    fields : Tensor or None
        ``[units, 2 k, s, s, 2]``, how far these members move each pixel, (x, y) in pixels; None
        for families that are not warps.
    """

    shown: Tensor
    patches: Tensor
    unmoved: Tensor | None
    fields: Tensor | None


def pictures(
    family: Family, canvases: Tensor, masks: Tensor, members: Tensor, answers: Tensor
) -> Pictures:
    """Return pictures of the members with the highest and the lowest of `answers`.

    Parameters
    ----------
    family
        Transformations.
    canvases, masks
        ``[units, 3, side, side]``, scaled, and ``[units, s, s]``.
    members, answers
        ``[m, ...]``, and responses to them ``[units, m]``.
    """
    count = min(_EXTREMES, len(members) // 2)
    order = (-answers).argsort(dim=1, stable=True)
    shown = torch.cat([order[:, :count], order[:, len(members) - count :]], 1)

    def masked(of_each: Tensor) -> Tensor:
        parts = zip(canvases, masks, of_each, strict=True)
        return torch.stack([family.act(c[None], some)[0] * mask for c, mask, some in parts])

    still = torch.zeros_like(members[:1]).expand(len(canvases), 1, *members.shape[1:])
    return Pictures(
        shown=shown,
        patches=masked(members[shown]),
        unmoved=masked(still)[:, 0] if family.has_identity else None,
        fields=torch.stack([family.displacement(some) for some in members[shown]])
        if isinstance(family, Warps)
        else None,
    )
