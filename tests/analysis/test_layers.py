"""Medians, shares and counts of layers, networks and all units."""

from __future__ import annotations

import numpy as np
import pytest

from diversevis.analysis.conditions import conditions
from diversevis.analysis.layers import layer_table
from diversevis.analysis.statistics import median_interval, share_interval


def row(table, layer, quantity, network=None):
    chosen = table[(table.layer == layer) & (table.quantity == quantity)]
    if network:
        chosen = chosen[chosen.network == network]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_medians_and_shares_with_their_intervals(make_units, registry, criteria):
    units = make_units(phase_invariant=np.arange(40) % 4 == 0)
    table = layer_table(units, registry, criteria, seed=3)
    values = units.phase_index[:20].to_numpy()
    median = row(table, "conv3_1", "phase_index")
    assert (median.statistic, median["size"], median.units, median.left_out) == (
        "median",
        24,
        20,
        0,
    )
    assert median.value == np.median(values)
    assert (median.low, median.high) == median_interval(values, seed=3)
    share = row(table, "layer1.1", "phase_invariant")
    assert (share.value, share.low, share.high) == (0.25, *share_interval(5, 20))


def test_all_quantities_in_the_order_of_the_registry(make_units, make_registry, spins, criteria):
    registry = make_registry([spins])
    table = layer_table(make_units(spin_above=0.25), registry, criteria)
    of_layer = table[(table.layer == "conv3_1") & (table.statistic == "median")]
    assert of_layer.quantity.tolist() == [entry.name for entry in registry]
    assert row(table, "conv3_1", "spin_above").value == 0.25
    unmeasured = row(table, "conv3_1", "spin_index_2")
    assert (unmeasured.units, unmeasured.left_out) == (0, 20)


def test_networks_and_all_units_follow_the_layers(make_units, registry, criteria):
    table = layer_table(make_units(), registry, criteria)
    names = table[["network", "layer"]].drop_duplicates().apply(tuple, axis=1).tolist()
    assert names[2:] == [("vgg19", "all"), ("resnet50", "all"), ("all", "all")]
    assert row(table, "all", "distance_ratio", "all").units == 40
    assert table[table.layer == "all"]["size"].isna().all()


def test_units_left_out_and_quantities_not_measured_are_counted(make_units, registry, criteria):
    units = make_units(needed_natural=[True] * 3 + [False] * 37)
    units.loc[0, "left_out"] = "dead"
    units.loc[:3, "distance_ratio"] = np.nan  # restarts do not drive these
    units.loc[4, "distance_ratio"] = np.inf
    units.loc[units.network == "resnet50", "phase_response_index"] = np.nan
    table = layer_table(units, registry, criteria)
    median = row(table, "conv3_1", "distance_ratio")
    assert (median.units, median.left_out) == (15, 5)
    share = row(table, "conv3_1", "more_distinct")
    assert (share.value, share.units, share.left_out) == (1, 16, 4)
    unmeasured = row(table, "layer1.1", "phase_invariant")
    assert (unmeasured.units, unmeasured.left_out) == (0, 20)
    assert np.isnan([unmeasured.value, unmeasured.low]).all()
    woken = row(table, "conv3_1", "needed_natural")
    assert (woken.statistic, woken.value, woken.units) == ("count", 2, 19)


def test_units_picked_by_hand_enter_the_first_editions_medians_alone(
    make_units, registry, criteria
):
    units = make_units()
    units.loc[:3, "hand_picked"] = 1
    table = layer_table(units, registry, criteria)
    second = row(table, "conv3_1", "phase_index")
    assert (second.units, second.left_out) == (16, 4)
    assert second.value == units.phase_index[4:20].median()
    for name in ("phase_response_index", "f1_f0", "phase_invariant"):
        assert row(table, "conv3_1", name).units == 20


@pytest.mark.parametrize(
    ("ratio", "activation", "distinct"), [(1.5, 0.9, 1), (0.9, 1.0, 0), (1.0, 1.0, 0), (2, 0.8, 0)]
)
def test_more_distinct_at_enough_activation(
    make_units, registry, criteria, ratio, activation, distinct
):
    units = make_units(distance_ratio=ratio, activation_ratio=activation)
    met = conditions(units, registry, criteria)
    assert (met.more_distinct == distinct).all()
