"""The surrogate of a unit: how invariant a template is that does nothing but correlate.

A unit that likes low frequencies tolerates small changes without being invariant to them. Its
surrogate, the best patch used as a template, tolerates just as much, and its best canvas is known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.invariance.families.base import Family

_ITERATIONS, _TOLERANCE = 100, 1e-4
_SEEN = 1e-4
"""Pixels that count less in the training members, relative to the middle's, stay zero: fitted to
the one or two members that show them, they would be enormous in others."""
_TOGETHER = 8
"""Units that are summed over members at once. Members are added up in portions, whose size must not
depend on how many units there are: the last digits would, too."""
_NUMBERS_AT_ONCE = {"cpu": 500_000, "cuda": 50_000_000}


def best_linear_canvas(
    family: Family,
    masks: Tensor,
    templates: Tensor,
    training: Tensor,
    evaluated: Tensor,
    *,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Return the best canvas of each surrogate, and its index.

    With the template ``w`` of unit length and masked members ``M_g t`` of a canvas ``t``, the mean
    response ``b.t``, ``b = <M_g' w>``, is largest at root mean square norm 1, ``t' Q t = 1`` with
    ``Q = <M_g' M_g>``, for ``t`` along ``Q^-1 b``. Solved by conjugate gradients, preconditioned by
    the rows' sums of ``Q``, which for crops is the exact inverse.

    Parameters
    ----------
    family
        Transformations.
    masks
        ``[k, s, s]``.
    templates
        ``[k, 3, s, s]``, of any norm but zero.
    training, evaluated
        Members over which the canvas is best, and over which the index is taken.
    device
        Where to compute, in float64.

    Returns
    -------
    canvases
        ``[k, 3, side, side]``.
    index
        ``[k]``: mean response over evaluated members, relative to the best patch's; 0 where the
        members' mean, and with it the canvas, is zero.
    """
    templates = templates.to(device, torch.float64)
    templates = templates / templates.flatten(1).norm(dim=1)[:, None, None, None]
    masks = masks.to(device, torch.float64)
    if (masks == masks[:1]).all():
        masks = masks[:1]  # then one Q serves all
    mean, normal = _moments(family, masks, templates, training.to(device))
    canvases = _solve(mean, normal)
    if evaluated is not training:
        mean, normal = _moments(family, masks, templates, evaluated.to(device))
    square = _dot(canvases, _apply(normal, canvases))
    index = torch.where(square > 0, _dot(canvases, mean) / square.sqrt(), 0.0)
    return canvases.float().cpu(), index.flatten().float().cpu()


def surrogate_responses(
    family: Family,
    masks: Tensor,
    templates: Tensor,
    canvases: Tensor,
    members: Tensor,
    *,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Return what surrogates answer to members of given canvases, relative to their best patches.

    Their mean is the index of `best_linear_canvas` on its canvases. Surrogates being linear, these
    are effective contrasts as well.

    Parameters
    ----------
    family, masks, templates
        As for `best_linear_canvas`.
    canvases
        ``[k, 3, side, side]``, of any scale: members get a root mean square norm of one.
    members
        ``[m, ...]``.

    Returns
    -------
    Tensor
        ``[k, m]``; 0 for canvases that are zero.
    """
    templates = templates.to(device, torch.float64)
    templates = templates / templates.flatten(1).norm(dim=1)[:, None, None, None]
    canvases, masks = (value.to(device, torch.float64) for value in (canvases, masks))
    # Set in place: of small results between large patches, memory would fall to pieces.
    answers, squares = templates.new_empty(2, len(canvases), len(members))
    begin = 0
    for some in _portions(members.to(device), len(canvases), family):
        patches = family.act(canvases, some) * masks[:, None, None]
        which = slice(begin, begin := begin + len(some))
        answers[:, which] = (patches * templates[:, None]).sum((2, 3, 4))
        squares[:, which] = patches.square().sum((2, 3, 4))
    norm = squares.mean(1, keepdim=True).sqrt()
    found = torch.where(norm > 0, answers / norm, 0.0)
    return found.float().cpu()


def _moments(
    family: Family, masks: Tensor, templates: Tensor, members: Tensor
) -> tuple[Tensor, Tensor]:
    """Return ``b`` of every template ``[k, 3, side, side]`` and ``Q`` of every mask.

    A pixel of a member is read from pixels of the canvas within the family's reach of each other,
    most often neighbours, so that ``Q`` has nine entries per row, the same for all colours:
    ``[masks, 9, side, side]``, one for each of `_offsets`. They are read off its products with nine
    combs of period three (Curtis, Powell & Reid 1974).
    """
    side = family.side
    weighed = (masks[:, None] * templates)[:, None]

    def correlated(some: Tensor) -> Tensor:
        zeros = some.new_zeros(len(some), 3, side, side)
        return _adjoint(family, lambda patches: patches * some, zeros, members)

    mean = torch.cat([correlated(some) for some in weighed.split(_TOGETHER)])
    at = torch.arange(side, device=masks.device)
    row, column = at[:, None], at[None, :]
    period = 2 * family.reach + 1
    teeth = period * (row % period) + column % period
    # In the three colours of as many canvases as it takes.
    numbers = torch.arange(3 * math.ceil(period**2 / 3), device=masks.device)
    combs = (teeth == numbers[:, None, None]).to(masks).unflatten(0, (-1, 3))

    def product(squared: Tensor) -> Tensor:
        def weigh(patches: Tensor) -> Tensor:
            return patches.square() * squared / 2

        return _adjoint(family, weigh, combs, members).flatten(0, 1)

    products = torch.stack([product(mask**2) for mask in masks])
    entries = [
        products.gather(
            1,
            (period * ((row + down) % period) + (column + right) % period).expand(
                len(masks), 1, -1, -1
            ),
        )
        for down, right in _offsets(family.reach)
    ]
    return mean, torch.cat(entries, 1)


def _adjoint(
    family: Family, weigh: Callable[[Tensor], Tensor], at: Tensor, members: Tensor
) -> Tensor:
    """Return the gradient of ``mean_g weigh(A_g t)`` with respect to canvases, at `at`."""
    at = at.detach().requires_grad_()
    total = torch.zeros_like(at)
    with torch.enable_grad():
        for some in _portions(members, max(_TOGETHER, len(at)), family):
            value = weigh(family.act(at, some)).sum() / len(members)
            total += torch.autograd.grad(value, at)[0]
    return total


def _apply(normal: Tensor, canvases: Tensor) -> Tensor:
    """Return ``Q t`` for canvases ``[k, 3, side, side]``."""
    side, reach = canvases.shape[-1], math.isqrt(normal.shape[1]) // 2
    padded = F.pad(canvases, (reach, reach, reach, reach))
    result = torch.zeros_like(canvases)
    for entry, (down, right) in zip(normal.unbind(1), _offsets(reach), strict=True):
        top, left = reach + down, reach + right
        result.addcmul_(entry[:, None], padded[..., top : top + side, left : left + side])
    return result


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2, 3), keepdim=True)


def _solve(mean: Tensor, normal: Tensor) -> Tensor:
    """Return ``Q^-1 b`` where members show the canvas, zero elsewhere."""
    rows = normal.sum(1, keepdim=True)
    seen = rows > _SEEN * rows.amax((1, 2, 3), keepdim=True)
    inverse = torch.where(seen, 1 / rows.clamp(min=1e-30), 0.0)
    canvases, residual = torch.zeros_like(mean), mean
    direction = preconditioned = inverse * residual
    slope = first = _dot(residual, preconditioned)
    for _ in range(_ITERATIONS):
        # A unit that has converged stays: its canvas must not depend on its neighbours.
        going = slope > _TOLERANCE**2 * first
        if not going.any():
            break
        image = _apply(normal, direction)
        length = torch.where(going, slope / _dot(direction, image), 0.0)
        canvases, residual = canvases + length * direction, residual - length * image
        preconditioned = inverse * residual
        following = _dot(residual, preconditioned)
        direction = torch.where(going, preconditioned + following / slope * direction, direction)
        slope = torch.where(going, following, slope)
    return canvases


def _offsets(reach: int) -> list[tuple[int, int]]:
    """Return the places (down, right) of a row's entries, relative to its diagonal."""
    along = range(-reach, reach + 1)
    return list(itertools.product(along, along))


def _portions(members: Tensor, units: int, family: Family) -> Iterator[Tensor]:
    """Yield members in portions that keep the memory of their patches small."""
    numbers = _NUMBERS_AT_ONCE.get(members.device.type, 500_000)
    return iter(members.split(max(1, numbers // (units * 3 * family.size**2))))
