"""Rotations about the patch centre."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diversevis.invariance.families.base import Warps


class Rotations(Warps):
    """Rotations about the centre, by angles uniform around zero."""

    name = "rotations"
    index = "rotation"
    title = "rotations"
    colour = "#007A5A"
    has_identity = True

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return angles in radians whose displacements have the wanted mean square, ``[count]``."""
        widest = math.sqrt(3 / self.radii()[1]) * self.pixels
        return widest * (2 * torch.rand(count, generator=stream) - 1)

    def displacement(self, members: Tensor) -> Tensor:
        """Return where each pixel of the turned patch lies, less where it was."""
        x, y = self.radii()[0].to(members).unbind(-1)
        cos, sin = members.cos()[:, None, None], members.sin()[:, None, None]
        return torch.stack([cos * x - sin * y - x, sin * x + cos * y - y], dim=-1)
