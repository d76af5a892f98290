"""What was measured against what is wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.agreement import FAST
from benchmarks.all_units import PHASE_TIME, TOTAL
from benchmarks.measures import DOUBLING, SHARE, STEP_TIME
from benchmarks.quality import CONVERGED, WITHIN

Rows = Sequence[Mapping[str, Any]]

PER_STEP = {("published loop", "float32"): 2.0, ("published loop", "bfloat16"): 3.5}
"""How many times faster an image and step has to be than the published loop's, on a CPU."""

LUCENT, TRUNK_SHARE, TOLERANCE = 15.0, 0.85, 0.1
TIME_TO_QUALITY = {"cpu": 6.0, "cuda": 200.0}
ACTIVATION, INDEX = 0.01, 0.02
"""How far fast settings may move activations (relative) and indices."""

LAYER_SECONDS, LAYER_UNITS = 60.0, 256


def ratios(tables: Mapping[str, Rows]) -> list[dict[str, Any]]:
    """Return one row per ratio: its value, the range of quartiles, what is wanted, and holds.

    Parameters
    ----------
    tables
        The measures' rows by the names of their files; those that are absent are left out. Where
        nothing is wanted, the ratio is for information, and ``holds`` is empty.
    """
    return [
        {"measure": measure, **found}
        for measure, judge in _JUDGED
        for found in judge(tables.get(measure, ()))
    ]


def _per_step(rows: Rows) -> Iterator[dict[str, Any]]:
    times = [entry for entry in rows if entry["quantity"] == STEP_TIME]
    engines = [entry for entry in times if entry["contender"] == "engine"]
    for other in times:
        name = other["contender"]
        if name in ("engine", "trunk alone"):
            continue
        for engine in engines:
            dtype = engine["dtype"]
            # On a GPU nothing is asked of single steps.
            wanted = PER_STEP.get((name, dtype)) if other["device"] == "cpu" else None
            if name == "lucent" and other["device"] == "cpu":
                wanted = LUCENT
            yield _row(
                f"image and step: {name} over engine in {dtype}", *_over(other, engine), wanted
            ) | {"device": other["device"]}


def _shares(rows: Rows) -> Iterator[dict[str, Any]]:
    for entry in rows:
        if entry["quantity"] == SHARE:
            is_engine = entry["contender"] == "engine" and entry["device"] == "cpu"
            wanted = TRUNK_SHARE if is_engine else None
            name = f"{SHARE}: {entry['contender']} in {entry['dtype']}"
            yield _row(name, *_spread(entry), wanted) | {"device": entry["device"]}


def _quality(rows: Rows) -> Iterator[dict[str, Any]]:
    named = {entry["contender"]: entry for entry in rows}
    if not named:
        return
    variants = [entry for name, entry in named.items() if name not in (CONVERGED, WITHIN)]
    good = [entry for entry in variants if entry["as_good"]]
    device = next(iter(named.values()))["device"]
    if not good:
        name = "time to quality: no setting of the engine is as good"
        yield _row(name, *[math.nan] * 3, TIME_TO_QUALITY[device]) | {"device": device}
        return
    fastest = min(good, key=lambda entry: entry["median"])
    wholly = [entry for entry in good if entry["as_good_own"]]
    strictest = min(wholly, key=lambda entry: entry["median"]) if wholly else None
    for other, variant, wanted, note in (
        (WITHIN, fastest, TIME_TO_QUALITY[device], ""),
        (CONVERGED, fastest, None, ""),
        (WITHIN, strictest, None, ", as good as its own published schedule too"),
    ):
        if variant is None:
            continue
        # The loop's mean over units, for the engine's time is of all of them together.
        loop = dict.fromkeys(("median", "low", "high"), named[other]["mean"])
        name = f"time to quality: {other} over engine, {variant['contender']}{note}"
        yield _row(name, *_over(loop, variant), wanted) | {"device": device}


def _growth(rows: Rows) -> Iterator[dict[str, Any]]:
    for entry in rows:
        if entry["quantity"] == DOUBLING:
            name = f"{DOUBLING}: {entry['units']} units"
            found = _row(name, *_spread(entry), None)
            found["wanted"] = f"within {TOLERANCE:.0%} of 1".replace("%", " %")
            found["holds"] = int(abs(entry["median"] - 1) <= TOLERANCE)
            yield found | {"device": entry["device"]}


def _agreement(rows: Rows) -> Iterator[dict[str, Any]]:
    """Yield mean changes over units, and their mean sizes, which are judged, with quartiles."""
    for contender, name in dict.fromkeys((e["contender"], e["quantity"]) for e in rows):
        same = [e for e in rows if (e["contender"], e["quantity"]) == (contender, name)]
        values = np.array([entry["median"] for entry in same])
        low, high = np.quantile(values, [0.25, 0.75])
        found = _row(f"{contender}: mean change of {name}", *(values.mean(), low, high), None)
        yield found | {"device": same[0]["device"]}
        low, high = np.quantile(np.abs(values), [0.25, 0.75])
        size = np.abs(values).mean()
        found = _row(f"{contender}: mean size of change of {name}", *(size, low, high), None)
        wanted = ACTIVATION if name == "activation" else INDEX if "index" in name else None
        if contender == FAST and wanted is not None:
            found |= {"wanted": f"within {wanted:g}", "holds": int(size <= wanted)}
        yield found | {"device": same[0]["device"]}


def _crops(rows: Rows) -> Iterator[dict[str, Any]]:
    everything = max((entry["members"] for entry in rows), default=0)
    for members in sorted({entry["members"] for entry in rows} - {everything}):
        values = [abs(e["median"]) for e in rows if e["members"] == members]
        found = _row(
            f"largest difference of {len(values)} units' phase index, {members} crops a step "
            f"from all {everything}",
            *(max(values), min(values), max(values)),
            None,
        )
        found |= {"wanted": f"within {INDEX:g}", "holds": int(max(values) <= INDEX)}
        yield found | {"device": rows[0]["device"]}


def _layer(rows: Rows) -> Iterator[dict[str, Any]]:
    for entry in rows:
        if entry["quantity"] == PHASE_TIME and entry["phase"] == TOTAL:
            name = f"seconds for {entry['units']} units, sweep and every index"
            found = _row(name, *_spread(entry), None)
            if entry["device"] == "cuda" and entry["units"] >= LAYER_UNITS:
                found["wanted"] = f"<= {LAYER_SECONDS:g}"
                found["holds"] = int(entry["median"] <= LAYER_SECONDS)
            yield found | {"device": entry["device"]}


def _row(name: str, value: float, low: float, high: float, wanted: float | None) -> dict[str, Any]:
    return {
        "ratio": name,
        "value": value,
        "low": low,
        "high": high,
        "wanted": "" if wanted is None else f">= {wanted:g}",
        "holds": "" if wanted is None else int(value >= wanted),
    }


def _spread(entry: Mapping[str, Any]) -> tuple[float, float, float]:
    return entry["median"], entry["low"], entry["high"]


def _over(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return the ratio of two medians, with the least and the most that their quartiles allow."""
    return (
        one["median"] / other["median"],
        one["low"] / other["high"],
        one["high"] / other["low"],
    )


_JUDGED = (
    ("steps", _per_step),
    ("steps", _shares),
    ("transformations", _shares),
    ("quality", _quality),
    ("growth", _growth),
    ("agreement", _agreement),
    ("crops", _crops),
    ("all_units", _layer),
)
"""Tables, and what their rows are held to."""
