"""Tables of invariance on rows whose content is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.invariance import agreement_table, invariance_table
from diversevis.analysis.units import unit_table


def outcome(layer, channel, family, delta, mean, surrogate, *, seed=0, mask="fixed", **other):
    return {
        "network": "net",
        "layer": layer,
        "channel": channel,
        "family": family,
        "delta": delta,
        "mean": mean,
        "p10": mean - 0.1,
        "min": mean - 0.2,
        "surrogate_mean": surrogate,
        "f_max": 10.0,
        "members": 4,
        "seed": seed,
        "mask": mask,
        "from_noise": 9.0,
        "left_out": "",
        **other,
    }


PHASE = {3: 0.9, 5: 0.3, 8: 0.5, 9: 0.85}
BENT = {3: 0.4, 5: 0.7, 8: 0.35, 9: 0.36}


@pytest.fixture
def tests():
    rows = []
    for seed in (0, 1):
        for channel in PHASE:
            change = 0.02 * seed
            rows.append(
                outcome("a", channel, "all-shifts", np.nan, PHASE[channel] + change, 0.2, seed=seed)
            )
            rows.append(
                outcome("a", channel, "deformations", 2.0, BENT[channel] - change, 0.3, seed=seed)
            )
    for channel in PHASE:
        rows.append(outcome("a", channel, "deformations", 1.0, 0.9, 0.8))
        rows.append(outcome("a", channel, "shifts", 2.0, 0.6, 0.5))
        rows.append(outcome("a", channel, "all-shifts", np.nan, 0.95, 0.1, mask="learned"))
    return pd.DataFrame(rows)


@pytest.fixture
def gratings():
    return pd.DataFrame(
        {
            "network": "net",
            "layer": "a",
            "channel": list(PHASE),
            "frequency": 0.1,
            "f1_f0": [0.1, 1.5, 0.9, 0.2],
        }
    )


@pytest.fixture
def stability():
    return pd.DataFrame(
        {
            "network": "net",
            "layer": "a",
            "channel": list(PHASE),
            "delta": 2.0,
            "stability_mean": 0.5,
            "stability_median": 0.4,
        }
    )


PASSED = pd.DataFrame({"index": ["phase", "deformation"], "holds": [True, True]})
FAILED = PASSED.assign(holds=[True, False])


def tabulate(tests, gratings, stability, controls=PASSED):
    return invariance_table(tests, gratings, stability, controls, delta=2)


@pytest.fixture
def units(tests, gratings, stability):
    return tabulate(tests, gratings, stability)


@pytest.fixture
def synthesis():
    return pd.DataFrame(
        {
            "network": "net",
            "layer": "a",
            "channel": list(PHASE),
            "restart_mean_activation": 9.0,
            "natural_maximum": 3.0,
        }
    )


def test_one_row_a_unit_with_means_over_seeds_and_their_spread(units):
    row = units.set_index("channel").loc[3]
    assert len(units) == 4
    assert row.phase_index == pytest.approx(0.91)
    assert row.phase_surrogate == pytest.approx(0.2)
    assert row.phase_uncertainty == pytest.approx(0.02 / 2**0.5)  # of two values
    assert row.phase_learned_mask == 0.95
    assert row.deformation_index_2 == pytest.approx(0.39)
    assert row.deformation_index_1 == pytest.approx(0.9)
    assert row.deformation_uncertainty == pytest.approx(0.02 / 2**0.5)
    assert np.isnan(row.shift_uncertainty), "shifts ran with one seed"
    assert (row.f1_f0, row.stability_mean_2, row.stability_median_2) == (0.1, 0.5, 0.4)
    assert not row.needed_natural


def test_units_woken_by_natural_patches_and_units_left_out(tests, gratings, stability):
    tests.loc[tests.channel == 5, "from_noise"] = -1.0
    tests.loc[tests.channel == 8, ["f_max", "mean", "left_out"]] = [-1.0, np.nan, "never"]
    late = (tests.channel == 9) & (tests.seed == 0)  # which the second seed drives
    tests.loc[late, ["f_max", "mean", "left_out"]] = [-1.0, np.nan, "never"]
    table = tabulate(tests, gratings, stability).set_index("channel")
    assert table.needed_natural.tolist() == [False, True, False, False]
    assert table.left_out.to_dict() == {3: "", 5: "", 8: "never", 9: ""}
    assert table.phase_index[9] == pytest.approx(PHASE[9] + 0.02)


def test_layers_too_small_for_a_family_have_empty_columns(tests, gratings, stability, synthesis):
    bent = tests.family == "deformations"
    small = tests[~bent & (tests.seed == 0)].assign(layer="b")  # shifts alone
    more = [table.assign(layer="b") for table in (gratings, stability)]
    tiny = gratings.assign(layer="c")  # too small for all families
    table = tabulate(
        pd.concat([tests, small]), pd.concat([gratings, more[0], tiny]), stability
    ).set_index("layer")
    assert (
        table.loc["a"]
        .drop(columns=["shift_uncertainty", "shift_above_uncertainty"])
        .notna()
        .all(axis=None)
    )
    columns = ["deformation_index_2", "deformation_uncertainty", "stability_mean_2"]
    assert table.loc["b", columns].isna().all(axis=None)
    assert table.loc["b", ["phase_index", "shift_index_2", "f1_f0"]].notna().all(axis=None)
    assert table.loc["c", ["phase_index", "f_max"]].isna().all(axis=None)
    assert (table.loc["c", "left_out"] == "").all()
    assert not table.loc["c", "needed_natural"].any()


def test_deformation_invariance_counts_the_spread_of_what_stands_beside_it(
    tests, gratings, stability, synthesis, criteria
):
    bent = (tests.family == "deformations") & (tests.delta == 2)
    for channel, index, surrogates in (
        (3, 0.5, (0.3, 0.3)),  # 0.2 above, and seeds agree
        (5, 0.5, (0.2, 0.4)),  # as far above, but the stand-in's spread is 0.14
        (8, 0.41, (0.3, 0.3)),  # seeds agree by chance: the layer's spread is larger
        (9, 0.3, (0.3, 0.3)),
    ):
        for seed, surrogate in enumerate(surrogates):
            at = bent & (tests.channel == channel) & (tests.seed == seed)
            tests.loc[at, ["mean", "surrogate_mean"]] = [index, surrogate]
    table = unit_table(synthesis, tabulate(tests, gratings, stability), criteria)
    table = table.set_index("channel")
    assert table.deformation_uncertainty.max() == 0
    assert table.deformation_above_uncertainty[5] == pytest.approx(0.2 / 2**0.5)
    # Pooled: 0.141 / sqrt(4 units) = 0.071.
    assert table.deformation_invariant.to_dict() == {3: True, 5: False, 8: False, 9: False}


def test_runs_without_any_test_have_all_columns(tests, gratings, stability, synthesis, criteria):
    table = tabulate(tests.iloc[:0], gratings, stability.iloc[:0])
    joined = unit_table(synthesis, table, criteria)
    assert len(joined) == 4
    assert joined[["phase_above", "shift_above", "deformation_above"]].isna().all(axis=None)
    assert not joined[["phase_invariant", "deformation_invariant"]].any(axis=None)
    assert (joined.left_out == "").all()
    dead = synthesis.assign(restart_mean_activation=-1.0, natural_maximum=-0.1)
    assert (unit_table(dead, table, criteria).left_out != "").all()


def test_agreement_of_seeds_and_with_gratings(units, tests):
    table = agreement_table(units, tests)
    overall = table[table.layer == "all"].set_index("quantity")
    phase = overall.loc["all-shifts: seed 0 and 1"]
    assert phase.value == pytest.approx(1)
    assert phase.mean_difference == pytest.approx(0.02)
    # Phase indices fall 3, 9, 8, 5 as F1/F0 rise 0.1, 0.2, 0.9, 1.5.
    assert overall.loc["phase index and F1/F0", "value"] == pytest.approx(-1)
    assert overall.loc["phase index and F1/F0", "units"] == 4


def test_units_meet_the_criteria_of_the_claims(units, synthesis, criteria):
    table = unit_table(synthesis, units, criteria).set_index("channel")
    # 9: index 0.86, 0.66 above its surrogate; 8 is too low, 5 lower.
    assert table.phase_invariant.to_dict() == {3: True, 5: False, 8: False, 9: True}
    # Above the surrogate by 0.09, 0.39, 0.04, 0.05, less the seeds' spread.
    assert table.deformation_invariant.to_dict() == {3: False, 5: True, 8: False, 9: False}
    assert table.phase_above[3] == pytest.approx(0.71)
    assert table.shift_above[3] == pytest.approx(0.1)
    assert table.deformation_above[5] == pytest.approx(0.39)


def test_units_that_were_not_tested_stay(units, synthesis, criteria):
    table = unit_table(synthesis, units[units.channel != 5], criteria).set_index("channel")
    assert len(table) == 4
    assert np.isnan(table.phase_index[5])
    assert not table.phase_invariant[5]
    assert table.left_out[5] == ""


def test_an_index_that_fails_its_controls_is_withheld(tests, gratings, stability):
    table = tabulate(tests, gratings, stability, FAILED)
    assert table.deformation_index_2.isna().all()
    assert table.phase_index.notna().all()
    assert (table.withheld == "deformation").all()


def test_seeds_that_find_other_peaks_do_not_differ_in_invariance(tests, gratings, stability):
    lower = tests.seed == 1
    tests.loc[lower, "f_max"] = 8.0
    tests.loc[lower, "mean"] *= 10.0 / 8.0  # the same responses, relative to a lower peak
    table = tabulate(tests, gratings, stability)
    row = table.set_index("channel").loc[3]
    assert row.phase_index == pytest.approx(0.91)
    assert row.f_max == 10
    assert row.f_max_spread == pytest.approx(0.2)
