"""Diverse feature visualizations: see what a unit of a neural network is invariant to."""

from diversevis.networks.trunk import Trunk, load_trunk
from diversevis.synthesis.diverse import DiverseSets, diverse_sets
from diversevis.synthesis.engine import Schedule
from diversevis.synthesis.sweep import Sweep, sweep
from diversevis.synthesis.targets import Targets, channels, directions
from diversevis.units import Units, check_units

__version__ = "0.1.0"

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
    "load_trunk",
    "sweep",
]


def __getattr__(name: str) -> object:
    if name == "contact_sheet":  # needs matplotlib, which a bare GPU machine lacks
        from diversevis.figures.sheet import contact_sheet

        return contact_sheet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
