"""Diverse feature visualizations: see what a unit of a neural network is invariant to.

Names are imported when they are first used, so that tables and figures do without PyTorch.
"""

from __future__ import annotations

import importlib
from importlib import metadata

_HOMES = {
    "DiverseSets": "synthesis.diverse",
    "Schedule": "optimisation.schedule",
    "Sweep": "synthesis.sweep",
    "Targets": "synthesis.targets",
    "Trunk": "networks.trunk",
    "Units": "units.contract",
    "channels": "synthesis.targets",
    "check_units": "units.contract",
    "contact_sheet": "figures.sheet",
    "directions": "synthesis.targets",
    "diverse_sets": "synthesis.diverse",
    "load_trunk": "networks.trunk",
    "sweep": "synthesis.sweep",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name == "__version__":
        return metadata.version("diversevis")
    if name in _HOMES:
        return getattr(importlib.import_module(f"diversevis.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
