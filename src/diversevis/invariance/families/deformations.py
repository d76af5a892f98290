"""Smooth deformations without an affine part."""

from __future__ import annotations

import torch
from torch import Tensor

from diversevis.invariance.families.base import Warps
from diversevis.seeds import generator
from diversevis.stimuli.deformations import coefficients, displacements


class Deformations(Warps):
    """Smooth deformations without an affine part that do not fold (Petrini et al. 2021)."""

    name = "deformations"
    index = "deformation"
    title = "deformations"
    colour = "#D55E00"
    has_identity = True
    smallest = 10  # a finer mode would have no pixels left to bend

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size, delta)
        coefficients(self.part, 1, generator(0, "probe"))  # raises if all fold

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return coefficients of the modes, ``[count, 2, modes]``."""
        return coefficients(self.part, count, stream)

    def displacement(self, members: Tensor) -> Tensor:
        """Return the deformations' displacements."""
        return displacements(members, self.size)
