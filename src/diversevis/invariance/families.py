"""Families of transformations: what a unit may be invariant to.

A family turns a canvas into patches, its members. To add a geometric one, subclass `Warps` and say
how members are drawn and how far each moves every pixel; anything else that is linear in the canvas
needs `act` as well.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.errors import UserError, unknown_name
from diversevis.seeds import generator
from diversevis.stimuli.deformations import coefficients, displacements
from diversevis.stimuli.masks import window

DELTA_PATCH = 24
"""Displacements are given in pixels per patch of this side, and grow with the patch."""


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
        On the command line and in tables.
    index : str
        What its index is called in tables.
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
    smallest = 5
    reach = 1
    side: int

    def __init__(self, size: int, delta: float | None = None) -> None:
        self.check_size(size)
        self.size, self.delta = size, delta

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


class AllShifts(Family):
    """Every crop of a texture of side ``2 size - 1``: shifts by one wavelength and more.

    Members are corners (top, left) from 0 to ``size - 2`` (Cadena et al. 2018, published code).
    """

    name = "all-shifts"
    index = "phase"
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
    return canvases.flatten(2).index_select(2, at.flatten()).unflatten(2, at.shape)


class Warps(Family):
    """Members that move every pixel a little; the canvas is read between its pixels bilinearly."""

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size, delta)
        if delta is None or not (math.isfinite(delta) and delta > 0):
            raise UserError(
                f"a displacement above zero for the family {self.name}",
                str(delta),
                "give --delta in pixels per 24 px of patch",
            )
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
        return patches.unflatten(1, (-1, 3)).transpose(0, 1)

    def radii(self) -> tuple[Tensor, float]:
        """Return offsets from the centre ``[size, size, 2]``, and their mean square, masked."""
        at = torch.arange(self.size, dtype=torch.float64) - (self.size - 1) / 2
        y, x = torch.meshgrid(at, at, indexing="ij")
        weights = window(self.size, dtype=torch.float64) ** 2
        mean_square = ((x**2 + y**2) * weights).sum() / weights.sum()
        return torch.stack([x, y], dim=-1), float(mean_square)


class Shifts(Warps):
    """Shifts by the displacement, in all directions."""

    name = "shifts"
    index = "shift"

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


class Deformations(Warps):
    """Smooth deformations without an affine part that do not fold (Petrini et al. 2021)."""

    name = "deformations"
    index = "deformation"
    smallest = 10  # a finer mode would have no pixels left to bend

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size, delta)
        coefficients(self.delta / DELTA_PATCH, 1, generator(0, "probe"))  # raises if all fold

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return coefficients of the modes, ``[count, 2, modes]``."""
        return coefficients(self.delta / DELTA_PATCH, count, stream)

    def displacement(self, members: Tensor) -> Tensor:
        """Return the deformations' displacements."""
        return displacements(members, self.size)


class Rotations(Warps):
    """Rotations about the centre, by angles uniform around zero."""

    name = "rotations"
    index = "rotation"

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return angles in radians whose displacements have the wanted mean square, ``[count]``."""
        widest = math.sqrt(3 / self.radii()[1]) * self.pixels
        return widest * (2 * torch.rand(count, generator=stream) - 1)

    def displacement(self, members: Tensor) -> Tensor:
        """Return where each pixel of the turned patch lies, less where it was."""
        x, y = self.radii()[0].to(members).unbind(-1)
        cos, sin = members.cos()[:, None, None], members.sin()[:, None, None]
        return torch.stack([cos * x - sin * y - x, sin * x + cos * y - y], dim=-1)


class Scales(Warps):
    """Growing and shrinking about the centre, by factors uniform around one."""

    name = "scales"
    index = "scale"

    def __init__(self, size: int, delta: float | None = None) -> None:
        super().__init__(size, delta)
        self.widest = math.sqrt(3 / self.radii()[1]) * self.pixels
        if self.widest >= 1:
            raise UserError(
                "factors above zero for the family scales",
                f"a delta of {delta:g}, which needs factors down to {1 - self.widest:.2f}",
                "choose a smaller delta",
            )

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """Return changes of the factor whose displacements have the wanted mean square."""
        return self.widest * (2 * torch.rand(count, generator=stream) - 1)

    def displacement(self, members: Tensor) -> Tensor:
        """Return displacements away from the centre or towards it."""
        return members[:, None, None, None] * self.radii()[0].to(members)


FAMILIES: dict[str, type[Family]] = {
    family.name: family for family in (AllShifts, Shifts, Deformations, Rotations, Scales)
}


def build_families(names: Sequence[str], deltas: Sequence[float], size: int) -> list[Family]:
    """Return the families called `names` for patches of side `size`, once for each displacement.

    Raises
    ------
    UserError
        For an unknown name, no name, a patch that is too small, or a displacement not above zero.
    """
    if not names or not deltas:
        missing = "displacement" if names else "family"
        known = f"choose from {', '.join(FAMILIES)}, and displacements such as 1,2,3"
        raise UserError(f"at least one {missing}", "none", known)
    for given in (list(names), list(deltas)):
        if repeated := [entry for entry in given if given.count(entry) > 1]:
            raise UserError("each family and displacement once", f"{repeated[0]} twice", "drop it")
    return [
        get_family(name)(size, delta)
        for name in names
        for delta in (deltas if issubclass(get_family(name), Warps) else (None,))
    ]


def fitting_families(
    names: Sequence[str], deltas: Sequence[float], size: int
) -> tuple[list[Family], dict[str, str]]:
    """Return the families that fit patches of side `size`, and why others do not, by name."""
    left_out = {}
    for name in names:
        try:
            get_family(name).check_size(size)
        except UserError as error:
            left_out[name] = str(error)
    fitting = [name for name in names if name not in left_out]
    return build_families(fitting, deltas, size) if fitting else [], left_out


def get_family(name: str) -> type[Family]:
    """Return the family called `name`; raise `UserError` with the nearest names otherwise."""
    if name not in FAMILIES:
        raise unknown_name("family of transformations", name, FAMILIES)
    return FAMILIES[name]
