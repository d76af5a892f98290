"""The paper's claims against criteria that were fixed before any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.layers import conditions, finite
from diversevis.analysis.pairs import CLAIM
from diversevis.analysis.statistics import holm, least_p, median_interval, share_interval

COLUMNS = (
    "claim",
    "statement",
    "criterion",
    "quantity",
    "value",
    "low",
    "high",
    "units",
    "met",
    "holds",
    "figure",
    "table",
)

STATEMENTS = {
    "C1": "Diverse sets show invariances that restarts miss.",
    "C2": "Some units in early layers of VGG-19 are phase invariant.",
    "C3": "Others are invariant to local deformations.",
    "C4": "ResNet-50 differs from VGG-19 in corresponding layers.",
}
FIGURES = {"C1": "tradeoff", "C2": "phase", "C3": "deformations", "C4": "comparison"}
TABLES = {"C1": "layers", "C2": "units", "C3": "units", "C4": "pairs"}

NO_INTERVAL = (np.nan, np.nan)


def claim_table(
    units: pd.DataFrame, pairs: pd.DataFrame, criteria: Mapping[str, Any], *, seed: int = 0
) -> pd.DataFrame:
    """Return the four claims, part by part, each with its criterion and what was measured.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    pairs
        `diversevis.analysis.pairs.pair_table`.
    criteria
        ``config/criteria.yaml``.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. Rows without a ``criterion`` only report. ``met`` says whether the row
        meets its criterion, ``holds`` whether the whole claim does, the same in all of its rows;
        both are empty (None) where it cannot be told: no unit was measured, or the index was
        withheld since its controls failed, or, for C4, so few units that no outcome could meet the
        criterion. ``low`` and ``high`` are 95 % intervals.
    """
    met = conditions(units, criteria)
    rows = [
        *_diversity(units, met, criteria["C1"], seed),
        *_phase(units, met, criteria["C2"]),
        *_deformations(units, met, criteria["C3"]),
        *_pairs(units, pairs, criteria["C4"]),
    ]
    table = pd.DataFrame(rows)
    table["statement"] = table.claim.map(STATEMENTS)
    table["figure"] = table.claim.map(FIGURES)
    table["table"] = table.claim.map(TABLES)
    verdicts = {
        claim: _all([row["met"] for row in rows if row["claim"] == claim and row["decides"]])
        for claim in STATEMENTS
    }
    table["holds"] = pd.Series([verdicts[claim] for claim in table.claim], dtype=object)
    return table[list(COLUMNS)]


def _row(
    claim: str,
    quantity: str,
    value: float,
    interval: Sequence[float],
    units: int,
    *,
    criterion: str = "",
    met: bool | None = None,
    decides: bool = True,
) -> dict[str, Any]:
    low, high = interval
    return {
        "claim": claim,
        "criterion": criterion,
        "quantity": quantity,
        "value": value,
        "low": low,
        "high": high,
        "units": units,
        "met": None if met is None else bool(met),
        "decides": bool(criterion) and decides,
    }


def _all(parts: Sequence[bool | None]) -> bool | None:
    """Return whether all parts are met; one that is not settles it, else one that is open."""
    if any(part is False for part in parts):
        return False
    return None if any(part is None for part in parts) else True


def _diversity(
    units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any], seed: int
) -> list[dict[str, Any]]:
    distinct = met.more_distinct.dropna()
    n, share = len(distinct), distinct.mean()
    ratios = finite(units.distance_ratio[distinct.index])
    low, high = median_interval(ratios, seed=seed)
    least, above = criteria["share"], criteria["median_ratio"]
    return [
        _row(
            "C1",
            f"share of units more distinct than restarts, at {criteria['fraction']:g} or more of "
            "their activation",
            share,
            share_interval(int(distinct.sum()), n),
            n,
            criterion=f"at least {least:g}",
            met=share >= least if n else None,
        ),
        _row(
            "C1",
            "median ratio of smallest distances, diverse over restarts",
            np.median(ratios) if len(ratios) else np.nan,
            (low, high),
            len(ratios),
            criterion=f"interval above {above:g}",
            met=low > above if len(ratios) > 1 else None,
        ),
    ]


def _phase(
    units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any]
) -> list[dict[str, Any]]:
    of_network = units.network.str.startswith(criteria["network"])
    what = (
        f"phase index at least {criteria['phase_index']:g}, {criteria['above']:g} above surrogate"
    )
    return _counted("C2", met.phase_invariant[of_network].dropna(), what, criteria["units"])


def _deformations(
    units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any]
) -> list[dict[str, Any]]:
    of_network = met[units.network.str.startswith(criteria["network"])]
    what = (
        f"deformation index at delta {criteria['delta']:g} at least {criteria['above']:g} above "
        "surrogate, beyond its uncertainty"
    )
    bent = of_network.deformation_invariant.dropna()
    both = of_network.both_invariant[of_network.deformation_invariant == 1].dropna()
    most, n = criteria["overlap"], len(both)
    return [
        *_counted("C3", bent, what, criteria["units"]),
        _row(
            "C3",
            "share of these that are phase invariant, too",
            both.mean(),
            share_interval(int(both.sum()), n),
            n,
            criterion=f"below {most:g}",
            met=both.mean() < most if n else None,
        ),
    ]


def _counted(claim: str, yes: pd.Series, what: str, least: int) -> list[dict[str, Any]]:
    """Return how many units meet a condition, and their share, which only reports."""
    n, count = len(yes), int(yes.sum())
    return [
        _row(
            claim,
            f"units with {what}",
            count if n else np.nan,
            NO_INTERVAL,
            n,
            criterion=f"at least {least}",
            met=count >= least if n else None,
        ),
        _row(claim, f"share of units with {what}", yes.mean(), share_interval(count, n), n),
    ]


def _pairs(
    units: pd.DataFrame, pairs: pd.DataFrame, criteria: Mapping[str, Any]
) -> list[dict[str, Any]]:
    tests = pairs[pairs.family == CLAIM]
    made = tests[tests.p.notna()]
    withheld = set(" ".join(units.withheld.unique()).split())
    open_index = any(name.split("_")[0] in withheld for name in criteria["quantities"])
    decided = bool(len(made)) and not open_index and _could_differ(made, criteria["p"])
    wanted = f"Holm p < {criteria['p']:g} and |Cliff's delta| >= {criteria['cliffs_delta']:g}"
    differing = made[made.differs].groupby(_LAYERS).ngroups
    rows = [
        _row(
            "C4",
            f"pairs of layers that differ in {' or '.join(criteria['quantities'])}",
            differing if len(made) else np.nan,
            NO_INTERVAL,
            len(_units_of(units, made)),
            criterion=f"at least one with {wanted}",
            met=differing >= 1 if decided else None,
        )
    ]
    for test in tests.itertuples():
        measured = not np.isnan(test.p)
        rows.append(
            _row(
                "C4",
                _described(test),
                test.cliffs_delta,
                (test.low, test.high),
                test.first_units + test.second_units,
                criterion=wanted,
                met=test.differs if measured and decided else None,
                decides=False,  # one pair is enough
            )
        )
    return rows


def _described(test: Any) -> str:
    """Return a row of the pair table in words: quantity, direction, p."""
    first = f"{test.first_network} {test.first_layer}"
    second = f"{test.second_network} {test.second_layer}"
    if np.isnan(test.p):
        return f"{test.quantity}: {first} and {second}, not tested"
    order = "above" if test.cliffs_delta > 0 else "below" if test.cliffs_delta < 0 else "as"
    return f"{test.quantity}: {first} {order} {second} (Cliff's delta; Holm p = {test.p_holm:.2g})"


_LAYERS = ["first_network", "first_layer", "second_network", "second_layer"]


def _units_of(units: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Return the units of all layers that were tested, each once."""
    tested = {
        layer for row in tests[_LAYERS].itertuples(index=False) for layer in (row[:2], row[2:])
    }
    named = pd.Series(list(zip(units.network, units.layer, strict=True)), index=units.index)
    return units[named.isin(tested) & (units.left_out == "")]


def _could_differ(tests: pd.DataFrame, p: float) -> bool:
    """Return whether samples of these sizes, wholly apart, would have a corrected p below `p`."""
    least = [least_p(row.first_units, row.second_units) for row in tests.itertuples()]
    return bool((holm(least) < p).any())
