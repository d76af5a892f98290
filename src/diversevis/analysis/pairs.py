"""Corresponding layers of two networks against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.layers import finite, having_say, median, unexamined
from diversevis.analysis.statistics import cliffs_delta, holm, mann_whitney
from diversevis.analysis.tables import read_frame, values_of, write_frame
from diversevis.results.quantities import ABOVE, Quantity, Registry

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
CLAIM, SECOND, EXPLORATORY, CONFIRMED = "C4", "second C4", "exploratory", "confirmation C4"
"""Families of tests: of the first edition, of the second, others, and the second's on units alone
that no earlier run examined. p values are corrected within each."""

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
    All tests of these two, over all pairs, are corrected together; the first edition's, of
    responses, and the second's, of effective contrasts, each for itself. The indices themselves and
    other quantities are tested as well, corrected among themselves, and have no say in the claim.
    Units that were picked by hand are left out where effective contrasts are tested. Where there
    are units that no earlier run examined, the second edition's tests are made of them alone, too.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    pairs
        Two layers each, ``((network, layer), (network, layer))``.
    registry
        Quantities of the run.
    criteria
        ``config/criteria.yaml``; its sections ``C4`` and ``second`` are used.

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
    kept, entries = units[units["left_out"] == ""], {entry.name: entry for entry in registry}
    first, second = criteria["C4"], criteria["second"]["C4"]
    families = {
        CLAIM: (first["quantities"], first),
        SECOND: (second["quantities"], second),
        EXPLORATORY: (exploratory(registry, criteria), first),
    }
    tables = [
        _family(kept, pairs, name, {name: entries.get(name) for name in names}, stated)
        for name, (names, stated) in families.items()
    ]
    new = unexamined(kept)
    if len(new):
        names = {name: entries.get(name) for name in second["quantities"]}
        tables.append(_family(new, pairs, CONFIRMED, names, second))
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def exploratory(registry: Registry, criteria: Mapping[str, Any]) -> list[str]:
    """Return quantities without a say: those of the criteria, and of indices they do not name."""
    stated, second = list(criteria["C4"]["exploratory"]), criteria["second"]["C4"]["quantities"]
    named = {entry.index for entry in registry if entry.name in (*second, *stated)}
    return stated + [entry.name for entry in registry.having(ABOVE) if entry.index not in named]


def _family(
    units: pd.DataFrame,
    pairs: Sequence[tuple[Layer, Layer]],
    family: str,
    quantities: Mapping[str, Quantity | None],
    criteria: Mapping[str, Any],
) -> pd.DataFrame:
    rows = []
    for pair in pairs:
        for quantity, entry in quantities.items():
            tested = having_say(units, entry)
            values = values_of(tested, quantity)
            first, second = (
                finite(values[(tested["network"] == network) & (tested["layer"] == layer)])
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
    write_frame(writes["pairs"], pair_table(units, pairs, registry, criteria))
