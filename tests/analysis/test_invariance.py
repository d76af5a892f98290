"""Tables of invariance on rows whose content is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.invariance import (
    agreement_table,
    controls_table,
    invariance_table,
    kinds_table,
    unit_kinds,
)


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


@pytest.fixture
def units(tests, gratings, stability):
    return invariance_table(tests, gratings, stability, controls_table(controls()))


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
    judged = controls_table(controls())
    table = invariance_table(tests, gratings, stability, judged).set_index("channel")
    assert table.needed_natural.tolist() == [False, True, False, False]
    assert table.left_out[8] == "never"
    assert len(unit_kinds(table.reset_index())) == 3


def test_agreement_of_seeds_and_with_gratings(units, tests):
    table = agreement_table(units, tests)
    overall = table[table.layer == "all"].set_index("quantity")
    phase = overall.loc["all-shifts: seed 0 and 1"]
    assert phase.value == pytest.approx(1)
    assert phase.mean_difference == pytest.approx(0.02)
    # Phase indices fall 3, 9, 8, 5 as F1/F0 rise 0.1, 0.2, 0.9, 1.5.
    assert overall.loc["phase index and F1/F0", "value"] == pytest.approx(-1)
    assert overall.loc["phase index and F1/F0", "units"] == 4


def test_kinds_follow_the_criteria(units):
    kinds = unit_kinds(units).set_index("channel")
    # 9: index 0.86, 0.66 above its surrogate; 8 is too low, 5 lower.
    assert kinds.phase_invariant.to_dict() == {3: True, 5: False, 8: False, 9: True}
    # Above the surrogate by 0.09, 0.39, 0.04, 0.05, less the seeds' spread.
    assert kinds.deformation_invariant.to_dict() == {3: False, 5: True, 8: False, 9: False}
    overall = kinds_table(units).iloc[-1]
    assert (overall.phase_invariant, overall.deformation_invariant, overall.both) == (2, 1, 0)


def controls(complex_phase=0.95, simple_phase=0.2, deformable=0.75, simple_surrogate=0.2):
    rows = []
    for channel in range(2):
        rows += [
            outcome("simple", channel, "all-shifts", np.nan, simple_phase, simple_surrogate),
            outcome("complex", channel, "all-shifts", np.nan, complex_phase, 0.2),
            outcome("rigid", channel, "deformations", 2.0, 0.5, 0.5),
            outcome("deformable", channel, "deformations", 2.0, deformable, 0.5),
        ]
    return pd.DataFrame(rows)


def test_controls_that_pass():
    table = controls_table(controls())
    assert table.holds.all()
    assert set(table["index"]) == {"phase", "deformation"}


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({"complex_phase": 0.85}, "lowest phase index"),
        ({"simple_phase": 0.4, "simple_surrogate": 0.4}, "above simple cells"),
        ({"deformable": 0.58}, "deformable above rigid"),
        ({"simple_surrogate": 0.25}, "linear units"),
    ],
)
def test_controls_that_fail_say_which(change, fails):
    table = controls_table(controls(**change))
    failed = table[~table.holds]
    assert len(failed) == 1
    assert fails in failed.criterion.iloc[0]


def test_an_index_that_fails_its_controls_is_withheld(tests, gratings, stability):
    failed = controls_table(controls(deformable=0.58))
    table = invariance_table(tests, gratings, stability, failed)
    assert table.deformation_index_2.isna().all()
    assert table.phase_index.notna().all()
    assert (table.withheld == "deformation").all()


def test_seeds_that_find_other_peaks_do_not_differ_in_invariance(tests, gratings, stability):
    lower = tests.seed == 1
    tests.loc[lower, "f_max"] = 8.0
    tests.loc[lower, "mean"] *= 10.0 / 8.0  # the same responses, relative to a lower peak
    table = invariance_table(tests, gratings, stability, controls_table(controls()))
    row = table.set_index("channel").loc[3]
    assert row.phase_index == pytest.approx(0.91)
    assert row.f_max == 10
    assert row.f_max_spread == pytest.approx(0.2)
