"""Trained networks against nulls: known differences, none, and layers that cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.claims import claim_table
from diversevis.analysis.names import parts_of
from diversevis.analysis.nulls import null_table, outcomes
from diversevis.networks.base import NULL_MARK
from diversevis.networks.nulls import NULLS as MADE
from diversevis.results.quantities import Registry, quantities
from diversevis.results.tests import FamilyInfo
from diversevis.study.settings import NULLS

CRITERIA = {
    "quantities": ["phase_above"],
    "p": 0.01,
    "cliffs_delta": 0.33,
    "share_of_layers": 0.5,
}
UNITS = np.arange(16) / 100


def layer(network: str, name: str, values, left_out: str = "") -> pd.DataFrame:
    values = np.asarray(values, float)
    return pd.DataFrame(
        {
            "network": network,
            "layer": name,
            "channel": range(len(values)),
            "phase_above": values,
            "left_out": left_out,
            "withheld": "",
        }
    )


def two_layers(first_null, second_null, **more) -> pd.DataFrame:
    """Return two layers of sixteen units, and of one null with two seeds."""
    parts = [layer("vgg19", "conv2_2", UNITS + 0.5), layer("vgg19", "conv3_1", UNITS + 0.5)]
    for mark in ("+positions", "+positions.1"):
        parts += [
            layer(f"vgg19{mark}", "conv2_2", first_null, **more),
            layer(f"vgg19{mark}", "conv3_1", second_null),
        ]
    return pd.concat(parts, ignore_index=True)


def rows(table: pd.DataFrame) -> dict[str, pd.Series]:
    assert (table["null"] == "positions").all()
    return {row["layer"]: row for _, row in table.iterrows()}


def test_separated_layers_exceed_and_equal_ones_do_not():
    found = rows(null_table(two_layers(UNITS, UNITS + 0.5), CRITERIA))
    assert list(found) == ["conv2_2", "conv3_1", "all"]
    apart, same, everything = found.values()
    assert (apart.trained_units, apart.null_units) == (16, 32)
    assert apart.cliffs_delta == 1
    assert apart.u == 16 * 32
    assert apart.exceeds
    assert apart.trained_median - apart.null_median == pytest.approx(0.5)
    assert apart.null_median_seed_0 == apart.null_median_seed_1 == apart.null_median
    assert apart.trained_low < apart.trained_median < apart.trained_high
    assert same.cliffs_delta == 0
    assert same.p_holm == 1
    assert not same.exceeds
    # Half of the null's units lie below all trained ones, half are as they are.
    assert everything.cliffs_delta == 0.5
    assert everything.exceeds


def test_a_null_above_its_network_does_not_make_the_network_exceed():
    found = rows(null_table(two_layers(UNITS + 1, UNITS), CRITERIA))
    assert found["conv2_2"].cliffs_delta == -1
    assert found["conv2_2"].p_holm < 0.01
    assert not found["conv2_2"].exceeds


def test_seeds_are_pooled_and_shown_one_by_one():
    units = two_layers(UNITS, UNITS)
    units.loc[units["network"] == "vgg19+positions.1", "phase_above"] += 0.2
    row = rows(null_table(units, CRITERIA))["conv3_1"]
    assert row.null_median_seed_1 - row.null_median_seed_0 == pytest.approx(0.2)
    assert row.null_median == pytest.approx(np.median([*UNITS, *(UNITS + 0.2)]))


def test_p_values_are_corrected_over_layers_and_nulls_of_one_quantity():
    units = two_layers(UNITS, UNITS)
    units["deformation_above"] = units["phase_above"]
    others = units[units["network"] != "vgg19"]
    others = others.assign(network=others["network"].str.replace("positions", "he"))
    criteria = {**CRITERIA, "quantities": ["phase_above", "deformation_above"]}
    table = null_table(pd.concat([units, others], ignore_index=True), criteria)
    layers, everything = table[table["layer"] != "all"], table[table["layer"] == "all"]
    assert len(layers) == 8
    # All alike: Holm's first step is by four, and the others are never lower.
    assert layers["p_holm"].to_numpy() == pytest.approx(4 * layers["p"].to_numpy())
    assert everything["p_holm"].to_numpy() == pytest.approx(2 * everything["p"].to_numpy())


def test_units_picked_by_hand_do_not_enter():
    units = two_layers(UNITS, UNITS).assign(hand_picked=0)
    units.loc[0, ["hand_picked", "phase_above"]] = [1, 100]
    row = rows(null_table(units, CRITERIA))["conv2_2"]
    assert row.trained_units == 15


def outcome_of(units: pd.DataFrame, **criteria):
    (found,) = outcomes(null_table(units, {**CRITERIA, **criteria}), {**CRITERIA, **criteria})
    return found


def test_outcomes_count_layers():
    found = outcome_of(two_layers(UNITS, UNITS + 0.5))
    assert (found.exceeding, found.layers, found.units) == (1, 2, 2 * 48)
    assert found.met is True
    assert outcome_of(two_layers(UNITS, UNITS + 0.5), share_of_layers=0.6).met is False
    assert outcome_of(two_layers(UNITS + 0.5, UNITS + 0.5)).met is False


def test_dead_null_is_not_decided_where_it_matters():
    dead = two_layers(UNITS, UNITS + 0.5, left_out="no patch drives it above zero")
    table = rows(null_table(dead, CRITERIA))
    assert (table["conv2_2"].null_units, table["conv2_2"].null_left_out) == (0, 32)
    assert np.isnan(table["conv2_2"].p)
    assert not table["conv2_2"].exceeds
    found = outcome_of(dead)
    assert found.met is None
    assert found.reason == "no unit of the null is measured in vgg19 conv2_2"
    # The other layer exceeds: half of the layers do, whatever the dead one were.
    dead["phase_above"] = dead["phase_above"].where(dead["network"] == "vgg19", UNITS[0])
    assert outcome_of(dead).met is True
    # It does not, and the dead one could not make up for it.
    equal = two_layers(UNITS, UNITS + 0.5, left_out="no patch drives it above zero")
    assert outcome_of(equal, share_of_layers=1.0).met is False


def test_too_few_units_decide_nothing():
    units = two_layers(UNITS, UNITS)
    found = outcome_of(units[units["channel"] < 2])
    assert found.met is None
    assert "so few units" in found.reason


def registry() -> Registry:
    family = FamilyInfo("all-shifts", "phase", "all shifts", "#000000")
    return Registry(quantities([family], [], [], 2.0))


def claims(units: pd.DataFrame) -> pd.DataFrame:
    criteria = {"second": {"C5": CRITERIA}}
    table = null_table(units, CRITERIA)
    return claim_table(units, None, registry(), criteria, nulls=table)


def test_claim_of_a_run_of_indices_alone_is_that_of_nulls():
    (row,) = claims(two_layers(UNITS, UNITS + 0.5)).itertuples()
    assert (row.claim, row.part, row.value) == ("C5", "positions/phase_above", 1)
    assert row.met is True
    assert row.holds is True
    assert row.reason == ""


def test_claim_is_open_where_controls_failed():
    units = two_layers(UNITS, UNITS).assign(withheld="phase", phase_above=np.nan)
    (row,) = claims(units).itertuples()
    assert row.met is None
    assert row.reason == "controls of the phase index failed"


def test_names_of_networks_are_taken_apart():
    assert parts_of("vgg19-torchvision") == ("vgg19-torchvision", "", 0)
    assert parts_of(f"resnet50{NULL_MARK}he") == ("resnet50", "he", 0)
    assert parts_of(f"vgg19{NULL_MARK}positions.12") == ("vgg19", "positions", 12)


def test_settings_know_all_nulls():
    assert tuple(MADE) == NULLS
