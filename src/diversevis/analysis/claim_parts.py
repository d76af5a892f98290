"""What a claim's verdict is made of: rows of the claim table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.statistics import holm, least_p
from diversevis.analysis.tables import rows_of
from diversevis.measures import RESPONSE
from diversevis.results.quantities import Registry, start

FIRST, SECOND, CONFIRMATION = "first", "second", "confirmation"
"""Editions: of responses relative to the peak's, of effective contrasts, and the second's criteria
on units alone that no earlier run examined."""

DECIDES, SHARE, TEST, BESIDE = "decides", "share", "test", "beside"
"""Kinds of rows: parts of a claim that decide it; the share of units that belongs to the count of
the same part, or to a layer; single tests behind a part; what else was measured. Only the first has
a say."""

NO_INTERVAL = (np.nan, np.nan)

LAYERS = ["first_network", "first_layer", "second_network", "second_layer"]
"""The columns of the pair table that name a pair."""

Row = dict[str, Any]


def row(
    edition: str,
    claim: str,
    part: str,
    quantity: str,
    value: float,
    interval: Sequence[float],
    units: int,
    *,
    kind: str = DECIDES,
    criterion: str = "",
    met: bool | None = None,
    reason: str = "",
) -> Row:
    """Return a row of the claim table; its reason only where nothing is decided."""
    low, high = interval
    return {
        "edition": edition,
        "claim": claim,
        "part": part,
        "kind": kind,
        "criterion": criterion,
        "quantity": quantity,
        "value": value,
        "low": low,
        "high": high,
        "units": units,
        "met": None if met is None else bool(met),
        "reason": reason if met is None else "",
    }


def every_part(parts: Sequence[bool | None]) -> bool | None:
    """Return whether all parts are met; one that is not settles it, else one that is open."""
    if any(part is False for part in parts):
        return False
    return None if any(part is None for part in parts) else True


def withheld(units: pd.DataFrame) -> set[str]:
    """Return the indices whose controls failed, those of responses by their columns' start."""
    return set(" ".join(units["withheld"].unique()).split())


def unmeasured(units: pd.DataFrame, *indices: str) -> str:
    """Return why nothing can be said that rests on `indices`."""
    failed = [name.removesuffix(f"_{RESPONSE}") for name in indices if name in withheld(units)]
    if failed:
        return f"controls of the {' and '.join(failed)} index failed"
    return "no unit was measured"


def of_network(units: pd.DataFrame, network: str) -> pd.Series:
    """Return which units are of a network or of another training of it, and of no null."""
    names = units["network"]
    return names.str.startswith(network) & ~names.str.contains("+", regex=False)


def indices_of(registry: Registry, quantities: Sequence[str]) -> list[str]:
    """Return the indices that quantities belong to, as they are withheld."""
    return [start(entry.index, entry.measure) for entry in registry if entry.name in quantities]


def wanted(criteria: Mapping[str, Any]) -> str:
    """Return what a pair is asked for, in words."""
    return f"Holm p < {criteria['p']:g} and |Cliff's delta| >= {criteria['cliffs_delta']:g}"


def untestable(
    units: pd.DataFrame, tests: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> str:
    """Return why no difference of pairs can be decided; nothing if it can.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    tests
        Rows of one family of `diversevis.analysis.pairs.pair_table`.
    registry
        Quantities of the run.
    criteria
        C4 of an edition.
    """
    if tests.empty:
        return "no layers are compared"
    made, indices = tests[tests["p"].notna()], indices_of(registry, criteria["quantities"])
    if made.empty or withheld(units) & set(indices):
        return unmeasured(units, *indices)
    if not _could_differ(made, criteria["p"]):
        return "so few units that no outcome could meet the criterion"
    return ""


def pair_tests(
    edition: str, tests: pd.DataFrame, criteria: Mapping[str, Any], reason: str
) -> list[Row]:
    """Return one row per test of two layers, in words: quantity, direction, p."""
    rows = []
    for test in rows_of(tests):
        measured = not np.isnan(test.p)
        layers = [getattr(test, name) for name in LAYERS]
        rows.append(
            row(
                edition,
                "C4",
                "/".join([test.quantity, *layers]),
                _described(test, " ".join(layers[:2]), " ".join(layers[2:])),
                test.cliffs_delta,
                (test.low, test.high),
                test.first_units + test.second_units,
                kind=TEST,  # one pair is enough
                criterion=wanted(criteria),
                met=test.differs if measured and not reason else None,
            )
        )
    return rows


def _described(test: Any, first: str, second: str) -> str:
    if np.isnan(test.p):
        return f"{test.quantity}: {first} and {second}, not tested"
    order = "above" if test.cliffs_delta > 0 else "below" if test.cliffs_delta < 0 else "as"
    return f"{test.quantity}: {first} {order} {second} (Cliff's delta; Holm p = {test.p_holm:.2g})"


def tested_units(units: pd.DataFrame, tests: pd.DataFrame) -> int:
    """Return how many units there are in the layers that were tested."""
    tested = {layer for names in rows_of(tests[LAYERS]) for layer in (names[:2], names[2:])}
    named = pd.Series(list(zip(units["network"], units["layer"], strict=True)), index=units.index)
    return int((named.isin(tested) & (units["left_out"] == "")).sum())


def _could_differ(tests: pd.DataFrame, p: float) -> bool:
    """Return whether samples of these sizes, wholly apart, would have a corrected p below `p`."""
    least = [least_p(test.first_units, test.second_units) for test in rows_of(tests)]
    return bool((holm(least) < p).any())
