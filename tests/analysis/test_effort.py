"""Optimisation biases of tests whose change is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.effort import COLUMNS, biases, effort_table
from diversevis.analysis.indices import BIAS_OF


@pytest.fixture
def usual(outcome):
    rows = []
    for channel in range(5):
        for measure, mean in (("contrast", 0.5), ("response", 0.9)):
            rows += outcome("a", channel, "all-shifts", np.nan, mean, 0.2, measure=measure)
    tests = pd.DataFrame(rows)
    peaks = tests[["network", "layer", "channel"]].drop_duplicates().assign(f_max=10.0)
    return tests, peaks


def changed(tests, peaks, by, height=11.0):
    """Return both after more effort: indices of units change by so much, peaks rise."""
    own = tests["channel"].map(dict(enumerate(by)))
    means = tests["statistic"] == "mean"
    more = tests.assign(value=tests["value"] + own, surrogate=tests["surrogate"] - 0.01 * means)
    return more, peaks.assign(f_max=height)


def test_biases_by_network_and_statistic(usual):
    by = [0.0, 0.01, 0.02, -0.01, 0.08]
    table = effort_table(usual, changed(*usual, by))
    assert table.columns.tolist() == list(COLUMNS)
    found = table.set_index(["quantity", "statistic"])
    index = found.loc[("index", "mean")]
    assert (index["bias"], index["median"], index["units"]) == pytest.approx((0.02, 0.01, 5))
    assert index["percentile_95"] == pytest.approx(np.quantile(np.abs(by), 0.95))
    assert index["low"] < 0.02 < index["high"]
    assert index["measure"] == "contrast"
    # The surrogate, too, has changed.
    assert found.loc[("index", "above"), "bias"] == pytest.approx(0.03)
    assert found.loc[("index", "min"), "bias"] == pytest.approx(0.02)
    peak = table[table["quantity"] == "peak"].iloc[0]
    assert (peak["bias"], peak["units"]) == pytest.approx((0.1, 5))


def test_variation_changes_relatively(usual):
    tests, peaks = usual
    means = tests[(tests["statistic"] == "mean") & (tests["measure"] == "contrast")]
    one = means.assign(statistic="variation", value=[0.1, 0.1, 10.0, 10.0, np.nan])
    two = one.assign(value=[0.3, 0.1, 30.0, 10.0, 5.0])
    found = effort_table((one, peaks), (two, peaks)).set_index("statistic").loc["variation"]
    # 0.2 of 0.2, and 20 of 20; nothing; and again.
    assert (found["bias"], found["units"]) == pytest.approx((0.5, 4))


def test_biases_are_of_indices_alone(usual):
    found = biases(effort_table(usual, changed(*usual, [0.01] * 5)))
    assert found.columns.tolist() == [*BIAS_OF, "bias"]
    assert set(found["statistic"]) == {"mean", "p10", "min", "above"}


def test_units_that_either_run_lacks_are_left_out(usual):
    tests, peaks = usual
    peaks.loc[peaks["channel"] == 0, "f_max"] = -1.0
    tests.loc[tests["channel"] == 1, "value"] = np.nan
    few = tests[tests["channel"] < 4]
    table = effort_table((tests, peaks), changed(few, peaks, [0.01] * 5))
    found = table.set_index(["quantity", "statistic"])
    assert found.loc[("index", "mean"), "units"] == 3
    assert table[table["quantity"] == "peak"]["units"].tolist() == [4]
