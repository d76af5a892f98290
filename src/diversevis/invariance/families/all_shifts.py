"""All shifts: one wavelength and more, in both directions."""

from __future__ import annotations

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
        at = torch.arange(self.size, device=canvases.device)
        rows, columns = (members[:, axis, None].to(canvases.device) + at for axis in (0, 1))
        # On a GPU the way back through two indices would sort them, in every step.
        read = _read_flat if canvases.is_cuda else _read
        return read(canvases, rows, columns).transpose(1, 2)


def _read(canvases: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return crops ``[k, 3, m, size, size]`` at rows and columns ``[m, size]``."""
    return canvases[:, :, rows[:, :, None], columns[:, None, :]]


def _read_flat(canvases: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Do the same with one index."""
    at = rows[:, :, None] * canvases.shape[-1] + columns[:, None, :]
    crops: Tensor = canvases.flatten(2).index_select(2, at.flatten()).unflatten(2, at.shape)
    return crops
