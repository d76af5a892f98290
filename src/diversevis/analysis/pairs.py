"""Corresponding layers of two networks against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.layers import finite
from diversevis.analysis.statistics import cliffs_delta, holm, mann_whitney
from diversevis.analysis.tables import check_column

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
    units: pd.DataFrame, pairs: Sequence[tuple[Layer, Layer]], criteria: Mapping[str, Any]
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
    criteria
        The section ``C4`` of ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: one row a pair and quantity. ``family`` says which tests are
        corrected together, ``u`` is Mann and Whitney's for the first layer, with its two-sided
        ``p``, corrected by Holm's method in ``p_holm``. ``cliffs_delta`` is positive where the
        first layer's units have larger values; ``low`` and ``high`` are its 95 % interval.
        ``differs``: corrected p and delta meet the criterion. Without units on both sides there is
        no test: NaN, and ``differs`` is false.

    Raises
    ------
    UserError
        If the criteria name a column that units do not have.
    """
    for quantity in (*criteria["quantities"], *criteria["exploratory"]):
        check_column(units, quantity)
    kept = units[units.left_out == ""]
    tables = [
        _family(kept, pairs, name, quantities, criteria)
        for name, quantities in (
            (CLAIM, criteria["quantities"]),
            (EXPLORATORY, criteria["exploratory"]),
        )
    ]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


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
            first, second = (
                finite(units.loc[(units.network == network) & (units.layer == layer), quantity])
                for network, layer in pair
            )
            u, p = mann_whitney(first, second)
            delta, low, high = cliffs_delta(first, second)
            values = (
                *pair[0],
                *pair[1],
                quantity,
                family,
                len(first),
                len(second),
                np.median(first) if len(first) else np.nan,
                np.median(second) if len(second) else np.nan,
                u,
                p,
                np.nan,
                delta,
                low,
                high,
                False,
            )
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_holm"] = holm(table.p)
    table["differs"] = (table.p_holm < criteria["p"]) & (
        table.cliffs_delta.abs() >= criteria["cliffs_delta"]
    )
    return table
