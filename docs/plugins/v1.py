"""A model of V1 as units: Gabor filters on grey pictures, through a mask, with gain control.

diversevis invariance v1 complex 0 3 --plugin docs/plugins/v1.py
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

import diversevis as dv


class V1(nn.Module):
    """Simple or complex cells of eight orientations; satisfies `diversevis.Units`."""

    network, size, channels, earlier_layers = "v1", 25, 8, ()

    def __init__(self, layer: str) -> None:
        super().__init__()
        self.layer = layer
        at = torch.arange(self.size) - self.size // 2
        y, x = torch.meshgrid(at, at, indexing="ij")
        angles = math.pi * torch.arange(self.channels)[:, None, None] / self.channels
        cycles = (x * angles.cos() + y * angles.sin()) / 8  # 8 px each
        waves = torch.stack([(2 * math.pi * cycles).cos(), (2 * math.pi * cycles).sin()])
        self.register_buffer("waves", waves)
        self.register_buffer("mask", torch.exp(-(x**2 + y**2) / (2 * 5.0**2)))
        self.register_buffer("weights", torch.tensor([0.299, 0.587, 0.114])[:, None, None])

    def respond(self, patches: Tensor, tap: str = "pixels") -> tuple[Tensor, Tensor]:
        """Return responses ``[N, 8]`` to patches ``[N, 3, 25, 25]``, and the patches."""
        # The model's pixels are grey, from -1 to 1, and end where its mask does.
        seen = (patches * self.weights).sum(1) / 127.5 * self.mask
        even, odd = torch.einsum("nhw,pkhw->pnk", seen, self.waves)
        # Its own norm: contrast beyond 1 drives it little more.
        gain = 1 + seen.square().sum((1, 2), keepdim=True)[..., 0].sqrt()
        drive = even if self.layer == "simple" else (even.square() + odd.square() + 1e-6).sqrt()
        return drive / gain, patches


dv.register_units(
    dv.GivenUnits(name="v1", load=V1, layers=("simple", "complex"), title="model of V1")
)
