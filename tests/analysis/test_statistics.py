"""Intervals and corrections against known values and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from diversevis.analysis.statistics import (
    cliffs_delta,
    holm,
    least_p,
    mann_whitney,
    median_interval,
    share_interval,
)


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


def test_cliffs_delta_of_a_published_example():
    # Example of the R package effsize (after Hogarty and Kromrey 1999), printed to seven digits.
    treatment = [10, 10, 20, 20, 20, 30, 30, 30, 40, 50]
    control = [10, 20, 30, 40, 40, 50]
    assert cliffs_delta(treatment, control) == pytest.approx(
        (-0.25, -0.7265846, 0.3890062), abs=1e-7
    )
    assert cliffs_delta(control, treatment)[0] == 0.25


def test_cliffs_delta_is_u_on_another_scale():
    stream = np.random.default_rng(1)
    one, other = stream.normal(size=13), stream.normal(size=17)
    u, p = mann_whitney(one, other)
    assert cliffs_delta(one, other)[0] == pytest.approx(2 * u / (13 * 17) - 1, abs=1e-12)
    assert p == stats.mannwhitneyu(one, other).pvalue


def test_cliffs_delta_covers_as_often_as_it_says():
    # P(X > Y) for unit normals one apart is Phi(1 / sqrt(2)).
    true = 2 * stats.norm.cdf(0.5**0.5) - 1
    stream = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        _, low, high = cliffs_delta(stream.normal(1, 1, 12), stream.normal(size=12))
        hits += low <= true <= high
    # 95 % of 400 is 380, with a binomial standard deviation of 4.4: four of them down.
    assert hits >= 363


@pytest.mark.parametrize("n", [6, 30])
def test_cliffs_delta_of_samples_wholly_apart(n):
    low, high = np.arange(n), np.arange(n, 2 * n)
    delta, inner, outer = cliffs_delta(high, low)
    assert delta == outer == 1
    assert cliffs_delta(low, high) == (-1, -1, -inner)
    # n of n successes: Wilson's lower bound n / (n + t^2), on the scale of delta.
    t = stats.t.ppf(0.975, 2 * n - 2)
    assert inner == pytest.approx(2 * n / (n + t**2) - 1, abs=1e-12)


def test_tiny_samples_have_no_interval_and_empty_ones_nothing():
    delta, low, high = cliffs_delta([1.0], [0.0, 2.0])
    assert delta == 0
    assert np.isnan([low, high]).all()
    assert np.isnan(cliffs_delta([], [1.0])).all()
    assert np.isnan(mann_whitney([], [1.0])).all()
    # All values the same: no difference, and an interval that says how little two values tell.
    delta, low, high = cliffs_delta([1.0, 1.0], [1.0, 1.0])
    assert delta == 0
    assert -1 <= low < 0 < high <= 1


def test_least_p_counts_the_orders_of_two_samples():
    assert least_p(6, 6) == pytest.approx(2 / 924, rel=1e-9)  # two of 12 choose 6


def test_holm():
    # Holm 1979's procedure by hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 lifted to that.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    corrected = holm([0.02, np.nan, 0.01])
    assert corrected[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(corrected[1])
    assert len(holm([])) == 0
