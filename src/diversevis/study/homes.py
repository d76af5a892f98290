"""Which module has the units of a network: what a job depends on is found by name."""

from __future__ import annotations

import importlib

from diversevis.controls.name import CONTROLS


def home_of(network: str) -> tuple[str, str]:
    """Return the module, and its function, that return a layer of units by network and layer."""
    if network == CONTROLS:
        return "diversevis.controls.units", "load_controls"
    # By name: what is measured of a built-in network does not depend on how others are found.
    if importlib.import_module("diversevis.networks.given").is_given(network):
        return "diversevis.networks.loading", "load_given"
    return "diversevis.networks.trunk", "load_trunk"
