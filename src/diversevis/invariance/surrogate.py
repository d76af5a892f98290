"""The linear stand-in of a unit: how invariant a template is that does nothing but correlate.

A unit that likes low frequencies tolerates small changes without being invariant to them. Its
stand-in, the best patch used as a template, tolerates just as much, and its best canvas is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from diversevis.invariance.families import Family

_ITERATIONS, _TOLERANCE = 100, 1e-4
_SEEN = 1e-4
"""Pixels that count less in the training members, relative to the middle's, stay zero: fitted to
the one or two members that show them, they would be enormous in others."""
_NUMBERS_AT_ONCE = {"cpu": 5_000_000, "cuda": 500_000_000}


def best_linear_canvas(
    family: Family,
    masks: Tensor,
    templates: Tensor,
    training: Tensor,
    evaluated: Tensor,
    *,
    device: torch.device | str = "cpu",
) -> tuple[Tensor, Tensor]:
    """Return the best canvas of each linear stand-in, and its index.

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
        ``[k]``: mean response over evaluated members, relative to the best patch's.
    """
    templates = templates.to(device, torch.float64)
    templates = templates / templates.flatten(1).norm(dim=1)[:, None, None, None]
    masks = masks.to(device, torch.float64)[:, None, None]
    canvases = _solve(family, masks, templates, training.to(device))
    projections, squares = [], []
    with torch.no_grad():
        for some in _portions(evaluated.to(device), len(templates), family):
            patches = family.act(canvases, some) * masks
            projections.append(torch.einsum("kmchw,kchw->km", patches, templates))
            squares.append(patches.square().sum((2, 3, 4)))
    index = torch.cat(projections, 1).mean(1) / torch.cat(squares, 1).mean(1).sqrt()
    return canvases.float().cpu(), index.float().cpu()


def _solve(family: Family, masks: Tensor, templates: Tensor, members: Tensor) -> Tensor:
    shape = (len(templates), 3, family.side, family.side)

    def adjoint(weigh: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """Return the gradient of ``mean_g weigh(M_g t)`` with respect to the canvases."""

        def gradient(at: Tensor) -> Tensor:
            at = at.detach().requires_grad_()
            total = torch.zeros_like(at)
            for some in _portions(members, len(templates), family):
                value = weigh(family.act(at, some) * masks).sum() / len(members)
                total += torch.autograd.grad(value, at)[0]
            return total

        return gradient

    zero = templates.new_zeros(shape)
    target = adjoint(lambda patches: patches * templates[:, None])(zero)
    normal = adjoint(lambda patches: patches.square() / 2)
    diagonal = normal(torch.ones_like(zero))
    inverse = torch.where(
        diagonal > _SEEN * diagonal.amax((1, 2, 3), keepdim=True),
        1 / diagonal.clamp(min=1e-30),
        0.0,
    )

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((1, 2, 3), keepdim=True)

    canvases, residual = zero, target
    direction = preconditioned = inverse * residual
    slope = first = dot(residual, preconditioned)
    for _ in range(_ITERATIONS):
        # A unit that has converged stays: its canvas must not depend on its neighbours.
        going = slope > _TOLERANCE**2 * first
        if not going.any():
            break
        image = normal(direction)
        length = torch.where(going, slope / dot(direction, image), 0.0)
        canvases, residual = canvases + length * direction, residual - length * image
        preconditioned = inverse * residual
        following = dot(residual, preconditioned)
        direction = torch.where(going, preconditioned + following / slope * direction, direction)
        slope = torch.where(going, following, slope)
    return canvases


def _portions(members: Tensor, units: int, family: Family) -> Iterator[Tensor]:
    """Yield members in portions that keep the memory of their patches small."""
    numbers = _NUMBERS_AT_ONCE.get(members.device.type, 5_000_000)
    return iter(members.split(max(1, numbers // (units * 3 * family.size**2))))
