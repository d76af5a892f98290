"""Corresponding layers of two networks against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.layers import finite, median
from diversevis.analysis.statistics import cliffs_delta, holm, mann_whitney
from diversevis.analysis.tables import read_frame, values_of, write_frame
from diversevis.results.quantities import ABOVE, Registry

COLUMNS = (
    "first_network",
    "first_layer",
    "second_network",
    "second_layer",
    "quantity",
    "family",
    "first_units",
    "second_units",
    "first_median",
    "second_median",
    "u",
    "p",
    "p_holm",
    "cliffs_delta",
    "low",
    "high",
    "differs",
)
CLAIM, EXPLORATORY = "C4", "exploratory"
"""Families of tests; p values are corrected within each."""

Layer = Sequence[str]
"""Network and layer."""


def pair_table(
    units: pd.DataFrame,
    pairs: Sequence[tuple[Layer, Layer]],
    registry: Registry,
    criteria: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the differences between the units of corresponding layers.

    Claim C4 speaks of the phase index and of the deformation index, each above its surrogate: the
    invariance that the nonlinearity adds, which a preference for low frequencies cannot imitate.
    All tests of these two, over all pairs, are corrected together. The indices themselves and other
    quantities are tested as well, corrected among themselves, and have no say in the claim.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    pairs
        Two layers each, ``((network, layer), (network, layer))``.
    registry
        Quantities of the run.
    criteria
        The section ``C4`` of ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: one row per pair and quantity. ``family`` says which tests are
        corrected together, ``u`` is Mann and Whitney's for the first layer, with its two-sided
        ``p``, corrected by Holm's method in ``p_holm``. ``cliffs_delta`` is positive where the
        first layer's units have larger values; ``low`` and ``high`` are its 95 % interval.
        ``differs``: corrected p and delta meet the criterion. Without units on both sides, or for a
        quantity that the run has not measured, there is no test: NaN, and ``differs`` is false.
    """
    kept = units[units["left_out"] == ""]
    families = {CLAIM: criteria["quantities"], EXPLORATORY: exploratory(registry, criteria)}
    tables = [_family(kept, pairs, name, names, criteria) for name, names in families.items()]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def exploratory(registry: Registry, criteria: Mapping[str, Any]) -> list[str]:
    """Return quantities without a say: those of the criteria, and of indices they do not name."""
    stated = list(criteria["exploratory"])
    named = {entry.index for entry in registry if entry.name in (*criteria["quantities"], *stated)}
    return stated + [entry.name for entry in registry.having(ABOVE) if entry.index not in named]


def _family(
    units: pd.DataFrame,
    pairs: Sequence[tuple[Layer, Layer]],
    family: str,
    quantities: Sequence[str],
    criteria: Mapping[str, Any],
) -> pd.DataFrame:
    rows = []
    for pair in pairs:
        for quantity in quantities:
            values = values_of(units, quantity)
            first, second = (
                finite(values[(units["network"] == network) & (units["layer"] == layer)])
                for network, layer in pair
            )
            u, p = mann_whitney(first, second)
            delta, low, high = cliffs_delta(first, second)
            row = (
                *pair[0],
                *pair[1],
                quantity,
                family,
                len(first),
                len(second),
                median(first),
                median(second),
                u,
                p,
                np.nan,
                delta,
                low,
                high,
                False,
            )
            rows.append(dict(zip(COLUMNS, row, strict=True)))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p_holm"] = holm(table["p"].to_numpy(float))
    table["differs"] = (table["p_holm"] < criteria["p"]) & (
        table["cliffs_delta"].abs() >= criteria["cliffs_delta"]
    )
    return table


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    pairs: Sequence[tuple[Layer, Layer]],
    criteria: Mapping[str, Any],
) -> None:
    """Compare corresponding layers of two networks."""
    units, registry = read_frame(reads["units"]), Registry.load(reads["quantities"])
    write_frame(writes["pairs"], pair_table(units, pairs, registry, criteria["C4"]))
