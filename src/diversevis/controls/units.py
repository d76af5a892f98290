"""Control units: simple and complex cells, rigid and deformable templates.

They have the interface of a trunk and go through the same code as a network's units, so an index
that is wrong for them is wrong. The plain kinds are homogeneous of degree one, like a network's
early units nearly are, and their envelopes are as wide as the mask. The extended ones are the same
units through output nonlinearities, or with narrower envelopes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diversevis.controls.filters import PART, REACH, SIZE, best_filters, corners, gabors, parts
from diversevis.controls.kinds import EXTENDED, KINDS, Variant
from diversevis.controls.name import CONTROLS
from diversevis.controls.nonlinearities import NONLINEARITIES
from diversevis.errors import unknown_name
from diversevis.units.contract import PIXELS
from diversevis.units.patches import patch_norm


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

    The others are one of these, ``f``, with one thing changed: narrower envelopes (``-s6``), or an
    output nonlinearity ``h`` (``-squared``, ``-soft``, ``-offset``), ``P h(f / P)``, where ``P`` is
    the unit's best response to any patch of the norm budget, in closed form. It stays that.

    Parameters
    ----------
    kind
        One of `KINDS` or `EXTENDED`.

    Raises
    ------
    UserError
        For another kind.
    """

    network, size, channels = CONTROLS, SIZE, 4
    earlier_layers: tuple[str, ...] = ()
    filters: Tensor
    peaks: Tensor

    def __init__(self, kind: str) -> None:
        super().__init__()
        known = {plain: Variant(plain) for plain in KINDS} | EXTENDED
        if kind not in known:
            raise unknown_name("kind of control", kind, known)
        variant = known[kind]
        self.layer, self.plain = kind, variant.plain
        of_parts = self.plain in ("rigid", "deformable")
        self.register_buffer("filters", parts() if of_parts else gabors(variant.envelope))
        self.nonlinearity = None
        if variant.nonlinearity is not None:
            self.nonlinearity = NONLINEARITIES[variant.nonlinearity]
            lengths = best_filters(self.plain, self.filters).flatten(1).norm(dim=1)
            self.register_buffer("peaks", patch_norm(SIZE) * lengths)

    def respond(self, patches: Tensor, tap: str = PIXELS) -> tuple[Tensor, Tensor]:
        """Return responses ``[N, 4]`` to ``[N, 3, 24, 24]``, and the patches."""
        responses = self._plain_responses(patches)
        if self.nonlinearity is not None:
            responses = self.nonlinearity.apply(responses, self.peaks)
        return responses, patches

    def _plain_responses(self, patches: Tensor) -> Tensor:
        if self.plain in ("rigid", "deformable"):
            return self._template_responses(patches)
        even, odd = torch.einsum("nchw,kfchw->fnk", patches, self.filters).unbind()
        match self.plain:
            case "simple":
                return even
            case "rectified":
                return even.relu()
            case _:
                # The floor keeps the root's gradient finite for a blank patch.
                return (even.square() + odd.square() + 1e-6).sqrt()

    def _template_responses(self, patches: Tensor) -> Tensor:
        reach = REACH if self.plain == "deformable" else 0
        padded = F.pad(patches, (reach,) * 4)
        side = PART + 2 * reach
        total = patches.new_zeros(len(patches), self.channels)
        for (top, left), part in zip(corners(), self.filters, strict=True):
            around = padded[..., top : top + side, left : left + side]
            total = total + F.conv2d(around, part).flatten(2).amax(2)
        return total


def load_controls(_network: str, kind: str, *, device: str | torch.device = "cpu") -> Controls:
    """Return one kind of control; raise `UserError` for another kind."""
    return Controls(kind).to(device)
