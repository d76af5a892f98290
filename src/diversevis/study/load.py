"""Layers of units by name: those of networks, and the controls."""

from __future__ import annotations

import importlib
from typing import Any

import torch

from diversevis.controls.name import CONTROLS
from diversevis.networks.store import status
from diversevis.study.homes import home_of
from diversevis.study.machine import computed_on
from diversevis.units.contract import Units


def load_units(network: str, layer: str, *, device: str | torch.device = "cpu") -> Units:
    """Return the units of a network's layer, or one kind of control for the network ``controls``.

    Raises
    ------
    UserError
        If there is no such network, layer or control, or no source for the weights.
    """
    # By name: what is measured of a network does not depend on the controls' code.
    module, function = home_of(network)
    units: Units = getattr(importlib.import_module(module), function)(network, layer, device=device)
    return units


def origin(network: str, device: torch.device) -> dict[str, Any]:
    """Return what provenance says of weights and machine."""
    return {"network": _weights(network), **computed_on(device)}


def _weights(network: str) -> dict[str, str] | None:
    module, function = home_of(network)
    if function == "load_given":
        stored = importlib.import_module(module).about_given(network)
    else:
        stored = None if network == CONTROLS else status(network)
    if stored is None:
        return None
    return {
        "name": network,
        "weights_sha256": stored.digest,
        "weights_source": stored.source,
    }
