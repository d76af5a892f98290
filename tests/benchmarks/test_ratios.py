"""Ratios are of the right rows, and hold only where what is wanted is reached."""

from __future__ import annotations

import math

import pytest

from benchmarks.measures import DOUBLING, SHARE, STEP_TIME
from benchmarks.quality import CONVERGED, WITHIN
from benchmarks.ratios import ratios


def entry(contender: str, median: float, dtype: str = "float32", **other) -> dict:
    return {
        "device": "cpu",
        "contender": contender,
        "dtype": dtype,
        "quantity": STEP_TIME,
        "median": median,
        "low": 0.9 * median,
        "high": 1.1 * median,
        "units": 21,
        **other,
    }


def by_name(rows: list[dict]) -> dict[str, dict]:
    return {row["ratio"]: row for row in rows}


def test_time_per_step_and_shares():
    steps = [
        entry("published loop", 1.2),
        entry("lucent", 5.0),
        entry("lucent, bare", 2.0),
        entry("engine", 0.4),
        entry("engine", 0.4, "bfloat16"),
        entry("trunk alone", 0.1),
        entry("engine", 0.8, quantity=SHARE),
    ]
    found = by_name(ratios({"steps": steps}))
    published = found["image and step: published loop over engine in float32"]
    assert published["value"] == pytest.approx(3.0)
    assert published["low"] == pytest.approx(3.0 * 0.9 / 1.1)
    assert published["high"] == pytest.approx(3.0 * 1.1 / 0.9)
    assert (published["wanted"], published["holds"]) == (">= 2", 1)
    assert found["image and step: published loop over engine in bfloat16"]["holds"] == 0
    assert found["image and step: lucent over engine in float32"]["holds"] == 0
    assert found["image and step: lucent over engine in bfloat16"]["wanted"] == ">= 15"
    assert found["image and step: lucent, bare over engine in float32"]["holds"] == ""
    assert found[f"{SHARE}: engine in float32"]["holds"] == 0
    assert not any("trunk alone" in name for name in found)


@pytest.mark.parametrize(("device", "holds"), [("cpu", 1), ("cuda", 0)])
def test_time_to_quality_is_of_the_fastest_that_is_as_good(device, holds):
    rows = [
        entry(CONVERGED, 5.0, mean=8.0, as_good=1, as_good_own=""),
        entry(WITHIN, 3.0, mean=4.0, as_good=1, as_good_own=""),
        entry("slow", 1.0, mean=1.0, as_good=1, as_good_own=1),
        entry("good", 0.5, mean=0.5, as_good=1, as_good_own=0),
        entry("hasty", 0.1, mean=0.1, as_good=0, as_good_own=0),
    ]
    rows = [{**row, "device": device} for row in rows]
    within, converged, strict = ratios({"quality": rows})
    assert within["ratio"].endswith("good")
    assert within["value"] == pytest.approx(8.0)
    assert within["holds"] == holds
    assert converged["value"] == pytest.approx(16.0)
    assert converged["holds"] == ""
    assert "slow" in strict["ratio"]
    assert strict["value"] == pytest.approx(4.0)
    assert strict["holds"] == ""


def test_no_setting_that_is_as_good_is_a_miss():
    rows = [
        entry(name, 1.0, mean=1.0, as_good=good) for name, good in ((CONVERGED, 1), (WITHIN, 1))
    ]
    (found,) = ratios({"quality": [*rows, entry("hasty", 0.1, mean=0.1, as_good=0)]})
    assert math.isnan(found["value"])
    assert found["holds"] == 0


@pytest.mark.parametrize(("value", "holds"), [(0.91, 1), (1.09, 1), (0.89, 0), (1.11, 0)])
def test_doubling(value, holds):
    (found,) = ratios({"growth": [entry("engine", value, quantity=DOUBLING)]})
    assert found["holds"] == holds


def test_measures_that_were_left_out_are_no_rows():
    assert ratios({}) == []
