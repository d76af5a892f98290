"""Diverse feature visualizations: see what a unit of a neural network is invariant to.

Names are imported when they are first used, so that tables and figures do without PyTorch.
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers, which do not run what is below
    from diversevis.figures.sheet import contact_sheet
    from diversevis.invariance.families.base import Family, Warps
    from diversevis.invariance.measure import Invariance
    from diversevis.networks.given import (
        GivenUnits,
        ModuleNetwork,
        register_network,
        register_units,
    )
    from diversevis.networks.loading import load_trunk
    from diversevis.networks.modules import from_module
    from diversevis.networks.trunk import Trunk
    from diversevis.optimisation.schedule import Schedule
    from diversevis.results.loading import load
    from diversevis.study.invariances import invariance
    from diversevis.study.names import families, nulls
    from diversevis.study.plugins import register_family
    from diversevis.study.visualization import visualize
    from diversevis.synthesis.diverse import DiverseSets, diverse_sets
    from diversevis.synthesis.sweep import Sweep, sweep
    from diversevis.synthesis.targets import Targets, channels, directions
    from diversevis.units.contract import Units, check_units

__all__ = [
    "DiverseSets",
    "Family",
    "GivenUnits",
    "Invariance",
    "ModuleNetwork",
    "Schedule",
    "Sweep",
    "Targets",
    "Trunk",
    "Units",
    "Warps",
    "channels",
    "check_units",
    "contact_sheet",
    "directions",
    "diverse_sets",
    "families",
    "from_module",
    "invariance",
    "load",
    "load_trunk",
    "nulls",
    "register_family",
    "register_network",
    "register_units",
    "sweep",
    "visualize",
]

_HOMES = {
    "figures.sheet": ("contact_sheet",),
    "invariance.families.base": ("Family", "Warps"),
    "invariance.measure": ("Invariance",),
    "networks.given": ("GivenUnits", "ModuleNetwork", "register_network", "register_units"),
    "networks.loading": ("load_trunk",),
    "networks.modules": ("from_module",),
    "networks.trunk": ("Trunk",),
    "optimisation.schedule": ("Schedule",),
    "results.loading": ("load",),
    "study.names": ("families", "nulls"),
    "study.plugins": ("register_family",),
    "study.visualization": ("visualize",),
    "synthesis.diverse": ("DiverseSets", "diverse_sets"),
    "synthesis.sweep": ("Sweep", "sweep"),
    "synthesis.targets": ("Targets", "channels", "directions"),
    "units.contract": ("Units", "check_units"),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return metadata.version("diversevis")
    if name == "invariance":  # the package, which can be called
        return importlib.import_module("diversevis.invariance")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"diversevis.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
