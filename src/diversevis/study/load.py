"""Layers of units by name: those of networks, and the controls."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import nn

from diversevis.controls.name import CONTROLS
from diversevis.devices import choose_device
from diversevis.errors import UserError
from diversevis.networks.store import status
from diversevis.study.homes import home_of
from diversevis.study.machine import computed_on
from diversevis.units.contract import Units, check_units


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


def units_of(
    network: str | Units, layer: str | None = None, *, device: str | torch.device = "auto"
) -> Units:
    """Return units, given themselves or as the names of a network and its layer.

    Raises
    ------
    UserError
        As `load_units` and `check_units`; for a layer beside units; for a network that units are
        still to be made of.
    """
    if isinstance(network, nn.Module) and not hasattr(network, "respond"):
        made = "make units of it: diversevis.from_module(module, layer)"
        raise UserError("the name of a network, or units", type(network).__name__, made)
    if not isinstance(network, str) and layer is not None:
        remedy = "leave it out, and name channels: channels=[21]"
        raise UserError("no layer beside units, which are those of one", repr(layer)[:60], remedy)
    if not isinstance(network, str):
        check_units(network, None)
        return network
    return load_units(network, layer, device=choose_device(device))  # type: ignore[arg-type]


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
