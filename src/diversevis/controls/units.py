"""Control units: simple and complex cells, rigid and deformable templates.

They have the interface of a trunk and go through the same code as a network's units, so an index
that is wrong for them is wrong. All are homogeneous of degree one, like a network's early units
nearly are, and their envelopes are as wide as the mask.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diversevis.controls.kinds import KINDS
from diversevis.controls.name import CONTROLS
from diversevis.errors import unknown_name
from diversevis.seeds import generator
from diversevis.stimuli.masks import window
from diversevis.units.contract import PIXELS

SIZE = 24

_GABORS = [(0.0, 3.0), (0.6, 3.5), (1.3, 4.0), (2.2, 3.0)]
"""Orientation in radians and frequency in cycles per patch."""

_TEMPLATES, _PARTS_PER_SIDE, _PART, _REACH = 4, 2, 9, 3
"""Templates; parts per side of each; a part's side, and how far it may move, in pixels."""


class Controls(nn.Module):
    """One kind of control as a layer of four units; satisfies `diversevis.units.contract.Units`.

    ``simple``
        Linear Gabor filters ``w.x``.
    ``rectified``
        ``max(0, w.x)`` of the same.
    ``complex``
        The energy model's root, ``sqrt((w.x)^2 + (v.x)^2)``, of the same in quadrature (Adelson &
        Bergen 1985).
    ``rigid``
        Templates of parts that stay where they are, ``sum_p w_p.x``.
    ``deformable``
        The same parts, each where it fits best nearby, ``sum_p max_d w_p.x(. - d)`` over shifts by
        up to 3 px in both directions.

    Parameters
    ----------
    kind
        One of `KINDS`.

    Raises
    ------
    UserError
        For another kind.
    """

    network, size, channels = CONTROLS, SIZE, 4
    earlier_layers: tuple[str, ...] = ()
    filters: Tensor

    def __init__(self, kind: str) -> None:
        super().__init__()
        if kind not in KINDS:
            raise unknown_name("kind of control", kind, KINDS)
        self.layer = kind
        if kind in ("rigid", "deformable"):
            self.register_buffer("filters", _parts())
        else:
            self.register_buffer("filters", _gabors())

    def respond(self, patches: Tensor, tap: str = PIXELS) -> tuple[Tensor, Tensor]:
        """Return responses ``[N, 4]`` to ``[N, 3, 24, 24]``, and the patches."""
        if self.layer in ("rigid", "deformable"):
            return self._template_responses(patches), patches
        even, odd = torch.einsum("nchw,kfchw->fnk", patches, self.filters)
        match self.layer:
            case "simple":
                return even, patches
            case "rectified":
                return even.relu(), patches
            case _:
                # The floor keeps the root's gradient finite for a blank patch.
                return (even.square() + odd.square() + 1e-6).sqrt(), patches

    def _template_responses(self, patches: Tensor) -> Tensor:
        reach = _REACH if self.layer == "deformable" else 0
        padded = F.pad(patches, (reach,) * 4)
        side = _PART + 2 * reach
        total = patches.new_zeros(len(patches), self.channels)
        for (top, left), part in zip(_corners(), self.filters, strict=True):
            around = padded[..., top : top + side, left : left + side]
            total = total + F.conv2d(around, part).flatten(2).amax(2)
        return total


def _gabors() -> Tensor:
    """Return quadrature pairs ``[4, 2, 3, 24, 24]`` of unit length."""
    at = torch.arange(SIZE) - (SIZE - 1) / 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    filters = []
    for orientation, cycles in _GABORS:
        phase = (
            2 * math.pi * cycles / SIZE * (x * math.cos(orientation) + y * math.sin(orientation))
        )
        pair = torch.stack([phase.cos(), phase.sin()]) * window(SIZE)
        filters.append(pair / pair.flatten(1).norm(dim=1)[:, None, None])
    return torch.stack(filters)[:, :, None].expand(-1, -1, 3, -1, -1) / math.sqrt(3)


def _corners() -> list[tuple[int, int]]:
    """Return the corners (top, left) of the parts, evenly over the mask's disc."""
    first, last = 2, SIZE - 2 - _PART
    at = [round(first + (last - first) * i / (_PARTS_PER_SIDE - 1)) for i in range(_PARTS_PER_SIDE)]
    return [(top, left) for top in at for left in at]


def _parts() -> Tensor:
    """Return the parts' filters, ``[parts, 4, 3, 9, 9]``: grey blobs and edges of random signs."""
    at = torch.arange(_PART) - (_PART - 1) / 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * (_PART / 4.5) ** 2))
    stream = generator(0, CONTROLS, "parts")
    filters = []
    for _ in _corners():
        angle = 2 * math.pi * torch.rand(_TEMPLATES, generator=stream)
        phase = 2 * math.pi * torch.rand(_TEMPLATES, generator=stream)
        along = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]
        wave = envelope * torch.cos(2 * math.pi * along / 6 + phase[:, None, None])
        wave = wave - envelope * (wave.sum((1, 2)) / envelope.sum())[:, None, None]
        filters.append(wave / wave.flatten(1).norm(dim=1)[:, None, None])
    return torch.stack(filters)[:, :, None].expand(-1, -1, 3, -1, -1) / math.sqrt(3)


def load_controls(_network: str, kind: str, *, device: str | torch.device = "cpu") -> Controls:
    """Return one kind of control; raise `UserError` for another kind."""
    return Controls(kind).to(device)
