"""Layers of units by name: those of networks, and the controls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from diversevis.controls.units import NETWORK as CONTROLS
from diversevis.controls.units import Controls
from diversevis.networks.trunk import load_trunk
from diversevis.stimuli.natural import natural_responses
from diversevis.stimuli.photographs import load_photographs
from diversevis.units import Units


def load_units(
    network: str, layer: str, *, device: str | torch.device = "cpu", cache: Path | None = None
) -> Units:
    """Return a network's trunk up to `layer`, or one kind of control for the network ``controls``.

    Raises
    ------
    UserError
        If there is no such network, layer or control, or no source for the weights.
    """
    if network == CONTROLS:
        return Controls(layer).to(device)
    return load_trunk(network, layer, device=device, cache=cache)


def best_natural_patches(
    units: Units, channels: Sequence[int], *, count: int, seed: int
) -> Tensor | None:
    """Return each channel's best natural patch, ``[channels, 3, s, s]``; None for controls.

    Controls are driven by noise, so that they need no photographs.
    """
    if units.network == CONTROLS:
        return None
    natural = natural_responses(units, load_photographs(), count=count, seed=seed)
    return natural.best[list(channels)]
