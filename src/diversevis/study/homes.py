"""Which module has the units of a network: what a job depends on is found by name."""

from __future__ import annotations

from diversevis.controls.name import CONTROLS


def home_of(network: str) -> tuple[str, str]:
    """Return the module, and its function, that return a layer of units by network and layer."""
    if network == CONTROLS:
        return "diversevis.controls.units", "load_controls"
    return "diversevis.networks.trunk", "load_trunk"
