"""What the units of each layer, of each network, and all together have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.conditions import conditions
from diversevis.analysis.statistics import median_interval, share_interval
from diversevis.analysis.tables import groups_of, read_frame, values_of, write_frame
from diversevis.measures import CONTRAST
from diversevis.results.quantities import Quantity, Registry

ALL = "all"
"""Stands for all layers, or all networks."""

COLUMNS = (
    "network",
    "layer",
    "size",
    "quantity",
    "statistic",
    "value",
    "low",
    "high",
    "units",
    "left_out",
)


def layer_table(
    units: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any], *, seed: int = 0
) -> pd.DataFrame:
    """Return medians and shares by layer, by network (``layer`` is ``all``), and of all units.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    registry
        Quantities of the run, in the order of their rows.
    criteria
        ``config/criteria.yaml``.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: ``statistic`` is ``median`` (of all quantities; bootstrap 95 %
        interval), ``share`` (`conditions`; Wilson's 95 % interval) or ``count``
        (``needed_natural``: units that no start from noise drove above zero). ``units`` is how many
        entered, ``left_out`` how many did not: left out altogether, or without this quantity.
        ``size`` of the patch in pixels, empty where layers differ. Medians of effective contrasts
        are of units that were not picked by hand.
    """
    met = conditions(units, registry, criteria)
    rows = []
    for names, group in groups(units):
        kept = group[group["left_out"] == ""]

        def add(quantity, statistic, value, interval, entered, names=names, group=group):
            numbers = (value, *interval, entered, len(group) - entered)
            rows.append(dict(zip(COLUMNS, (*names, quantity, statistic, *numbers), strict=True)))

        for quantity in registry:
            values = finite(values_of(having_say(kept, quantity), quantity))
            interval = median_interval(values, seed=seed)
            add(quantity.name, "median", median(values), interval, len(values))
        for name, yes in met.loc[group.index].items():
            told = yes.dropna()
            interval = share_interval(int(told.sum()), len(told))
            add(name, "share", told.mean(), interval, len(told))
        add("needed_natural", "count", int(kept["needed_natural"].sum()), [np.nan] * 2, len(kept))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def groups(units: pd.DataFrame) -> Iterator[tuple[tuple[str, str, float], pd.DataFrame]]:
    """Yield ``(network, layer, size)`` and units: each layer, each network, and all of them."""
    for (network, layer), group in groups_of(units, "network", "layer"):
        yield (network, layer, float(group["size"].iloc[0])), group
    for (network,), group in groups_of(units, "network"):
        yield (network, ALL, np.nan), group
    yield (ALL, ALL, np.nan), units


def second_edition(units: pd.DataFrame) -> pd.DataFrame:
    """Return the units that enter statistics of effective contrast: driven, not picked by hand."""
    return units[(units["left_out"] == "") & (values_of(units, "hand_picked") != 1)]


def unexamined(units: pd.DataFrame) -> pd.DataFrame:
    """Return the units that no earlier run examined; none where nothing is known of such."""
    return units[values_of(units, "examined") == 0]


def having_say(units: pd.DataFrame, quantity: Quantity | None) -> pd.DataFrame:
    """Return the units whose values of a quantity enter statistics.

    Units that were picked by hand have no say in those of effective contrast; the first edition's
    and what was measured beside go on as they were.
    """
    second = quantity is not None and quantity.measure == CONTRAST
    return second_edition(units) if second else units


def finite(values: pd.Series) -> np.ndarray:
    """Return the values that are numbers; ratios can be infinite, and quantities not measured."""
    return values[np.isfinite(values)].to_numpy(float)


def median(values: np.ndarray) -> float:
    """Return the median of ``[n]`` values, NaN if there is none."""
    return float(np.median(values)) if len(values) else np.nan


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    criteria: Mapping[str, Any],
    seed: int,
) -> None:
    """Summarise the units of each layer."""
    units, registry = read_frame(reads["units"]), Registry.load(reads["quantities"])
    write_frame(writes["layers"], layer_table(units, registry, criteria, seed=seed))
