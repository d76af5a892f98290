"""Claims C1 to C5 as the second edition judges them: by effective contrast, with a third outcome.

Where an interval contains a threshold, nothing is decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.claim_parts import (
    BESIDE,
    DECIDES,
    LAYERS,
    NO_INTERVAL,
    SECOND,
    SHARE,
    TEST,
    Row,
    every_part,
    indices_of,
    of_network,
    pair_tests,
    row,
    tested_units,
    unmeasured,
    untestable,
    wanted,
    withheld,
)
from diversevis.analysis.conditions import (
    BENDS,
    BENDS_MORE,
    DEFORMATION,
    NEAR_PERFECT,
    NO,
    PHASE,
    SHIFT,
    UNDECIDED,
    YES,
    reaches,
    second_conditions,
)
from diversevis.analysis.layers import finite, median, second_edition
from diversevis.analysis.nulls import outcomes
from diversevis.analysis.pairs import SECOND as FAMILY
from diversevis.analysis.sizes import KEPT, PAIR, REVERSED
from diversevis.analysis.statistics import median_interval, share_interval
from diversevis.analysis.tables import groups_of, rows_of, values_of
from diversevis.results.quantities import Registry

LEVEL_RATIO, SHARE_RATIO = "surrogate_set_level_ratio", "surrogate_set_ratio"
"""Smallest distance of a unit's set over that of its linear surrogate's: at the same effective
contrast, which decides, and at the same share of the restarts'. A surrogate's restarts all reach
its peak and a unit's do not, so that the share allows it less."""

_RATIOS = {
    LEVEL_RATIO: "the same effective contrast",
    SHARE_RATIO: "the same share of the restarts' effective contrast",
}

_MET = {YES: True, NO: False, UNDECIDED: None}


def second_parts(
    units: pd.DataFrame,
    pairs: pd.DataFrame,
    sizes: pd.DataFrame | None,
    registry: Registry,
    criteria: Mapping[str, Any],
    seed: int,
) -> list[Row]:
    """Return C1 to C4 part by part: of trained units that were not picked by hand.

    Parameters
    ----------
    units
        Rows of `diversevis.analysis.units.unit_table`.
    pairs
        `diversevis.analysis.pairs.pair_table`.
    sizes
        `diversevis.analysis.sizes.size_table`; without it C4's signs are undecided.
    registry
        Quantities of the run.
    criteria
        The section ``second`` of ``config/criteria.yaml``.
    seed
        Of the bootstrap.
    """
    drawn = second_edition(units)
    met = second_conditions(units, criteria).loc[drawn.index]
    return [
        *_diversity(units, drawn, criteria["C1"], seed),
        *_phase(units, drawn, met, criteria["C2"]),
        *_deformations(units, drawn, met, criteria["C3"]),
        *_pairs(units, drawn, pairs, sizes, registry, criteria["C4"]),
    ]


def null_parts(
    units: pd.DataFrame, nulls: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> list[Row]:
    """Return C5: null by null and quantity by quantity, in how many layers trained units exceed."""
    rows = []
    asked = f"Holm p < {criteria['p']:g} and Cliff's delta >= {criteria['cliffs_delta']:g}"
    for found in outcomes(nulls, criteria):
        indices = indices_of(registry, [found.quantity])
        hidden = withheld(units) & set(indices)
        rows.append(
            row(
                SECOND,
                "C5",
                f"{found.null}/{found.quantity}",
                f"{found.quantity}: layers of {found.layers} that exceed the null {found.null}, "
                f"{asked}",
                np.nan if hidden else found.exceeding,
                NO_INTERVAL,
                found.units,
                criterion=f"at least {criteria['share_of_layers']:g} of them",
                met=None if hidden else found.met,
                reason=unmeasured(units, *indices) if hidden else found.reason,
            )
        )
    return rows


def enough(yes: int, undecided: int, least: int) -> bool | None:
    """Return whether at least so many are met; None where undecided ones could turn it."""
    if yes >= least:
        return True
    return None if yes + undecided >= least else False


def _range(yes: int, undecided: int) -> tuple[float, float]:
    """Return the interval of a count: without and with those that are undecided."""
    return (yes, yes + undecided) if undecided else NO_INTERVAL


def _diversity(
    units: pd.DataFrame, drawn: pd.DataFrame, criteria: Mapping[str, Any], seed: int
) -> Iterator[Row]:
    # Zero where restarts coincide altogether: the ratio is infinite.
    apart = 1 / values_of(drawn, "distance_ratio")
    layers = {
        (str(network), str(layer)): own
        for (network, layer), own in groups_of(drawn, "network", "layer")
    }
    coinciding = [
        layer for layer, own in layers.items() if apart[own.index].median() < criteria["coincide"]
    ]
    judged = {layer: own for layer, own in layers.items() if layer not in coinciding}
    for name, level in _RATIOS.items():
        kind = DECIDES if name == LEVEL_RATIO else BESIDE
        yield from _ratios(units, judged, name, level, kind, criteria, seed)
    for layer in coinciding:
        yield row(
            SECOND,
            "C1",
            "/".join(["coincide", *layer]),
            f"{' '.join(layer)}: its restarts coincide, median of smallest distances over those of "
            "diverse sets",
            float(apart[layers[layer].index].median()),
            NO_INTERVAL,
            len(layers[layer]),
            kind=TEST,
        )


def _ratios(
    units: pd.DataFrame,
    layers: Mapping[tuple[str, str], pd.DataFrame],
    name: str,
    level: str,
    kind: str,
    criteria: Mapping[str, Any],
    seed: int,
) -> Iterator[Row]:
    """Yield what one ratio says: of all layers, of all units, and layer by layer."""
    above, least = criteria["median_ratio"], criteria["share"]
    ratios = {layer: finite(values_of(own, name)) for layer, own in layers.items()}
    intervals = {layer: median_interval(own, seed=seed) for layer, own in ratios.items()}
    met = _judged(intervals, above, beyond=True)
    yes = [layer for layer, is_met in met.items() if is_met]
    open_ones = [layer for layer, is_met in met.items() if is_met is None]
    together = np.concatenate([*ratios.values(), np.zeros(0)])
    n, larger = len(together), int((together > above).sum())
    wilson = share_interval(larger, n)
    ranked = {layer: median(own) for layer, own in ratios.items() if len(own)}
    lowest = min(ranked, key=lambda layer: ranked[layer]) if ranked else None
    why = "the interval contains it, or there are fewer than two units, in "
    yield row(
        SECOND,
        "C1",
        name,
        f"layers of {len(layers)} whose median ratio of smallest distances, diverse over linear "
        f"surrogate's at {level}, is above {above:g}",
        len(yes) if n else np.nan,
        _range(len(yes), len(open_ones)) if n else NO_INTERVAL,
        n,
        kind=kind,
        criterion="all of them",
        met=every_part(list(met.values())) if n else None,
        reason=f"{why}{_named(open_ones)}" if n else unmeasured(units),
    )
    yield row(
        SECOND,
        "C1",
        f"share_{name}",
        f"share of units above {above:g}",
        larger / n if n else np.nan,
        wilson,
        n,
        kind=kind,
        criterion=f"at least {least:g}",
        met=_judged({"": wilson}, least)[""] if n else None,
        reason=f"the interval contains {least:g}" if n else unmeasured(units),
    )
    if lowest:
        yield row(
            SECOND,
            "C1",
            f"lowest_{name}",
            f"lowest median ratio, in {' '.join(lowest)}",
            ranked[lowest],
            intervals[lowest],
            len(ratios[lowest]),
            kind=BESIDE,
        )
    for layer, own in ratios.items():
        larger = int((own > above).sum())
        part, value = "/".join([name, *layer]), median(own)
        what = f"{' '.join(layer)}: median ratio at {level}"
        yield row(
            SECOND,
            "C1",
            part,
            what,
            value,
            intervals[layer],
            len(own),
            kind=TEST,
            criterion=f"interval above {above:g}",
            met=met[layer],
        )
        yield row(
            SECOND,
            "C1",
            part,
            f"{' '.join(layer)}: share of units above {above:g}",
            larger / len(own) if len(own) else np.nan,
            share_interval(larger, len(own)),
            len(own),
            kind=SHARE,
        )


def _judged(
    intervals: Mapping[Any, tuple[float, float]], threshold: float, *, beyond: bool = False
) -> dict[Any, bool | None]:
    low, high = (
        pd.Series([pair[end] for pair in intervals.values()], dtype=float) for end in (0, 1)
    )
    found = reaches(low, high, threshold, beyond=beyond)
    return {name: _MET[outcome] for name, outcome in zip(intervals, found, strict=True)}


def _named(layers: list[tuple[str, str]]) -> str:
    return ", ".join(" ".join(layer) for layer in layers)


def _phase(
    units: pd.DataFrame, drawn: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any]
) -> Iterator[Row]:
    what = (
        f"variation over all shifts at most {criteria['variation']:g}, {PHASE} index at least "
        f"{criteria['phase_index']:g}, {criteria['above']:g} above surrogate"
    )
    own = met.loc[of_network(drawn, criteria["network"]), NEAR_PERFECT]
    yield from _counted("C2", NEAR_PERFECT, own, what, criteria["units"], unmeasured(units, PHASE))
    yield from _by_layer("C2", NEAR_PERFECT, drawn, met)


def _deformations(
    units: pd.DataFrame, drawn: pd.DataFrame, met: pd.DataFrame, criteria: Mapping[str, Any]
) -> Iterator[Row]:
    what = (
        f"{DEFORMATION} index at delta {criteria['delta']:g} at least {criteria['index']:g}, "
        f"{criteria['above']:g} above surrogate, best member at least {criteria['drive']:g}"
    )
    own = met[of_network(drawn, criteria["network"])]
    why = unmeasured(units, DEFORMATION)
    yield from _counted("C3", BENDS, own[BENDS], what, criteria["units"], why)
    bent = own[own[BENDS] == YES]
    phase = bent.loc[bent[NEAR_PERFECT] != "", NEAR_PERFECT]
    n, both, open_ones = len(phase), *_counts(phase)
    most = criteria["overlap"]
    shares = (both / n, (both + open_ones) / n) if n else NO_INTERVAL
    if not (own[BENDS] != "").any():
        reason = why
    elif bent.empty:
        reason = "there are none"
    else:
        reason = f"{open_ones} more are undecided" if n else unmeasured(units, PHASE)
    yield row(
        SECOND,
        "C3",
        "both",
        f"share of these that are near perfectly {PHASE} invariant, too",
        shares[0],
        shares if open_ones else NO_INTERVAL,
        n,
        criterion=f"below {most:g}",
        met=True if shares[1] < most else False if shares[0] >= most else None,
        reason=reason,
    )
    gains = bent.loc[bent[BENDS_MORE] != "", BENDS_MORE]
    yes, open_ones = _counts(gains)
    yield row(
        SECOND,
        "C3",
        BENDS_MORE,
        f"of these, units that gain more on the surrogate in {DEFORMATION}s than in {SHIFT}s",
        yes if len(gains) else np.nan,
        _range(yes, open_ones),
        len(gains),
        kind=BESIDE,
    )
    yield from _by_layer("C3", BENDS, drawn, met)


def _counts(outcomes: pd.Series) -> tuple[int, int]:
    """Return how many are met, and how many undecided."""
    return int((outcomes == YES).sum()), int((outcomes == UNDECIDED).sum())


def _counted(
    claim: str, part: str, outcomes: pd.Series, what: str, least: int, reason: str
) -> Iterator[Row]:
    """Yield how many units meet a condition, and their share, which only reports."""
    told = outcomes[outcomes != ""]
    n, yes, open_ones = len(told), *_counts(told)
    yield row(
        SECOND,
        claim,
        part,
        f"units with {what}",
        yes if n else np.nan,
        _range(yes, open_ones),
        n,
        criterion=f"at least {least}",
        met=enough(yes, open_ones, least) if n else None,
        reason=f"{open_ones} more are undecided" if n else reason,
    )
    yield _share(claim, part, told, f"share of units with {what}")


def _by_layer(claim: str, part: str, drawn: pd.DataFrame, met: pd.DataFrame) -> Iterator[Row]:
    """Yield the share of units that meet a condition, layer by layer, of all networks."""
    for (network, layer), own in groups_of(drawn, "network", "layer"):
        outcomes = met.loc[own.index, part]
        named = "/".join([part, network, layer])
        what = f"{network} {layer}: share of units that meet all of it"
        yield _share(claim, named, outcomes[outcomes != ""], what)


def _share(claim: str, part: str, told: pd.Series, what: str) -> Row:
    n, yes = len(told), _counts(told)[0]
    interval = share_interval(yes, n)
    return row(SECOND, claim, part, what, yes / n if n else np.nan, interval, n, kind=SHARE)


def _pairs(
    units: pd.DataFrame,
    drawn: pd.DataFrame,
    pairs: pd.DataFrame,
    sizes: pd.DataFrame | None,
    registry: Registry,
    criteria: Mapping[str, Any],
) -> Iterator[Row]:
    tests = pairs[pairs["family"] == FAMILY]
    made = tests[tests["p"].notna()]
    reason = untestable(units, tests, registry, criteria)
    signs = _signs(sizes)
    found: dict[tuple[str, ...], set[str]] = {}
    for test in rows_of(made[made["differs"].astype(bool)]):
        pair = tuple(getattr(test, name) for name in LAYERS)
        equal = signs.get((test.quantity, *pair))
        sign = equal.sign if equal else ""
        outcome = {KEPT: YES, REVERSED: NO}.get(sign, UNDECIDED)
        found.setdefault(pair, set()).add(outcome)
    yes = [pair for pair, said in found.items() if YES in said]
    open_ones = [pair for pair, said in found.items() if UNDECIDED in said and YES not in said]
    where = "; ".join(f"{' '.join(pair[:2])}, {' '.join(pair[2:])}" for pair in open_ones)
    yield row(
        SECOND,
        "C4",
        "pairs",
        f"pairs of layers that differ in {' or '.join(criteria['quantities'])}, with the same sign "
        "at equal receptive field",
        len(yes) if len(made) else np.nan,
        _range(len(yes), len(open_ones)),
        tested_units(drawn, made),
        criterion=f"at least one with {wanted(criteria)}",
        met=None if reason else enough(len(yes), len(open_ones), 1),
        reason=reason or f"the sign is undecided in {where}",
    )
    yield from pair_tests(SECOND, tests, criteria, reason)
    for test in rows_of(tests):
        pair = tuple(getattr(test, name) for name in LAYERS)
        if equal := signs.get((test.quantity, *pair)):
            yield row(
                SECOND,
                "C4",
                "/".join(["equal_size", test.quantity, *pair]),
                f"{test.quantity}: {' '.join(pair[:2])} less {' '.join(pair[2:])}, both curves at "
                f"{equal.size:.3g} px; sign {equal.sign}",
                equal.value,
                (equal.low, equal.high),
                equal.units,
                kind=TEST,
                criterion="sign kept",
                met=_MET[{KEPT: YES, REVERSED: NO}.get(equal.sign, UNDECIDED)],
            )


def _signs(sizes: pd.DataFrame | None) -> dict[tuple[str, ...], Any]:
    """Return the rows of pairs at equal size, by quantity and layers."""
    if sizes is None or sizes.empty:
        return {}
    names = ("quantity", "network", "layer", "other_network", "other_layer")
    own = rows_of(sizes[sizes["kind"] == PAIR])
    return {tuple(getattr(entry, name) for name in names): entry for entry in own}
