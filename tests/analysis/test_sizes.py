"""Comparison at equal receptive field, on curves whose difference is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from diversevis.analysis.sizes import (
    COLUMNS,
    KEPT,
    REVERSED,
    TERMS,
    UNDECIDED,
    adjusted,
    clustered_least_squares,
    size_table,
)

SIZES = {"one": {"a": 10, "b": 20, "c": 40}, "two": {"d": 15, "e": 30, "f": 60}}
PAIRS = [(("one", network), ("two", other)) for network, other in (("a", "d"), ("b", "e"))]
PAIRS.append((("one", "c"), ("two", "f")))


def table_of(value, *, n=12, spread=0.02, seed=0):
    """Return units whose medians are a function of network and size."""
    stream = np.random.default_rng(seed)
    rows = []
    for network, layers in SIZES.items():
        for layer, size in layers.items():
            # As many to either side: the median is exact.
            around = np.concatenate([(side := np.abs(stream.normal(0, spread, n // 2))), -side])
            for channel, add in enumerate(around):
                rows.append(
                    {
                        "network": network,
                        "layer": layer,
                        "channel": channel,
                        "size": size,
                        "frequency": stream.uniform(0.05, 0.3),
                        "radius": stream.uniform(0.1, 0.3),
                        "hand_picked": 0,
                        "left_out": "",
                        "index": value(network, size) + add,
                    }
                )
    return pd.DataFrame(rows)


def rising(network, size):
    """Return what rises with the logarithm of the size alone, 0.1 each time that it doubles."""
    return 0.1 * np.log2(size)


def rows_of(table, kind):
    return table[table["kind"] == kind]


def sizes_of(units, pairs=PAIRS, **more):
    return size_table(units, pairs, ["index"], resamples=400, **more)


def test_medians_with_their_intervals():
    table = sizes_of(table_of(rising))
    assert table.columns.tolist() == list(COLUMNS)
    medians = rows_of(table, "median").set_index("layer")
    assert medians["size"].to_dict() == {"a": 10, "b": 20, "c": 40, "d": 15, "e": 30, "f": 60}
    assert medians["units"].eq(12).all()
    assert medians.loc["b", "value"] == pytest.approx(0.1 * np.log2(20), abs=1e-12)
    assert ((medians["low"] < medians["value"]) & (medians["value"] < medians["high"])).all()


def test_what_goes_with_size_alone_is_no_difference_at_equal_size():
    table = sizes_of(table_of(rising))
    between = rows_of(table, "difference")
    assert between["size"].tolist() == [15, 20, 30, 40]  # both curves reach these
    # Curves are lines in the logarithm, whose medians are exact.
    np.testing.assert_allclose(between["value"], 0, atol=1e-12)
    pairs = rows_of(table, "pair").set_index("layer")
    assert (pairs["cliffs_delta"] < 0).all()  # the layers themselves differ: the other is larger
    assert (pairs["sign"] == UNDECIDED).all()
    # Where layers would meet, but never beyond what both curves reach.
    expected = {"a": 15, "b": np.sqrt(600), "c": 40}
    assert pairs["size"].to_dict() == pytest.approx(expected)


def test_a_difference_that_size_does_not_explain_keeps_its_sign():
    table = sizes_of(
        table_of(lambda network, size: rising(network, size) - 0.2 * (network == "one"))
    )
    pairs = rows_of(table, "pair")
    np.testing.assert_allclose(pairs["value"], -0.2, atol=1e-12)
    assert (pairs["high"] < 0).all()
    assert (pairs["sign"] == KEPT).all()


def test_a_difference_that_size_turns_round_is_reversed():
    # Steeper with size than the 0.05 that the first network has more of.
    def steep(network, size):
        return 0.5 * np.log2(size) + 0.05 * (network == "one")

    pairs = rows_of(sizes_of(table_of(steep)), "pair")
    assert (pairs["cliffs_delta"] == -1).all()
    assert (pairs["low"] > 0).all()
    assert (pairs["sign"] == REVERSED).all()


def test_units_without_a_say_are_left_out():
    units = table_of(rising)
    units.loc[units["channel"] == 0, ["hand_picked", "index"]] = [1, 99.0]
    units.loc[units["channel"] == 1, ["left_out", "index"]] = ["dead", 99.0]
    units.loc[units["channel"] == 2, "index"] = np.nan
    medians = rows_of(sizes_of(units), "median")
    assert medians["units"].eq(9).all()
    assert medians["value"].max() < 1


def test_curves_that_share_no_size_and_networks_without_units_are_not_compared():
    units = table_of(rising)
    apart = units[~((units["network"] == "two") & (units["size"] < 60))]
    table = sizes_of(apart)
    assert rows_of(table, "difference").empty
    assert rows_of(table, "pair").empty
    assert set(sizes_of(units[units["network"] == "one"])["kind"]) == {"median"}
    assert set(sizes_of(units, pairs=[])["kind"]) == {"median"}
    assert sizes_of(units.iloc[:0]).columns.tolist() == list(COLUMNS)


def test_the_adjusted_check_finds_what_was_put_in():
    units = table_of(rising, n=40, spread=1e-9)
    units["index"] += 0.3 * (units["network"] == "one") + 2 * units["frequency"] - units["radius"]
    found = {row["term"]: row for row in adjusted(units, "index", "one", "two")}
    assert tuple(found) == TERMS
    expected = {"network": 0.3, "log_size": 0.1 / np.log(2), "frequency": 2, "radius": -1}
    for term, value in expected.items():
        # What is left is noise of 1e-9.
        assert found[term]["value"] == pytest.approx(value, abs=1e-7)
        assert found[term]["low"] <= found[term]["value"] <= found[term]["high"]
    assert (found["network"]["units"], found["network"]["clusters"]) == (240, 6)


def test_terms_that_cannot_be_told_apart_give_no_check():
    units = table_of(rising).assign(radius=0.2)
    assert list(adjusted(units, "index", "one", "two")) == []
    assert list(adjusted(table_of(rising), "index", "one", "three")) == []


def test_clusters_of_one_give_whites_deviation():
    stream = np.random.default_rng(0)
    n = 30
    matrix = np.column_stack([np.ones(n), stream.normal(size=n)])
    values = matrix @ [1.0, 2.0] + stream.normal(size=n)
    estimate, deviation = clustered_least_squares(matrix, values, np.arange(n))
    line = stats.linregress(matrix[:, 1], values)
    assert estimate.tolist() == pytest.approx([line.intercept, line.slope], rel=1e-12)
    # Of a slope in closed form (HC1): n / (n - 2) sum (x e)^2 / (sum x^2)^2, x about its mean.
    about = matrix[:, 1] - matrix[:, 1].mean()
    left = values - matrix @ estimate
    slope = np.sqrt(n / (n - 2) * ((about * left) ** 2).sum()) / (about**2).sum()
    assert deviation[1] == pytest.approx(slope, rel=1e-12)


def test_units_that_repeat_within_clusters_say_nothing_new():
    stream = np.random.default_rng(1)
    matrix = np.column_stack([np.ones(8), stream.normal(size=8)])
    values = stream.normal(size=8)
    once = clustered_least_squares(matrix, values, np.arange(8))[1]
    many = clustered_least_squares(
        np.repeat(matrix, 50, 0), np.repeat(values, 50), np.repeat(np.arange(8), 50)
    )[1]
    # But for the correction of the degrees of freedom, (n - 1) / (n - 2).
    correction = np.sqrt((399 / 398) / (7 / 6))
    np.testing.assert_allclose(many, once * correction, rtol=1e-10)
