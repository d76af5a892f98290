"""Units of a module that cannot be traced: the module as it is, on images that hold the patch.

The receptive field is found by sending in NaN: the first and the last row, and column, from which
it reaches the middle of the layer's map.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diversevis.errors import UserError, unknown_name
from diversevis.networks.conventions import Convention
from diversevis.networks.fields import Field, square
from diversevis.networks.layouts import COLUMNS, ROWS, UnboundedError
from diversevis.networks.operations import Interval
from diversevis.networks.recording import IMAGE
from diversevis.networks.self_check import SMALLEST, TOLERANCE, random_images
from diversevis.units.contract import PIXELS, check_shape

_SIDES = (64, 128, 256, 512)
_STEP = 32
"""Sides are multiples of it: what a network does at the border may depend on the remainder."""


class WholeTrunk(nn.Module):
    """Units of one layer of a module that is run as it is, grey around the patch.

    Satisfies `diversevis.units.contract.Units`; distances are those of pixels. Parameters are
    frozen; `to` moves them.

    Parameters
    ----------
    module
        In evaluation mode; it is copied, in float64.
    layer
        Name of a module in it. Units respond with what it gives.
    convention
        How the module wants its input.
    network
        What to call the module.

    Raises
    ------
    UnboundedError
        If the units' receptive field is larger than 512 px.
    UserError
        If there is no such layer, or it gives no map.
    """

    earlier_layers: tuple[str, ...] = ()

    def __init__(
        self, module: nn.Module, layer: str, convention: Convention, *, network: str
    ) -> None:
        super().__init__()
        self.network, self.layer = network, layer
        known = [name for name, _ in module.named_modules() if name]
        if layer not in known:
            raise unknown_name("layer", layer, known, where=f" of {network}")
        self._convention = convention
        # In float64 convolutions are plain sums; others let NaN reach beyond their kernels.
        self.module = copy.deepcopy(module).cpu().double()
        self.requires_grad_(False).eval()
        self.side, self._field = self._smallest()
        self.size = self._field.size
        self._shape = torch.Size((3, self.size, self.size))
        blank = torch.zeros(1, 3, self.side, self.side, dtype=torch.float64)
        self.channels = self._map(blank).shape[1]

    def respond(self, patches: Tensor, tap: str = PIXELS) -> tuple[Tensor, Tensor]:
        """Return the responses ``[N, channels]`` to `patches`, and the patches.

        Raises
        ------
        UserError
            For patches of another size than ``[N, 3, size, size]``, or another tap than pixels.
        """
        if not isinstance(patches, Tensor) or patches.ndim != 4 or patches.shape[1:] != self._shape:
            check_shape(f"patches for {self.network} {self.layer}", patches, ("N", *self._shape))
        if tap != PIXELS:
            raise unknown_name("layer", tap, (PIXELS,), where=f", {PIXELS} alone")
        around = []
        for axis in (COLUMNS, ROWS):
            first, last = self._field.regions[IMAGE][axis]
            around += [first, self.side - 1 - last]
        rows, columns = self._field.position
        return self._map(F.pad(patches, around))[:, :, rows, columns], patches

    def forward(self, patches: Tensor) -> Tensor:
        """Return the responses ``[N, channels]`` to patches ``[N, 3, size, size]``."""
        return self.respond(patches)[0]

    def extra_repr(self) -> str:
        """Name the units in the printed form."""
        return f"{self.network} {self.layer}: {self.channels} units, {self.size} px"

    def check(self) -> float:
        """Return how far the units are from those of a larger image, relative to the largest.

        Raises
        ------
        UserError
            If they differ, or change with what lies outside their receptive field.
        """
        side = self.side + 2 * _STEP
        field = self._found(side)
        if field is None or field.size != self.size:
            raise self._refusal(f"{field and field.size} px in an image of {side} px")
        images = random_images(side, field)
        with torch.no_grad():
            rows, columns = field.position
            theirs = self._map(images)[:, :, rows, columns]
            ours = self(field.crop(images[:1]))
        if theirs.shape[1:] != ours.shape[1:]:
            raise self._no_map(f"{theirs.shape[1]} channels of {side} px")
        error = float((theirs - ours).abs().max() / ours.abs().max().clamp(min=SMALLEST))
        if not error <= TOLERANCE:
            raise self._refusal(f"a relative difference of {error:.2g}")
        return error

    def _refusal(self, received: str) -> UserError:
        return UserError(
            f"units of {self.network} {self.layer} that respond as in larger images",
            received,
            "choose a layer before it",
        )

    def _no_map(self, received: str) -> UserError:
        return UserError(
            f"a map [N, channels, rows, columns] from {self.network} {self.layer}",
            received,
            "choose a layer that gives one",
        )

    def _map(self, images: Tensor) -> Tensor:
        found = caught(self.module, self.layer, self._convention(images))
        if not isinstance(found, Tensor) or found.ndim != 4:
            shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise self._no_map(f"{shape}")
        return found

    def _smallest(self) -> tuple[int, Field]:
        """Return the smallest image that holds the field of its middle position, and the field."""
        for side in _SIDES:
            field = self._found(side)
            if field is not None:
                break
        else:
            if self._said:
                wanted = f"{self.network} to run on images of {_SIDES[-1]} px"
                raise UserError(wanted, self._said, "give a module that takes images of any size")
            raise UnboundedError(f"no part of {_SIDES[-1]} px is all that its units see")
        for smaller in range(-(-field.size // _STEP) * _STEP, side, _STEP):
            found = self._found(smaller)
            if found is not None and found.size == field.size:
                return smaller, found
        return side, field

    def _found(self, side: int) -> Field | None:
        """Return the field of the middle position; None if it is not inside the image."""
        self._said = ""
        try:
            with torch.no_grad():
                shape = self._map(torch.zeros(1, 3, side, side, dtype=torch.float64)).shape
                at = shape[2] // 2, shape[3] // 2
                found = {ROWS: self._seen(side, at, -2), COLUMNS: self._seen(side, at, -1)}
        except UserError:
            raise
        except Exception as error:  # the image may be too small for it
            self._said = " ".join(f"{type(error).__name__}: {error}".split())
            return None
        if not all(found.values()):
            return None
        region = square({axis: interval for axis, interval in found.items() if interval})
        if any(first < 0 or last >= side for first, last in region.values()):
            return None
        return Field(at, {IMAGE: region})

    def _seen(self, side: int, at: tuple[int, int], dimension: int) -> Interval | None:
        """Return from which rows or columns NaN reaches a position; None if from the border."""

        def reaches(first: int, last: int) -> bool:
            images = torch.zeros(1, 3, side, side, dtype=torch.float64)
            images.narrow(dimension, first, last - first + 1).fill_(torch.nan)
            return bool(self._map(images)[:, :, at[0], at[1]].isnan().any())

        if reaches(0, 0) or reaches(side - 1, side - 1) or not reaches(0, side - 1):
            return None
        return (
            _least(lambda row: reaches(0, row), side),
            side - 1 - _least(lambda row: reaches(side - 1 - row, side - 1), side),
        )


def _least(holds: Callable[[int], bool], count: int) -> int:
    """Return the least number for which something holds that holds for all above it."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


class _CaughtError(Exception):
    """The layer has run: the rest of the network need not."""


def caught(module: nn.Module, layer: str, images: Tensor) -> Any:
    """Return what a module inside a module gives the first time it runs; None if it does not."""
    found: list[Any] = []

    def catch(_module: nn.Module, _inputs: Any, output: Any) -> None:
        found.append(output)
        raise _CaughtError

    handle = module.get_submodule(layer).register_forward_hook(catch)
    try:
        module(images)
    except _CaughtError:
        return found[0]
    finally:
        handle.remove()
    return None
