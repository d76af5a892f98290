"""Diverse feature visualizations: see what a unit of a neural network is invariant to.

Names are imported when they are first used, so that tables and figures do without PyTorch.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers, which do not run what is below
    from diversevis.figures.sheet import contact_sheet
    from diversevis.networks.modules import from_module
    from diversevis.networks.trunk import Trunk, load_trunk
    from diversevis.optimisation.schedule import Schedule
    from diversevis.synthesis.diverse import DiverseSets, diverse_sets
    from diversevis.synthesis.sweep import Sweep, sweep
    from diversevis.synthesis.targets import Targets, channels, directions
    from diversevis.units.contract import Units, check_units

__all__ = [
    "DiverseSets",
    "Schedule",
    "Sweep",
    "Targets",
    "Trunk",
    "Units",
    "channels",
    "check_units",
    "contact_sheet",
    "directions",
    "diverse_sets",
    "from_module",
    "load_trunk",
    "sweep",
]

_HOMES = {
    "figures.sheet": ("contact_sheet",),
    "networks.modules": ("from_module",),
    "networks.trunk": ("Trunk", "load_trunk"),
    "optimisation.schedule": ("Schedule",),
    "synthesis.diverse": ("DiverseSets", "diverse_sets"),
    "synthesis.sweep": ("Sweep", "sweep"),
    "synthesis.targets": ("Targets", "channels", "directions"),
    "units.contract": ("Units", "check_units"),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return metadata.version("diversevis")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"diversevis.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
