"""How a network wants its input, as one map from patches to its own scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diversevis.errors import UserError, real_number, unknown_name
from diversevis.units.patches import CHANNEL_MEANS

ORDERS = {"RGB": (0, 1, 2), "BGR": (2, 1, 0)}
"""Which channel of a patch each channel of a network's input takes."""

GREY = "grey"
_LUMINANCE = (0.299, 0.587, 0.114)
"""How much red, green and blue weigh in one grey channel (ITU-R BT.601)."""

WHITES = (1.0, 255.0)


@dataclass(frozen=True)
class Convention:
    """A network's input is ``matrix @ patch + shift`` at every pixel.

    Parameters
    ----------
    matrix
        For each channel of the input, what it takes of red, green and blue.
    shift
        For each channel of the input.
    """

    matrix: tuple[tuple[float, ...], ...]
    shift: tuple[float, ...]

    @property
    def channels(self) -> int:
        """How many channels the network's input has."""
        return len(self.shift)

    def weight(self, like: Tensor) -> Tensor:
        """Return the map as the weight of a 1x1 convolution, ``[channels, 3, 1, 1]``."""
        return like.new_tensor(self.matrix)[:, :, None, None]

    def bias(self, like: Tensor) -> Tensor:
        """Return what it adds, ``[channels]``."""
        return like.new_tensor(self.shift)

    def __call__(self, patches: Tensor) -> Tensor:
        """Return the network's input ``[N, channels, h, w]`` to patches ``[N, 3, h, w]``."""
        return torch.conv2d(patches, self.weight(patches), self.bias(patches))


def convention(
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
    white: float = 1.0,
    channel_order: str = "RGB",
) -> Convention:
    """Return how a network wants its input.

    It is ``(pixel - mean) / std``, `pixel` from 0 to `white`.

    Parameters
    ----------
    mean, std
        One number, or one for each channel of the network's input in its own order, on the scale of
        `white`; nothing is subtracted, or divided by, where they are left out.
    white
        What a white pixel is: 1 or 255.
    channel_order
        ``"RGB"``, ``"BGR"``, or ``"grey"`` for one channel, of brightness.

    Raises
    ------
    UserError
        If one of them is something else.
    """
    if channel_order not in (*ORDERS, GREY):
        raise unknown_name("channel order", channel_order, (*ORDERS, GREY))
    if white not in WHITES:
        raise UserError("1 or 255 for a white pixel", repr(white), "choose one of them")
    rows: list[tuple[float, ...]] = [_LUMINANCE]
    if channel_order != GREY:
        rows = [tuple(float(i == at) for i in range(3)) for at in ORDERS[channel_order]]
    means = _numbers("the mean", 0.0 if mean is None else mean, len(rows))
    deviations = _numbers("the standard deviation", 1.0 if std is None else std, len(rows), above=0)
    matrix, shift = [], []
    for row, own_mean, deviation in zip(rows, means, deviations, strict=True):
        matrix.append(tuple(weight * white / 255 / deviation for weight in row))
        grey = sum(weight * ours for weight, ours in zip(row, CHANNEL_MEANS, strict=True))
        shift.append((grey * white / 255 - own_mean) / deviation)
    return Convention(tuple(matrix), tuple(shift))


def _numbers(what: str, value: Any, count: int, **limits: float) -> list[float]:
    try:
        values = list(value)
    except TypeError:  # one number for all channels
        values = [value] * count
    if isinstance(value, str) or len(values) != count:
        wanted = f"{count} numbers for {what}" if count > 1 else f"one number for {what}"
        raise UserError(wanted, repr(value), "give one for each channel that the network takes")
    return [real_number(what, number, **limits) for number in values]
