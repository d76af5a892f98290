"""Growing and shrinking about the patch centre."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diversevis.errors import UserError
from diversevis.invariance.families.base import Warps


class Scales(Warps):
    """Growing and shrinking about the centre, by factors uniform around one."""

    name = "scales"
    index = "scale"
    title = "scales"
    colour = "#B0619A"
    has_identity = True

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size, delta)
        self.widest = math.sqrt(3 / self.radii()[1]) * self.pixels
        if self.widest >= 1:
            raise UserError(
                f"factors above zero for the family scales, a delta below "
                f"{self.delta / self.widest:.3g}",
                f"{self.delta:g}, which needs factors down to {1 - self.widest:.2f}",
                "choose a smaller delta",
            )

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return changes of the factor whose displacements have the wanted mean square."""
        return self.widest * (2 * torch.rand(count, generator=stream) - 1)

    def displacement(self, members: Tensor) -> Tensor:
        """Return displacements away from the centre or towards it."""
        return members[:, None, None, None] * self.radii()[0].to(members)
