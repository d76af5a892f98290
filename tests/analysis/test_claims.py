"""Claim C1 and its intervals, on tables whose verdict is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from diversevis.analysis.claims import diversity_claim
from diversevis.analysis.statistics import median_interval, share_interval


def units(ratios, activation=0.95, left_out=""):
    return pd.DataFrame(
        {
            "network": "net",
            "layer": ["a"] * (len(ratios) // 2) + ["b"] * (len(ratios) - len(ratios) // 2),
            "distance_ratio": ratios,
            "activation_ratio": activation,
            "left_out": left_out,
        }
    )


def test_holds_when_all_units_gain():
    claim = diversity_claim(units(np.linspace(1.5, 3, 20)), fraction=0.9)
    assert claim.layer.tolist() == ["a", "b", "all"]
    overall = claim.iloc[-1]
    assert overall.share == 1
    assert overall.median_distance_ratio == pytest.approx(2.25)
    assert 1 < overall.ratio_low < 2.25 < overall.ratio_high
    assert overall.holds


@pytest.mark.parametrize(
    "table",
    [
        units([2.0] * 18 + [0.9] * 2),  # 90 % of units are not 95 %
        units([1.0] * 20),  # restarts themselves
        units([2.0] * 20, activation=0.8),  # more distinct, but too weak
    ],
)
def test_does_not_hold(table):
    assert not diversity_claim(table, fraction=0.9).iloc[-1].holds


def test_units_left_out_do_not_count():
    table = pd.concat([units([2.0] * 10), units([0.5] * 4, left_out="dead")])
    overall = diversity_claim(table, fraction=0.9).iloc[-1]
    assert (overall.units, overall.share) == (10, 1)


def test_median_interval_covers_as_often_as_it_says():
    stream = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = median_interval(stream.normal(size=25), resamples=400)
        hits += low <= 0 <= high
    # 95 % of 200, four binomial standard deviations down; the percentile interval runs a bit wide.
    assert hits >= 178


def test_median_interval_is_seeded():
    values = np.arange(20.0)
    assert median_interval(values, seed=1) == median_interval(values, seed=1)
    assert np.isnan(median_interval(values[:1])).all()


def test_share_interval_is_wilsons():
    z = stats.norm.ppf(0.975)
    n, p = 40, 36 / 40
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert share_interval(36, 40) == pytest.approx((centre - half, centre + half), rel=1e-9)
    assert np.isnan(share_interval(0, 0)).all()
