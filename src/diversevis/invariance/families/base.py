"""What a family of transformations is.

A family turns a canvas into patches, its members. To add a geometric one, subclass `Warps` and say
how members are drawn and how far each moves every pixel; anything else that is linear in the canvas
needs `act` as well.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.errors import UserError, real_number, whole_number
from diversevis.stimuli.masks import window

DELTA_PATCH = 24
"""Displacements are given in pixels per patch of this side, and grow with the patch."""

LEAST_DELTA = 0.01
"""Smaller displacements change responses by no more than rounding does."""


class Family(ABC):
    """Transformations of a canvas ``[3, side, side]`` into patches ``[3, size, size]``.

    Parameters
    ----------
    size
        Side of the patch, in pixels.
    delta
        Root mean square displacement under the squared mask, in pixels per 24 px of patch; None for
        families that have no strength.

    Attributes
    ----------
    name : str
        On the command line, in configurations and in tables.
    index : str
        What its index is called in the columns of tables: ``<index>_index``.
    title : str
        What to call it in figures.
    colour : str
        Its colour in figures, hexadecimal.
    learns_mask : bool
        Whether the test may be repeated with a learned mask.
    has_identity : bool
        Whether a member of zeros leaves the canvas as it is.
    smallest : int
        Side of the smallest patch that it makes sense for.
    reach : int
        How many rows or columns apart two pixels of a canvas can be that one pixel of a member is
        read from.
    side : int
        Side of the canvas.
    """

    name: str
    index: str
    title: str
    colour: str = "#6B6B6B"
    learns_mask = False
    has_identity = False
    smallest = 5
    reach = 1
    side: int

    def __init__(self, size: int, delta: float | None = None) -> None:
        self.size = whole_number("the side of a patch", size, least=1)
        self.check_size(size)
        self.delta = delta

    @classmethod
    def check_size(cls, size: int) -> None:
        """Raise `UserError` if a patch of side `size` is too small for the family."""
        if size < cls.smallest:
            raise UserError(
                f"a patch of at least {cls.smallest} px for the family {cls.name}",
                f"{size} px",
                "choose a later layer, or leave the family out",
            )

    @abstractmethod
    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return `count` random members, ``[count, ...]``."""

    def complete(self) -> Tensor | None:
        """Return every member, or None if there is no end of them."""
        return None

    def order(self, members: Tensor) -> Tensor:
        """Return indices that put like members side by side, for draws that cover all kinds."""
        return torch.arange(len(members))

    @abstractmethod
    def act(self, canvases: Tensor, members: Tensor) -> Tensor:
        """Return the members of canvases ``[k, 3, side, side]``: ``[k, m, 3, size, size]``.

        Linear in the canvases, and differentiable; the same for all colours.
        """


class Warps(Family):
    """Members that move every pixel a little; the canvas is read between its pixels bilinearly."""

    delta: float

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size, delta)
        try:
            delta = real_number("delta", delta, least=LEAST_DELTA, most=DELTA_PATCH)
        except UserError as error:
            # A shift by more than the patch's side shows nothing of it.
            raise UserError(
                f"a displacement above zero, {LEAST_DELTA:g} to {DELTA_PATCH}, for the family "
                f"{self.name}",
                error.received,
                "give --delta in pixels per 24 px of patch",
            ) from None
        self.delta = delta
        self.part = delta / DELTA_PATCH  # of the patch's side
        self.pixels = delta * size / DELTA_PATCH
        # Far members meet the canvas's border, which goes on as it ends.
        self.margin = math.ceil(3 * self.pixels) + 1
        self.side = size + 2 * self.margin

    @abstractmethod
    def displacement(self, members: Tensor) -> Tensor:
        """Return how far members move each pixel: (x, y) in pixels, ``[m, size, size, 2]``."""

    def act(self, canvases: Tensor, members: Tensor) -> Tensor:
        """Return the canvases read at the moved pixels."""
        at = torch.arange(self.size, dtype=canvases.dtype, device=canvases.device)
        y, x = torch.meshgrid(at, at, indexing="ij")
        moved = self.displacement(members.to(canvases)) + torch.stack([x, y], dim=-1) + self.margin
        grid = moved * (2 / (self.side - 1)) - 1
        # Canvases as channels: all of them are read at the same places.
        stacked = canvases.flatten(0, 1).expand(len(members), -1, -1, -1)
        patches = F.grid_sample(stacked, grid, padding_mode="border", align_corners=True)
        members_first: Tensor = patches.unflatten(1, (-1, 3))
        return members_first.transpose(0, 1)

    def radii(self) -> tuple[Tensor, float]:
        """Return offsets from the centre ``[size, size, 2]``, and their mean square, masked."""
        at = torch.arange(self.size, dtype=torch.float64) - (self.size - 1) / 2
        y, x = torch.meshgrid(at, at, indexing="ij")
        weights = window(self.size, dtype=torch.float64) ** 2
        mean_square = ((x**2 + y**2) * weights).sum() / weights.sum()
        return torch.stack([x, y], dim=-1), float(mean_square)
