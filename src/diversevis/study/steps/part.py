"""Make a part of a layer's units: what another step makes of all of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from diversevis.study.load import load_units
from diversevis.study.parts import units_of_part
from diversevis.study.sample import drawn_units

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(reads: Reads, writes: Writes, *, step: str, part: str, **settings: Any) -> Any:
    """Run a step on the units of a part.

    What is made of a part's sweep or tests has their units; else those are taken that are the
    part's among the ones which the step would draw.

    Parameters
    ----------
    step
        ``module:run``.
    part
        Its name.
    **settings
        Of the step.
    """
    if not {"sweep", "tests"} & set(reads):
        count, include = settings.pop("units"), settings.pop("include")
        seed = settings.pop("units_seed", settings["seed"])
        layer = load_units(settings["network"], settings["layer"])
        drawn = drawn_units(layer, count, include=include, seed=seed)
        settings["channels"] = units_of_part(part, drawn)
    module, _, function = step.partition(":")
    return getattr(importlib.import_module(module), function)(reads, writes, **settings)
