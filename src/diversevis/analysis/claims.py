"""The paper's claims against criteria that were fixed before any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.conditions import (
    DEFORMATION,
    DEFORMATION_INVARIANT,
    PHASE,
    PHASE_INVARIANT,
    conditions,
)
from diversevis.analysis.layers import finite, median
from diversevis.analysis.nulls import outcomes, trained
from diversevis.analysis.pairs import CLAIM
from diversevis.analysis.statistics import holm, least_p, median_interval, share_interval
from diversevis.analysis.tables import read_frame, rows_of, write_frame
from diversevis.measures import RESPONSE
from diversevis.results.quantities import Registry, start

COLUMNS = (
    "claim",
    "statement",
    "part",
    "kind",
    "criterion",
    "quantity",
    "value",
    "low",
    "high",
    "units",
    "met",
    "holds",
    "reason",
    "figure",
    "table",
)

DECIDES, SHARE, TEST = "decides", "share", "test"
"""Kinds of rows: parts of a claim that decide it, the share of units that belongs to the count of
the same part, and single tests behind a part. The last two only report."""

STATEMENTS = {
    "C1": "Diverse sets show invariances that restarts miss.",
    "C2": "Some units in early layers of VGG-19 are phase invariant.",
    "C3": "Others are invariant to local deformations.",
    "C4": "ResNet-50 differs from VGG-19 in corresponding layers.",
    "C5": "These invariances are learned: trained networks have more of them than their nulls.",
}
FIGURES = {"C1": "tradeoff", "C2": "phase", "C3": "deformations", "C4": "comparison"} | {
    "C5": "nulls"
}
TABLES = {"C1": "layers", "C2": "units", "C3": "units", "C4": "pairs", "C5": "nulls"}

NO_INTERVAL = (np.nan, np.nan)

Row = dict[str, Any]


def claim_table(
    units: pd.DataFrame,
    pairs: pd.DataFrame | None,
    registry: Registry,
    criteria: Mapping[str, Any],
    *,
    nulls: pd.DataFrame | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the claims, part by part, each with its criterion and what was measured.

    All but C5 are about trained networks.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    pairs
        `diversevis.analysis.pairs.pair_table`; without one, C1 to C4 are left out.
    registry
        Quantities of the run.
    criteria
        ``config/criteria.yaml``.
    nulls
        `diversevis.analysis.nulls.null_table`; without one, C5 is left out.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. ``part`` names what a row is about, ``kind`` whether it has a say
        (`DECIDES`, `SHARE`, `TEST`). ``met`` says whether the row meets its criterion, ``holds``
        whether the whole claim does, the same in all of its rows; both are empty (None) where it
        cannot be told, for a ``reason`` that deciding rows give: no unit was measured, or the index
        was withheld since its controls failed, or, for C4, nothing is compared, or so few units
        that no outcome could meet the criterion. ``low`` and ``high`` are 95 % intervals.
    """
    rows: list[Row] = []
    if pairs is not None:
        own = units[trained(units)]
        met = conditions(own, registry, criteria)
        rows += [
            *_diversity(own, met, criteria["C1"], seed),
            *_phase(own, met, criteria["C2"]),
            *_deformations(own, met, criteria["C3"]),
            *_pairs(units, pairs, registry, criteria["C4"]),
        ]
    if nulls is not None:
        rows += _nulls(units, nulls, registry, criteria["second"]["C5"])
    table = pd.DataFrame(rows)
    table["statement"] = table["claim"].map(STATEMENTS)
    table["figure"] = table["claim"].map(FIGURES)
    table["table"] = table["claim"].map(TABLES)
    verdicts = {
        claim: _all([r["met"] for r in rows if (r["claim"], r["kind"]) == (claim, DECIDES)])
        for claim in table["claim"].unique()
    }
    table["holds"] = pd.Series([verdicts[claim] for claim in table["claim"]], dtype=object)
    return table[list(COLUMNS)]


def _row(
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
    low, high = interval
    return {
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
        "reason": reason if kind == DECIDES and met is None else "",
    }


def _all(parts: Sequence[bool | None]) -> bool | None:
    """Return whether all parts are met; one that is not settles it, else one that is open."""
    if any(part is False for part in parts):
        return False
    return None if any(part is None for part in parts) else True


def _withheld(units: pd.DataFrame) -> set[str]:
    """Return the indices whose controls failed, those of responses by their columns' start."""
    return set(" ".join(units["withheld"].unique()).split())


def _unmeasured(units: pd.DataFrame, *indices: str) -> str:
    """Return why nothing can be said that rests on `indices`."""
    failed = [name.removesuffix(f"_{RESPONSE}") for name in indices if name in _withheld(units)]
    if failed:
        return f"controls of the {' and '.join(failed)} index failed"
    return "no unit was measured"


def _diversity(
    units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any], seed: int
) -> list[Row]:
    distinct = met["more_distinct"].dropna()
    n, share = len(distinct), distinct.mean()
    ratios = finite(units.loc[distinct.index, "distance_ratio"])
    low, high = median_interval(ratios, seed=seed)
    least, above = criteria["share"], criteria["median_ratio"]
    return [
        _row(
            "C1",
            "more_distinct",
            f"share of units more distinct than restarts, at {criteria['fraction']:g} or more of "
            "their activation",
            share,
            share_interval(int(distinct.sum()), n),
            n,
            criterion=f"at least {least:g}",
            met=share >= least if n else None,
            reason=_unmeasured(units),
        ),
        _row(
            "C1",
            "distance_ratio",
            "median ratio of smallest distances, diverse over restarts",
            median(ratios),
            (low, high),
            len(ratios),
            criterion=f"interval above {above:g}",
            met=low > above if len(ratios) > 1 else None,
            reason="fewer than two units were measured",
        ),
    ]


def _of(units: pd.DataFrame, network: str) -> pd.Series:
    """Return which units are of a network or of another training of it, and of no null."""
    names = units["network"]
    return names.str.startswith(network) & ~names.str.contains("+", regex=False)


def _phase(units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any]) -> list[Row]:
    of_network = _of(units, criteria["network"])
    what = (
        f"{PHASE} index at least {criteria['phase_index']:g}, {criteria['above']:g} above surrogate"
    )
    yes = met.loc[of_network, PHASE_INVARIANT].dropna()
    reason = _unmeasured(units, start(PHASE, RESPONSE))
    return _counted("C2", PHASE_INVARIANT, yes, what, criteria["units"], reason)


def _deformations(units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any]) -> list[Row]:
    of_network = met[_of(units, criteria["network"])]
    what = (
        f"{DEFORMATION} index at delta {criteria['delta']:g} at least {criteria['above']:g} above "
        "surrogate, beyond its uncertainty"
    )
    bent = of_network[DEFORMATION_INVARIANT].dropna()
    both = of_network.loc[of_network[DEFORMATION_INVARIANT] == 1, "both_invariant"].dropna()
    most, n = criteria["overlap"], len(both)
    reason = _unmeasured(units, start(DEFORMATION, RESPONSE))
    if len(bent):
        phase = _unmeasured(units, start(PHASE, RESPONSE))
        overlap_reason = phase if bent.any() else "there are none"
    else:
        overlap_reason = reason
    return [
        *_counted("C3", DEFORMATION_INVARIANT, bent, what, criteria["units"], reason),
        _row(
            "C3",
            "both_invariant",
            f"share of these that are {PHASE} invariant, too",
            both.mean(),
            share_interval(int(both.sum()), n),
            n,
            criterion=f"below {most:g}",
            met=both.mean() < most if n else None,
            reason=overlap_reason,
        ),
    ]


def _counted(
    claim: str, part: str, yes: pd.Series, what: str, least: int, reason: str
) -> list[Row]:
    """Return how many units meet a condition, and their share, which only reports."""
    n, count = len(yes), int(yes.sum())
    return [
        _row(
            claim,
            part,
            f"units with {what}",
            count if n else np.nan,
            NO_INTERVAL,
            n,
            criterion=f"at least {least}",
            met=count >= least if n else None,
            reason=reason,
        ),
        _row(
            claim,
            part,
            f"share of units with {what}",
            yes.mean(),
            share_interval(count, n),
            n,
            kind=SHARE,
        ),
    ]


def _pairs(
    units: pd.DataFrame, pairs: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> list[Row]:
    tests = pairs[pairs["family"] == CLAIM]
    made = tests[tests["p"].notna()]
    reason = _undecided(units, tests, made, registry, criteria)
    wanted = f"Holm p < {criteria['p']:g} and |Cliff's delta| >= {criteria['cliffs_delta']:g}"
    # A table without a row is read with columns of no type.
    differing = made[made["differs"].astype(bool)].groupby(_LAYERS).ngroups
    rows = [
        _row(
            "C4",
            "pairs",
            f"pairs of layers that differ in {' or '.join(criteria['quantities'])}",
            differing if len(made) else np.nan,
            NO_INTERVAL,
            len(_units_of(units, made)),
            criterion=f"at least one with {wanted}",
            met=None if reason else differing >= 1,
            reason=reason,
        )
    ]
    for test in rows_of(tests):
        measured = not np.isnan(test.p)
        layers = [getattr(test, name) for name in _LAYERS]
        rows.append(
            _row(
                "C4",
                "/".join([test.quantity, *layers]),
                _described(test, " ".join(layers[:2]), " ".join(layers[2:])),
                test.cliffs_delta,
                (test.low, test.high),
                test.first_units + test.second_units,
                kind=TEST,  # one pair is enough
                criterion=wanted,
                met=test.differs if measured and not reason else None,
            )
        )
    return rows


def _undecided(
    units: pd.DataFrame,
    tests: pd.DataFrame,
    made: pd.DataFrame,
    registry: Registry,
    criteria: Mapping[str, Any],
) -> str:
    """Return why C4 cannot be decided; nothing if it can."""
    if tests.empty:
        return "no layers are compared"
    named = [entry for entry in registry if entry.name in criteria["quantities"]]
    indices = [start(entry.index, entry.measure) for entry in named]
    if made.empty or _withheld(units) & set(indices):
        return _unmeasured(units, *indices)
    if not _could_differ(made, criteria["p"]):
        return "so few units that no outcome could meet the criterion"
    return ""


def _described(test: Any, first: str, second: str) -> str:
    """Return a row of the pair table in words: quantity, direction, p."""
    if np.isnan(test.p):
        return f"{test.quantity}: {first} and {second}, not tested"
    order = "above" if test.cliffs_delta > 0 else "below" if test.cliffs_delta < 0 else "as"
    return f"{test.quantity}: {first} {order} {second} (Cliff's delta; Holm p = {test.p_holm:.2g})"


def _nulls(
    units: pd.DataFrame, nulls: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> list[Row]:
    """Return, null by null and quantity by quantity, in how many layers trained units exceed."""
    rows = []
    wanted = f"Holm p < {criteria['p']:g} and Cliff's delta >= {criteria['cliffs_delta']:g}"
    for found in outcomes(nulls, criteria):
        named = [entry for entry in registry if entry.name == found.quantity]
        indices = [start(entry.index, entry.measure) for entry in named]
        withheld = _withheld(units) & set(indices)
        rows.append(
            _row(
                "C5",
                f"{found.null}/{found.quantity}",
                f"{found.quantity}: layers of {found.layers} that exceed the null {found.null}, "
                f"{wanted}",
                np.nan if withheld else found.exceeding,
                NO_INTERVAL,
                found.units,
                criterion=f"at least {criteria['share_of_layers']:g} of them",
                met=None if withheld else found.met,
                reason=_unmeasured(units, *indices) if withheld else found.reason,
            )
        )
    return rows


_LAYERS = ["first_network", "first_layer", "second_network", "second_layer"]


def _units_of(units: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Return the units of all layers that were tested, each once."""
    tested = {layer for row in rows_of(tests[_LAYERS]) for layer in (row[:2], row[2:])}
    named = pd.Series(list(zip(units["network"], units["layer"], strict=True)), index=units.index)
    return units[named.isin(tested) & (units["left_out"] == "")]


def _could_differ(tests: pd.DataFrame, p: float) -> bool:
    """Return whether samples of these sizes, wholly apart, would have a corrected p below `p`."""
    least = [least_p(row.first_units, row.second_units) for row in rows_of(tests)]
    return bool((holm(least) < p).any())


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    criteria: Mapping[str, Any],
    seed: int,
) -> None:
    """Judge the claims by their criteria, C1 to C4 if there are ``pairs``, C5 if ``nulls``."""
    units, registry = read_frame(reads["units"]), Registry.load(reads["quantities"])
    pairs, nulls = (
        read_frame(reads[name]) if name in reads else None for name in ("pairs", "nulls")
    )
    table = claim_table(units, pairs, registry, criteria, nulls=nulls, seed=seed)
    write_frame(writes["claims"], table)
