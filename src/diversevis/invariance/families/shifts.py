"""Small shifts in all directions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diversevis.invariance.families.base import Warps


class Shifts(Warps):
    """Shifts by the displacement, in all directions."""

    name = "shifts"
    index = "shift"
    title = "shifts"
    colour = "#0072B2"

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return directions in radians, ``[count]``, one in each of `count` equal sectors.

        Between pixels, responses depend on the direction: no seed should see one more often than
        another.
        """
        return 2 * math.pi / count * (torch.arange(count) + torch.rand(count, generator=stream))

    def displacement(self, members: Tensor) -> Tensor:
        """Return the same shift for all pixels."""
        shift = self.pixels * torch.stack([members.cos(), members.sin()], dim=-1)
        return shift[:, None, None, :].expand(-1, self.size, self.size, -1)
