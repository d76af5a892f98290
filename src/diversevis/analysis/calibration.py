"""What a run's settings cost in exactness: its units against the reference's, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.conditions import BENDS, NEAR_PERFECT, UNDECIDED, second_conditions
from diversevis.analysis.layers import ALL
from diversevis.analysis.reproduction import read_both, shared
from diversevis.analysis.tables import UNIT, groups_of, values_of, write_frame

COLUMNS = (
    "network",
    "layer",
    "quantity",
    "units",
    "bias",
    "median",
    "percentile_95",
    "r",
    "verdicts",
    "changed",
    "met",
)

KINDS = (NEAR_PERFECT, BENDS)
"""What the second edition's C2 and C3 ask of single units."""

Numbers = dict[str, Any]


def calibration_table(
    units: pd.DataFrame, reference: pd.DataFrame, criteria: Mapping[str, Any]
) -> pd.DataFrame:
    """Return how far a run's units are from the same units of a reference.

    Parameters
    ----------
    units, reference
        `diversevis.analysis.units.unit_table` of the two runs.
    criteria
        ``config/criteria.yaml``; its sections ``calibration`` and ``second`` are used.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: rows of each layer, and of ``all``, one per quantity. ``units`` is
        how many have a value in both; ``bias`` the mean of run less reference, ``median`` and
        ``percentile_95`` of the absolute difference, of some quantities relative to the reference;
        ``r`` is Pearson's correlation. Rows of ``near_perfect`` and ``bends`` are about what is
        said of single units: in how many ``verdicts`` the runs differ, and in how many of these one
        says yes and the other no, so that a value has ``changed`` by more than its uncertainty.
        ``met`` is NaN for what is compared without a say. No rows without units in common.
    """
    asked = criteria["calibration"]
    own, other = shared(units, reference)
    told = [
        # Units that were picked by hand are compared as all others.
        second_conditions(table.assign(hand_picked=0), criteria["second"])
        for table in (own, other)
    ]
    rows: list[Numbers] = []
    for (network, layer), where in _groups(own):
        about = {"network": network, "layer": layer}
        for name in (*asked["indices"], *asked["beside"], *asked["relative"]):
            if name not in reference:
                continue
            one, two = (values_of(table, name).astype(float)[where] for table in (own, other))
            found = _differences(one, two, relative=name in asked["relative"])
            decides = name in asked["indices"] and np.isfinite(found["r"])
            met = abs(found["bias"]) <= asked["bias"] and found["r"] >= asked["r"]
            found["met"] = met if decides else None
            rows.append({**about, "quantity": name, **found})
        for name in KINDS:
            found = _verdicts(*(table.loc[where, name] for table in told))
            found["met"] = found["changed"] <= asked["changed"] if found["units"] else None
            rows.append({**about, "quantity": name, **found})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _groups(units: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.Index]]:
    """Yield layers and their rows, then all rows; nothing without any."""
    for (network, layer), own in groups_of(units, *UNIT[:2]):
        yield (network, layer), own.index
    if len(units):
        yield (ALL, ALL), units.index


def _differences(one: pd.Series, two: pd.Series, *, relative: bool) -> Numbers:
    both = one.notna() & two.notna()
    first, second = one[both].to_numpy(), two[both].to_numpy()
    difference = (first - second) / np.abs(second) if relative else first - second
    if not len(difference):
        return {"units": 0, "bias": np.nan, "r": np.nan}
    varied = len(first) > 2 and np.ptp(first) > 0 and np.ptp(second) > 0
    return {
        "units": len(difference),
        "bias": difference.mean(),
        "median": np.median(np.abs(difference)),
        "percentile_95": np.quantile(np.abs(difference), 0.95),
        "r": float(np.corrcoef(first, second)[0, 1]) if varied else np.nan,
    }


def _verdicts(one: pd.Series, two: pd.Series) -> Numbers:
    both = (one != "") & (two != "")
    differ = both & (one != two)
    return {
        "units": int(both.sum()),
        "verdicts": int(differ.sum()),
        "changed": int((differ & (one != UNDECIDED) & (two != UNDECIDED)).sum()),
    }


def calibration_text(table: pd.DataFrame, reference: str | None) -> str:
    """Return in a line for a person which criteria are met, and which layers miss which."""
    judged = table[table["met"].notna()]
    head = f"Calibration with {reference}"
    if judged.empty:
        return f"{head}: no unit to compare"
    missed = judged[~judged["met"].astype(bool)]
    places = missed["network"] + " " + missed["layer"] + " " + missed["quantity"]
    text = f"{head}: {len(judged) - len(missed)} of {len(judged)} criteria met"
    return f"{text}; missed: {', '.join(places)}" if len(missed) else text


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    reference: str | None,
    criteria: Mapping[str, Any],
) -> None:
    """Compare the run's units with the committed reference's.

    Raises
    ------
    UserError
        If the canvases of the two maximised different measures.
    """
    table = calibration_table(*read_both(reads, reference), criteria)
    write_frame(writes["calibration"], table)
    print(calibration_text(table, reference))
