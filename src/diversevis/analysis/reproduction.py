"""A run against the committed reference, unit by unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.tables import UNIT, read_frame, values_of, write_frame
from diversevis.measures import RESPONSE
from diversevis.study.reference import check_measures

COLUMNS = (*UNIT, "quantity", "value", "reference", "difference", "tolerance", "within")

_LISTED = 10  # units outside their tolerance, by name
_RANGES = ("f_max_spread",)


def reproduction_table(
    units: pd.DataFrame, reference: pd.DataFrame, criteria: Mapping[str, Any]
) -> pd.DataFrame:
    """Return how far a run's units are from those of a reference, beside what is to be expected.

    Two runs that differ in their seeds have values whose difference has ``sqrt(2)`` times the
    standard deviation between seeds. That deviation is pooled within a layer of the reference (root
    mean square over units), since two seeds say little of a single unit. A difference is within
    its tolerance if it is at most ``errors`` such standard errors, or at most the quantity's
    stated tolerance, whichever is larger; quantities without repeats have the latter alone. Values
    in the table are means over seeds, so that the first bound is generous for them: it has to hold
    as well for scales that differ in steps and members.

    Parameters
    ----------
    units, reference
        `diversevis.analysis.units.unit_table` of the two runs.
    criteria
        The section ``reproduction`` of ``config/criteria.yaml``.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: one row per quantity and unit of both runs that has a value in
        either; ``difference`` and ``tolerance`` are in the quantity's own unit, or in its natural
        logarithm where the criteria say so. A value that is missing in one of the runs is not
        within. No rows if the runs share no unit, and none of quantities that either run lacks.
    """
    own, other = (table.set_index(UNIT) for table in shared(units, reference))
    parts = []
    for quantity, stated in criteria["quantities"].items():
        if quantity not in reference or quantity not in units:
            continue  # an older one, or of fewer families
        value, expected = (values_of(table, quantity).astype(float) for table in (own, other))
        difference, tolerance = value - expected, pd.Series(0.0, own.index)
        if "logarithmic" in stated:
            difference = pd.Series(np.log(value) - np.log(expected))
            tolerance += stated["logarithmic"]
        else:
            tolerance += stated.get("absolute", 0.0) + stated.get("relative", 0.0) * expected.abs()
        if "uncertainty" in stated:
            spread = pooled_deviation(reference, quantity, stated["uncertainty"])
            errors = spread.reindex([unit[:2] for unit in own.index]).to_numpy()
            tolerance = np.fmax(tolerance, criteria["errors"] * np.sqrt(2) * errors)
        part = pd.DataFrame(
            {
                "quantity": quantity,
                "value": value,
                "reference": expected,
                "difference": difference,
                "tolerance": tolerance,
                "within": difference.abs() <= tolerance,
            }
        )
        parts.append(part[value.notna() | expected.notna()])
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts).reset_index()[list(COLUMNS)]


def shared(units: pd.DataFrame, reference: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return of two tables of units the rows of those that both have, in the first one's order."""
    both = units[UNIT].merge(reference[UNIT])
    own, other = (both.merge(table, "left", UNIT) for table in (units, reference))
    return own, other


def read_both(reads: Mapping[str, Any], reference: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the units of a run, and those of its reference: none if it has none.

    Raises
    ------
    UserError
        If the canvases of the two maximised different measures.
    """
    units = read_frame(reads["units"])
    expected = as_now(read_frame(reads["reference"][0])) if reads["reference"] else units.iloc[:0]
    if len(units) and len(expected):
        own, other = (str(table["measure"].iloc[0]) for table in (units, expected))
        check_measures(own, other, str(reference))
    return units, expected


def as_now(reference: pd.DataFrame) -> pd.DataFrame:
    """Return a reference's units with the names that columns have now.

    Tables that do not tell a measure are of the first edition: all their indices are of responses.
    """
    if "measure" in reference:
        return reference
    names = {name: _OF_INDEX.sub(rf"\1_{RESPONSE}_\2", str(name)) for name in reference}
    return reference.rename(columns=names).assign(measure=RESPONSE)


_OF_INDEX = re.compile(
    r"^(.+?)_((?:index|surrogate|p10|min|uncertainty|above|above_uncertainty|learned_mask)"
    r"(?:_[0-9.]+)?)$"
)


def pooled_deviation(units: pd.DataFrame, quantity: str, column: str) -> pd.Series:
    """Return the standard deviation between seeds, pooled within each layer.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    quantity, column
        The quantity, and the column with its spread: a standard deviation between seeds
        (``*_uncertainty``, ``*_spread``), or the relative range of two seeds (``f_max_spread``),
        whose deviation is ``sqrt(2)`` times smaller.

    Returns
    -------
    pandas.Series
        By network and layer, in the quantity's own unit.
    """
    spread = values_of(units, column)
    if column in _RANGES:
        spread = spread * values_of(units, quantity) / np.sqrt(2)
    squared = spread**2
    return np.sqrt(squared.groupby([units["network"], units["layer"]]).mean())


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return, by quantity and over all, how many of its units are within their tolerance.

    Parameters
    ----------
    table
        `reproduction_table`.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``units``, ``within``, ``share``, and the ``median_difference`` and
        ``largest_difference`` (absolute; NaN over all quantities).
    """
    rows = []
    for quantity, part in [*table.groupby("quantity", sort=False), ("all", table)]:
        size = part.difference.abs() if quantity != "all" else pd.Series(dtype=float)
        rows.append(
            {
                "quantity": quantity,
                "units": len(part),
                "within": int(part.within.sum()),
                "share": part.within.mean(),
                "median_difference": size.median(),
                "largest_difference": size.max(),
            }
        )
    return pd.DataFrame(rows)


def summary_text(table: pd.DataFrame, reference: str | None = None) -> str:
    """Return the reproduction check for a person to read, with the worst of what is outside.

    Parameters
    ----------
    table
        `reproduction_table`.
    reference
        Name of the reference, for the headline.
    """
    against = f" against {reference}" if reference else ""
    if table.empty:
        return f"Reproduction check{against}: no unit to compare"
    within = int(table.within.sum())
    head = f"Reproduction check{against}: {within} of {len(table)} values within their tolerance"
    numbers = summary(table).to_string(
        index=False,
        formatters={"share": "{:.1%}".format},
        float_format="{:.3g}".format,
        na_rep="",
    )
    outside = table[~table.within.astype(bool)]
    if outside.empty:
        return f"{head}\n{numbers}"
    excess = (outside.difference.abs() / outside.tolerance).fillna(np.inf)
    worst = outside.loc[excess.sort_values(ascending=False).index[:_LISTED]]
    lines = worst.drop(columns="within").to_string(index=False, float_format="{:.4g}".format)
    return f"{head}\n{numbers}\nfurthest outside:\n{lines}"


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    reference: str | None,
    criteria: Mapping[str, Any],
) -> None:
    """Check the run against the committed reference, if there is one.

    Raises
    ------
    UserError
        If the canvases of the two maximised different measures.
    """
    table = reproduction_table(*read_both(reads, reference), criteria["reproduction"])
    write_frame(writes["reproduction"], table)
    print(summary_text(table, reference))
