"""Claims C1 to C4 as the first edition judged them: by responses relative to the peak's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.claim_parts import (
    FIRST,
    LAYERS,
    NO_INTERVAL,
    SHARE,
    Row,
    of_network,
    pair_tests,
    row,
    tested_units,
    unmeasured,
    untestable,
    wanted,
)
from diversevis.analysis.conditions import (
    DEFORMATION,
    DEFORMATION_INVARIANT,
    PHASE,
    PHASE_INVARIANT,
    conditions,
)
from diversevis.analysis.layers import finite, median
from diversevis.analysis.pairs import CLAIM
from diversevis.analysis.statistics import median_interval, share_interval
from diversevis.analysis.tables import values_of
from diversevis.measures import RESPONSE
from diversevis.results.quantities import ABOVE, Registry, start


def first_parts(
    units: pd.DataFrame,
    pairs: pd.DataFrame,
    registry: Registry,
    criteria: Mapping[str, Any],
    seed: int,
) -> list[Row]:
    """Return C1 to C4 part by part: trained units, those picked by hand among them."""
    met = conditions(units, registry, criteria)
    return [
        *_diversity(units, met, criteria["C1"], seed),
        *_phase(units, met, criteria["C2"]),
        *_deformations(units, met, registry, criteria["C3"]),
        *_pairs(units, pairs, registry, criteria["C4"]),
    ]


def _diversity(
    units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any], seed: int
) -> list[Row]:
    distinct = met["more_distinct"].dropna()
    n, share = len(distinct), distinct.mean()
    ratios = finite(units.loc[distinct.index, "distance_ratio"])
    low, high = median_interval(ratios, seed=seed)
    least, above = criteria["share"], criteria["median_ratio"]
    return [
        row(
            FIRST,
            "C1",
            "more_distinct",
            f"share of units more distinct than restarts, at {criteria['fraction']:g} or more of "
            "their activation",
            share,
            share_interval(int(distinct.sum()), n),
            n,
            criterion=f"at least {least:g}",
            met=share >= least if n else None,
            reason=unmeasured(units),
        ),
        row(
            FIRST,
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


def _phase(units: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any]) -> list[Row]:
    what = (
        f"{PHASE} index at least {criteria['phase_index']:g}, {criteria['above']:g} above surrogate"
    )
    yes = met.loc[of_network(units, criteria["network"]), PHASE_INVARIANT].dropna()
    reason = unmeasured(units, start(PHASE, RESPONSE))
    return _counted("C2", PHASE_INVARIANT, yes, what, criteria["units"], reason)


def _deformations(
    units: pd.DataFrame, met: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> list[Row]:
    own = met[of_network(units, criteria["network"])]
    what = (
        f"{DEFORMATION} index at delta {criteria['delta']:g} at least {criteria['above']:g} above "
        "surrogate, beyond its uncertainty"
    )
    bent = own[DEFORMATION_INVARIANT].dropna()
    both = own.loc[own[DEFORMATION_INVARIANT] == 1, "both_invariant"].dropna()
    most, n = criteria["overlap"], len(both)
    reason = unmeasured(units, start(DEFORMATION, RESPONSE))
    gain = registry.of(DEFORMATION, ABOVE, RESPONSE)
    if values_of(units.loc[own.index], gain).notna().any():
        reason = "nothing tells how uncertain it is"
    if len(bent):
        phase = unmeasured(units, start(PHASE, RESPONSE))
        overlap_reason = phase if bent.any() else "there are none"
    else:
        overlap_reason = reason
    return [
        *_counted("C3", DEFORMATION_INVARIANT, bent, what, criteria["units"], reason),
        row(
            FIRST,
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
        row(
            FIRST,
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
        row(
            FIRST,
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
    reason = untestable(units, tests, registry, criteria)
    # A table without a row is read with columns of no type.
    differing = made[made["differs"].astype(bool)].groupby(LAYERS).ngroups
    return [
        row(
            FIRST,
            "C4",
            "pairs",
            f"pairs of layers that differ in {' or '.join(criteria['quantities'])}",
            differing if len(made) else np.nan,
            NO_INTERVAL,
            tested_units(units, made),
            criterion=f"at least one with {wanted(criteria)}",
            met=None if reason else differing >= 1,
            reason=reason,
        ),
        *pair_tests(FIRST, tests, criteria, reason),
    ]
