"""Rotations about the patch centre."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diversevis.errors import UserError
from diversevis.invariance.families.base import Warps


class Rotations(Warps):
    """Rotations about the centre, by angles uniform around zero: at most half a turn either way."""

    name = "rotations"
    index = "rotation"
    title = "rotations"
    colour = "#007A5A"
    has_identity = True

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size, delta)
        wanted = self.pixels**2 / self.radii()[1]
        if wanted > _mean_square(math.pi):
            most = self.delta * math.sqrt(_mean_square(math.pi) / wanted)
            raise UserError(
                f"a displacement that rotations reach, at most {most:.3g} px per 24 px",
                f"{self.delta:g}",
                "choose a smaller delta",
            )
        low, high = 0.0, math.pi
        while low < (middle := (low + high) / 2) < high:
            low, high = (middle, high) if _mean_square(middle) < wanted else (low, middle)
        self.widest = high

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return angles in radians whose displacements have the wanted mean square, ``[count]``."""
        return self.widest * (2 * torch.rand(count, generator=stream) - 1)

    def displacement(self, members: Tensor) -> Tensor:
        """Return where each pixel of the turned patch lies, less where it was."""
        x, y = self.radii()[0].to(members).unbind(-1)
        cos, sin = members.cos()[:, None, None], members.sin()[:, None, None]
        return torch.stack([cos * x - sin * y - x, sin * x + cos * y - y], dim=-1)


def _mean_square(widest: float) -> float:
    """Return the mean square displacement at a distance of 1, over angles up to `widest`.

    The mean of the squared chord ``(2 sin(a / 2))^2``.
    """
    return 2 - 2 * math.sin(widest) / widest
