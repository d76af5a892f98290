"""Smooth deformations of maximum entropy without their affine part (Petrini et al. 2021)."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from diversevis.errors import UserError
from diversevis.stimuli.masks import window

CUTOFF = 4
"""Modes with ``sqrt(i^2 + j^2) < CUTOFF + 1/2`` are in the ensemble."""

_MODES = [
    (i, j)
    for i in range(1, CUTOFF + 1)
    for j in range(1, CUTOFF + 1)
    if math.hypot(i, j) < CUTOFF + 0.5
]
_FINE, _COARSE = 64, 16
"""Points per side at which averages are taken and folds excluded, and at which most are found."""

_BATCH, _MOST_DRAWS, _RAREST = 20_000, 2_000_000, 1e-5
_CHECKED_AT_ONCE = 500
"""Draws at once; draws after which a displacement is called impossible if fewer than this part of
them are accepted."""


def coefficients(displacement: float, count: int, stream: torch.Generator) -> Tensor:
    """Return random deformations that do not fold, as coefficients of the sine modes.

    On the unit square ``u = sum C_ij / sqrt(i^2 + j^2) sin(i pi x) sin(j pi y)`` with standard
    normal ``C_ij``, likewise ``v``. The best affine part under the squared mask is taken away, so
    that neither translation nor rotation nor scale is left; each field is then scaled to the wanted
    displacement, and thrown away if its Jacobian determinant is not positive everywhere: 10 % of
    them at 1 px per 24 px, 95 % at 2 px, 99.99 % at 3 px. The ensemble has no pixels: the same
    fields serve patches of every size.

    Parameters
    ----------
    displacement
        Root mean square displacement under the squared mask, as a part of the patch's side.
    count
        Fields to return.
    stream
        Random generator.

    Returns
    -------
    Tensor
        ``[count, 2, modes]``.

    Raises
    ------
    UserError
        If nearly all fields of this displacement fold.
    """
    modes, _, _ = _local_modes(_FINE)
    weights = _weights(_FINE)
    norm = ((modes * weights) @ modes.T).float()
    slopes = [part.float() for part in _local_modes(_COARSE)[1:]]
    fine_slopes = [part.float() for part in _local_modes(_FINE)[1:]]
    few = torch.arange(_COARSE**2).view(_COARSE, _COARSE)[2::4, 2::4].flatten()
    few_slopes = [part[:, few] for part in slopes]
    accepted: list[Tensor] = []
    found = drawn = 0
    while found < count:
        if drawn >= _MOST_DRAWS and found < _RAREST * drawn:
            raise UserError(
                "a displacement that smooth fields reach without folding",
                f"{24 * displacement:.3g} px per 24 px ({found} of {drawn:,} fields do not fold)",
                "choose a smaller delta",
            )
        draws = torch.randn(_BATCH, 2, len(_MODES), generator=stream)
        square = ((draws @ norm) * draws).sum((1, 2))
        draws = draws * (displacement / square.sqrt())[:, None, None]
        draws = draws[_unfolded(draws, *few_slopes)]  # a few points find most folds
        draws = draws[_unfolded(draws, *slopes)]
        drawn += _BATCH
        for some in draws.split(_CHECKED_AT_ONCE):  # a fine grid of all of them takes gigabytes
            accepted.append(some[_unfolded(some, *fine_slopes)])
            found += len(accepted[-1])
            if found >= count:
                break
    return torch.cat(accepted)[:count]


def displacements(draws: Tensor, size: int) -> Tensor:
    """Return the displacement fields of `coefficients` on a patch, (x, y) in pixels.

    Parameters
    ----------
    draws
        ``[n, 2, modes]``.
    size
        Side of the patch.

    Returns
    -------
    Tensor
        ``[n, size, size, 2]``.
    """
    fields = size * (draws @ _modes_on(draws.device, draws.dtype, size))
    return fields.view(-1, 2, size, size).movedim(1, -1)


def _unfolded(draws: Tensor, x_slopes: Tensor, y_slopes: Tensor) -> Tensor:
    """Return which fields ``[n]`` have a positive Jacobian determinant at all points."""
    dx, dy = draws @ x_slopes, draws @ y_slopes
    jacobian = (1 + dx[:, 0]) * (1 + dy[:, 1]) - dx[:, 1] * dy[:, 0]
    return jacobian.amin(1) > 0


def _points(size: int) -> Tensor:
    """Return pixel centres on the unit square, ``[size * size, 2]`` (x, y)."""
    at = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([x, y], dim=-1).flatten(0, 1)


def _weights(size: int) -> Tensor:
    squared = window(size, dtype=torch.float64).flatten() ** 2
    return squared / squared.sum()


def _sines(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the modes over their wave numbers and their slopes along x and y, ``[modes, n]``."""
    i, j = torch.tensor(_MODES, dtype=torch.float64).T[:, :, None] * math.pi
    x, y = points.T[:, None, :]
    scale = math.pi / torch.hypot(i, j)
    value = scale * torch.sin(i * x) * torch.sin(j * y)
    along_x = scale * i * torch.cos(i * x) * torch.sin(j * y)
    along_y = scale * j * torch.sin(i * x) * torch.cos(j * y)
    return value, along_x, along_y


@functools.cache
def _modes_on(device: torch.device, dtype: torch.dtype, size: int) -> Tensor:
    return _local_modes(size)[0].to(device, dtype)


@functools.cache
def _local_modes(size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the modes of a patch without their affine parts, and their slopes, ``[modes, n]``."""
    points = _points(size)
    fine = _points(_FINE)
    root = _weights(_FINE).sqrt()[:, None]

    def affine(at: Tensor) -> Tensor:
        return torch.cat([torch.ones_like(at[:, :1]), at], dim=1)

    # Weighted least squares: what 1, x and y can explain goes. By the normal equations, which are
    # well conditioned for these columns: `lstsq` rounds otherwise from call to call.
    known = affine(fine) * root
    fit = torch.linalg.solve(known.T @ known, known.T @ (_sines(fine)[0].T * root)).T
    value, along_x, along_y = _sines(points)
    return value - fit @ affine(points).T, along_x - fit[:, 1:2], along_y - fit[:, 2:3]
