"""What the units of each layer, of each network, and all together have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.statistics import median_interval, share_interval

ALL = "all"
"""Stands for all layers, or all networks."""

_DIGITS = 1e-6  # tables are written with seven digits

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


def medians(criteria: Mapping[str, Any]) -> list[str]:
    """Return the columns of the unit table whose medians are reported."""
    delta = f"{criteria['C3']['delta']:g}"
    return [
        "activation_ratio",
        "distance_ratio",
        "phase_index",
        "phase_above",
        "phase_learned_mask",
        f"shift_index_{delta}",
        "shift_above",
        f"deformation_index_{delta}",
        "deformation_above",
        "f1_f0",
        f"stability_mean_{delta}",
        f"stability_median_{delta}",
    ]


def conditions(units: pd.DataFrame, criteria: Mapping[str, Any]) -> pd.DataFrame:
    """Return what the claims ask of single units, and which meet it.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    criteria
        ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        Indexed as `units`; 1 where a unit meets the condition, 0 where not, NaN where it cannot be
        told, or the unit is left out:

        - ``more_distinct`` (C1): its diverse set keeps enough of the restarts' activation and has a
          larger smallest distance than they;
        - ``phase_index_high`` (C2, its first half), ``phase_invariant`` (C2),
          ``deformation_invariant`` (C3);
        - ``both_invariant``: the last two.
    """
    kept = units.left_out == ""
    least = criteria["C1"]["fraction"] - _DIGITS
    distinct = (units.distance_ratio > 1) & (units.activation_ratio >= least)
    high = units.phase_index >= criteria["C2"]["phase_index"]
    phase, bent = units.phase_index.notna(), units.deformation_above.notna()
    met = {
        "more_distinct": (distinct, units.distance_ratio.notna()),
        "phase_index_high": (high, phase),
        "phase_invariant": (units.phase_invariant, phase),
        "deformation_invariant": (units.deformation_invariant, bent),
        "both_invariant": (units.phase_invariant & units.deformation_invariant, phase & bent),
    }
    return pd.DataFrame(
        {name: yes.astype(float).where(told & kept) for name, (yes, told) in met.items()}
    )


def layer_table(units: pd.DataFrame, criteria: Mapping[str, Any], *, seed: int = 0) -> pd.DataFrame:
    """Return medians and shares by layer, by network (``layer`` is ``all``), and of all units.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    criteria
        ``config/criteria.yaml``.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: ``statistic`` is ``median`` (`medians`; bootstrap 95 % interval),
        ``share`` (`conditions`; Wilson's 95 % interval) or ``count``
        (``needed_natural``: units that no start from noise drove above zero). ``units`` is how many
        entered, ``left_out`` how many did not: left out altogether, or without this quantity.
        ``size`` of the patch in pixels, empty where layers differ.
    """
    met = conditions(units, criteria)
    rows = []
    for names, group in groups(units):
        kept = group[group.left_out == ""]

        def add(quantity, statistic, value, interval, entered, names=names, group=group):
            numbers = (value, *interval, entered, len(group) - entered)
            rows.append(dict(zip(COLUMNS, (*names, quantity, statistic, *numbers), strict=True)))

        for quantity in medians(criteria):
            if quantity in kept:
                values = finite(kept[quantity])
                median = float(np.median(values)) if len(values) else np.nan
                interval = median_interval(values, seed=seed)
                add(quantity, "median", median, interval, len(values))
        for quantity in met:
            told = met.loc[group.index, quantity].dropna()
            interval = share_interval(int(told.sum()), len(told))
            add(quantity, "share", told.mean(), interval, len(told))
        add("needed_natural", "count", int(kept.needed_natural.sum()), [np.nan] * 2, len(kept))
    return pd.DataFrame(rows, columns=COLUMNS)


def groups(units: pd.DataFrame) -> Iterator[tuple[tuple[str, str, float], pd.DataFrame]]:
    """Yield ``(network, layer, size)`` and units: each layer, each network, and all of them."""
    for (network, layer), group in units.groupby(["network", "layer"], sort=False):
        yield (network, layer, group["size"].iloc[0]), group
    for network, group in units.groupby("network", sort=False):
        yield (network, ALL, np.nan), group
    yield (ALL, ALL, np.nan), units


def finite(values: pd.Series) -> np.ndarray:
    """Return the values that are numbers; ratios can be infinite, and quantities not measured."""
    return values[np.isfinite(values)].to_numpy(float)
