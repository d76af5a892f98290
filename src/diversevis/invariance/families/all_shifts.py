"""All shifts: one wavelength and more, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from diversevis.invariance.families.base import Family


class AllShifts(Family):
    """Every crop of a canvas of side ``2 size - 1``: shifts by one wavelength and more.

    Members are corners (top, left) from 0 to ``size - 2`` (Cadena et al. 2018, published code).
    """

    name = "all-shifts"
    index = "phase"
    title = "all shifts"
    colour = "#0072B2"
    learns_mask = True
    reach = 0

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size)
        self.side = 2 * size - 1

    def complete(self) -> Tensor:
        """Return all ``(size - 1)^2`` corners, row by row."""
        at = torch.arange(self.size - 1)
        return torch.cartesian_prod(at, at)

    def order(self, members: Tensor) -> Tensor:
        """Return indices along a Z-order curve: any stretch of it is a compact patch of shifts."""
        bits = torch.arange(16)
        rows, columns = ((members[:, axis, None] >> bits) & 1 for axis in (0, 1))
        return (rows * 4**bits * 2 + columns * 4**bits).sum(1).argsort()

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return different corners; all of them if `count` is as large."""
        corners = self.complete()
        return corners[torch.randperm(len(corners), generator=stream)[:count]]

    def act(self, canvases: Tensor, members: Tensor) -> Tensor:
        """Return crops."""
        corners: list[tuple[int, int]] = [(row, column) for row, column in members.tolist()]
        crops: Tensor = _Crops.apply(canvases, corners, self.size)  # type: ignore[no-untyped-call]
        return crops


class _Crops(torch.autograd.Function):
    """Crops of canvases, whose way back adds one crop after the other.

    Read by index, they would be added in whatever order threads come to them: the same canvas would
    have other gradients in the last digits from run to run.
    """

    @staticmethod
    def forward(
        ctx: Any, canvases: Tensor, corners: Sequence[tuple[int, int]], size: int
    ) -> Tensor:
        """Return ``[k, m, 3, size, size]`` of ``[k, 3, side, side]``, by top left corners."""
        ctx.shape, ctx.corners, ctx.size = canvases.shape, corners, size
        return torch.stack([_crop(canvases, corner, size) for corner in corners], 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient with respect to the canvases."""
        total = gradient.new_zeros(ctx.shape)
        for number, corner in enumerate(ctx.corners):
            _crop(total, corner, ctx.size).add_(gradient[:, number])
        return total, None, None


def _crop(canvases: Tensor, corner: tuple[int, int], size: int) -> Tensor:
    row, column = corner
    return canvases[..., row : row + size, column : column + size]
