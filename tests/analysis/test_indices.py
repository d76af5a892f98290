"""Indices of invariance from tests whose content is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.indices import (
    INDEX_COLUMNS,
    agreement_table,
    by_unit,
    index_table,
    with_common_peak,
    without,
)

PHASE = {3: 0.9, 5: 0.3, 8: 0.5, 9: 0.85}
BENT = {3: 0.4, 5: 0.7, 8: 0.35, 9: 0.36}
F1_F0 = {3: 0.1, 5: 1.5, 8: 0.9, 9: 0.2}


@pytest.fixture
def tests(outcome):
    rows = []
    for seed in (0, 1):
        change = 0.02 * seed
        for channel in PHASE:
            phase, bent = PHASE[channel] + change, BENT[channel] - change
            rows += outcome("a", channel, "all-shifts", np.nan, phase, 0.2, seed=seed)
            rows += outcome("a", channel, "deformations", 2.0, bent, 0.3, seed=seed)
    for channel in PHASE:
        rows += outcome("a", channel, "deformations", 1.0, 0.9, 0.8)
        rows += outcome("a", channel, "shifts", 2.0, 0.6, 0.5)
        rows += outcome("a", channel, "all-shifts", np.nan, 0.95, 0.1, mask="learned")
    return pd.DataFrame(rows)


def peaks_of(tests, f_max=10.0):
    peaks = tests[["network", "layer", "channel", "seed"]].drop_duplicates()
    return peaks.assign(f_max=f_max, from_noise=9.0, left_out="")


def one(indices, channel, family, statistic="mean", delta=None, mask="fixed"):
    chosen = indices[
        (indices["channel"] == channel)
        & (indices["family"] == family)
        & (indices["statistic"] == statistic)
        & (indices["mask"] == mask)
        & (indices["delta"].isna() if delta is None else indices["delta"] == delta)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_means_over_seeds_and_their_spread(tests):
    indices = index_table(tests)
    assert indices.columns.tolist() == INDEX_COLUMNS
    phase = one(indices, 3, "all-shifts")
    assert (phase["value"], phase["surrogate"]) == pytest.approx((0.91, 0.2))
    assert phase["uncertainty"] == pytest.approx(0.02 / 2**0.5)  # of two values
    above = one(indices, 3, "all-shifts", "above")
    assert (above["value"], above["uncertainty"]) == pytest.approx((0.71, 0.02 / 2**0.5))
    assert np.isnan(above["surrogate"])
    assert one(indices, 3, "all-shifts", "p10")["value"] == pytest.approx(0.81)
    assert np.isnan(one(indices, 3, "shifts", delta=2)["uncertainty"]), "shifts ran with one seed"
    assert one(indices, 3, "all-shifts", mask="learned")["value"] == 0.95


def test_what_stands_above_the_surrogate_has_a_spread_of_its_own(tests):
    bent = (tests["family"] == "deformations") & (tests["delta"] == 2) & (tests["channel"] == 5)
    for seed, surrogate in enumerate((0.2, 0.4)):
        at = bent & (tests["seed"] == seed) & (tests["statistic"] == "mean")
        tests.loc[at, ["value", "surrogate"]] = [0.5, surrogate]
    indices = index_table(tests)
    assert one(indices, 5, "deformations", delta=2)["uncertainty"] == 0
    above = one(indices, 5, "deformations", "above", delta=2)
    assert above["uncertainty"] == pytest.approx(0.2 / 2**0.5)


def test_seeds_that_find_other_peaks_do_not_differ_in_invariance(tests):
    peaks, lower = peaks_of(tests), tests["seed"] == 1
    peaks.loc[peaks["seed"] == 1, "f_max"] = 8.0
    changed = tests.copy()
    changed.loc[lower, "value"] *= 10.0 / 8.0  # the same responses, relative to a lower peak
    common = with_common_peak(changed, peaks)
    pd.testing.assert_frame_equal(index_table(common), index_table(tests))
    # Surrogates are what they are, and so are measures that have no peak.
    assert common["surrogate"].equals(tests["surrogate"])
    other = with_common_peak(changed.assign(measure="rank"), peaks)
    assert other["value"].equals(changed["value"])


def test_a_unit_that_one_seed_drives_has_that_seeds_index(tests):
    peaks = peaks_of(tests)
    dead, late = peaks["channel"] == 8, (peaks["channel"] == 9) & (peaks["seed"] == 0)
    peaks.loc[dead | late, "f_max"] = -1.0
    for channel, seeds in ((8, (0, 1)), (9, (0,))):
        tests.loc[(tests["channel"] == channel) & tests["seed"].isin(seeds), "value"] = np.nan
    indices = index_table(with_common_peak(tests, peaks))
    assert np.isnan(one(indices, 8, "all-shifts")["value"])
    assert one(indices, 9, "all-shifts")["value"] == pytest.approx(PHASE[9] + 0.02)


def test_a_column_for_every_number(tests, families):
    row = by_unit(index_table(tests), families, 2).loc[("net", "a", 3)]
    assert row["phase_response_index"] == pytest.approx(0.91)
    assert row["phase_response_surrogate"] == pytest.approx(0.2)
    assert row["phase_response_above"] == pytest.approx(0.71)
    assert row["phase_response_p10"] == pytest.approx(0.81)
    assert row["phase_response_uncertainty"] == pytest.approx(0.02 / 2**0.5)
    assert row["phase_response_learned_mask"] == 0.95
    assert row["deformation_response_index_2"] == pytest.approx(0.39)
    assert row["deformation_response_index_1"] == pytest.approx(0.9)
    # What has no displacement in its name is of the main one.
    assert row["deformation_response_above"] == pytest.approx(0.09)
    assert row["deformation_response_uncertainty"] == pytest.approx(0.02 / 2**0.5)
    assert row["deformation_response_above_uncertainty"] == pytest.approx(0.02 / 2**0.5)


def test_families_statistics_and_measures_that_are_new_have_columns(outcome, spins):
    rows = pd.DataFrame(outcome("a", 3, "spins", 2.0, 0.6, 0.5))
    worst = rows.iloc[:1].assign(statistic="p01", value=0.05, surrogate=np.nan)
    rank = rows.iloc[:1].assign(measure="rank", value=0.4, surrogate=np.nan)
    indices = index_table(pd.concat([rows, worst, rank], ignore_index=True))
    row = by_unit(indices, [spins], 2).loc[("net", "a", 3)]
    assert (row["spin_response_index_2"], row["spin_response_surrogate_2"]) == (0.6, 0.5)
    assert row["spin_response_above"] == pytest.approx(0.1)
    assert (row["spin_response_p01_2"], row["spin_rank_index_2"]) == (0.05, 0.4)


@pytest.fixture
def of_contrast(outcome):
    """Return a maker of a layer's table: all shifts, the mean and the variation of each unit."""

    def make(layer, *values, seed=0):
        rows = []
        for channel, (mean, variation) in enumerate(values):
            first = outcome(layer, channel, "all-shifts", None, mean, 0.25, measure="contrast")[0]
            rows += [first, {**first, "statistic": "variation", "value": variation}]
        return pd.DataFrame(rows).astype({"delta": float}).assign(seed=seed)

    return make


def test_a_single_seed_is_as_uncertain_as_it_is_far_from_its_reference(of_contrast):
    """Of three units the reference has two: off by 0.03 and 0.04, and by a fifth of the middle."""
    seeds = [of_contrast("a", (0.53, 0.09), (0.64, 0.18), seed=seed) for seed in (0, 1)]
    reference = index_table(pd.concat(seeds))
    both = of_contrast("a", (0.5, 0.11), (0.6, 0.22), (0.4, 0.4))
    other = of_contrast("b", (0.5, 0.1))
    table = index_table(pd.concat([both, other]), None, reference)
    means = table[table["statistic"] == "mean"].set_index(["layer", "channel"])
    off = np.sqrt((0.03**2 + 0.04**2) / 2)
    assert means.loc["a", "uncertainty"].tolist() == pytest.approx([off] * 3)
    # Gains have their own; here they are off by as much.
    gains = table[(table["statistic"] == "above") & (table["layer"] == "a")]
    assert gains["uncertainty"].tolist() == pytest.approx([off] * 3)
    variation = table[(table["statistic"] == "variation") & (table["layer"] == "a")]
    assert variation["uncertainty"].tolist() == pytest.approx([0.022, 0.044, 0.08])
    assert means.loc["b", "uncertainty"].isna().all(), "the reference has none of its units"


def test_a_single_seed_is_at_least_as_uncertain_as_its_reference(of_contrast):
    seeds = [of_contrast("a", (0.5 - step, 0.1)) for step in (0.1, 0.0)]
    reference = index_table(pd.concat([rows.assign(seed=n) for n, rows in enumerate(seeds)]))
    table = index_table(of_contrast("a", (0.5, 0.1)), None, reference)
    spread = 0.1 / np.sqrt(2)
    assert table.set_index("statistic").loc["mean", "uncertainty"] == pytest.approx(spread)


def test_responses_of_a_single_seed_are_uncertain_by_the_same(of_contrast):
    """Without it the first edition would find no unit that bends, for want of a spread."""
    reference = index_table(of_contrast("a", (0.53, 0.1)).assign(measure="response"))
    one = of_contrast("a", (0.5, 0.1)).assign(measure="response")
    found = index_table(one, None, reference).set_index("statistic")["uncertainty"]
    assert found[["mean", "above"]].tolist() == pytest.approx([0.03, 0.03])
    assert index_table(one)["uncertainty"].isna().all()


def test_an_index_that_fails_its_controls_has_no_numbers(tests, families):
    both = pd.concat([tests, tests.assign(measure="contrast")])
    indices = without(index_table(both), families, ["deformation_response"])
    hidden = (indices["family"] == "deformations") & (indices["measure"] == "response")
    assert indices.loc[hidden, ["value", "surrogate", "uncertainty"]].isna().all(axis=None)
    assert indices.loc[~hidden, "value"].notna().all()
    table = by_unit(indices, families, 2)
    assert table["deformation_response_index_2"].isna().all()
    assert table["phase_response_index"].notna().all()
    assert table["deformation_index_2"].notna().all()


def test_agreement_of_seeds_and_with_gratings(tests, families, registry):
    units = pd.DataFrame({"network": "net", "layer": "a", "channel": list(PHASE)})
    units = units.assign(phase_index=PHASE.values(), f1_f0=F1_F0.values())
    compared = [(registry.named("phase_index"), registry.named("f1_f0"))]
    table = agreement_table(tests.assign(measure="contrast"), units, families, compared)
    assert set(table["layer"]) == {"a", "all"}
    overall = table[table["layer"] == "all"]
    seeds = overall[overall["seeds"].notna()].set_index(["family", "delta"])
    assert set(seeds.index.get_level_values("family")) == {"all-shifts", "deformations"}
    phase = overall[overall["seeds"].notna() & overall["delta"].isna()].iloc[0]
    assert (phase["quantity"], phase["family"], phase["seeds"]) == (
        "phase_index",
        "all-shifts",
        "0 and 1",
    )
    assert phase["value"] == pytest.approx(1)
    assert phase["mean_difference"] == pytest.approx(0.02)
    bent = seeds.loc[("deformations", 2)]
    assert bent["quantity"] == "deformation_index_2"
    # Phase indices fall 3, 9, 8, 5 as F1/F0 rise 0.1, 0.2, 0.9, 1.5.
    gratings = overall[overall["against"] == "f1_f0"].iloc[0]
    assert gratings["value"] == pytest.approx(-1)
    assert (gratings["quantity"], gratings["units"]) == ("phase_index", 4)


def test_no_tests_at_all(tests, families):
    none = tests.iloc[:0]
    indices = index_table(with_common_peak(none, peaks_of(tests)))
    assert indices.columns.tolist() == INDEX_COLUMNS
    assert by_unit(indices, families, 2).empty
    assert agreement_table(none, pd.DataFrame(columns=["network"]), families, []).empty


def test_a_displacement_that_a_layer_lacks_is_empty_there(outcome, families):
    rows = outcome("a", 3, "shifts", 2.0, 0.6, 0.5) + outcome("b", 4, "shifts", 1.0, 0.8, 0.7)
    table = by_unit(index_table(pd.DataFrame(rows)), families, 2)
    assert table["shift_response_index_2"].isna().tolist() == [False, True]
    assert table["shift_response_above"].isna().tolist() == [False, True]
    assert table["shift_response_index_1"].isna().tolist() == [True, False]


# --- Effective contrasts ---


@pytest.fixture
def contrasts(outcome):
    """Two seeds: the second has unit 3's better canvas, though its worst members do less."""
    rows = []
    for seed, means in enumerate([{3: 0.5, 5: 0.4}, {3: 0.7, 5: 0.4}]):
        for channel, mean in means.items():
            rows += outcome(
                *("a", channel, "all-shifts", np.nan, mean, 0.1 * (seed + 1)),
                seed=seed,
                measure="contrast",
            )
    table = pd.DataFrame(rows)
    worst = (table["statistic"] == "min") & (table["seed"] == 1)
    table.loc[worst, "value"] = 0.0
    varying = table[table["statistic"] == "mean"].assign(statistic="variation")
    varying["value"] = 0.2 - varying["value"] / 10
    return pd.concat([table, varying], ignore_index=True)


def test_contrasts_are_those_of_the_best_canvas(contrasts, families):
    row = by_unit(index_table(contrasts), families, 2).loc[("net", "a", 3)]
    assert row["phase_index"] == 0.7
    assert row["phase_min"] == 0  # of the same canvas
    assert row["phase_variation"] == pytest.approx(0.13)
    assert (row["phase_surrogate"], row["phase_surrogate_variation"]) == (0.2, 0.2)
    assert row["phase_above"] == pytest.approx(0.5)
    assert "phase_surrogate_min" not in row, "surrogates have none here"


def test_uncertainty_is_the_largest_of_three(contrasts, families):
    own = 0.2 / 2**0.5
    pooled = own / 2**0.5  # of two units, one of which does not differ

    def uncertainties(bias):
        known = {"family": "all-shifts", "delta": np.nan, "mask": "fixed", "measure": "contrast"}
        rows = [{"network": "net", **known, "statistic": "mean", "bias": bias}]
        found = by_unit(index_table(contrasts, pd.DataFrame(rows)), families, 2)
        return found.loc[[("net", "a", 3), ("net", "a", 5)]]

    small = uncertainties(0.01)
    assert small["phase_spread"].tolist() == pytest.approx([own, 0])
    assert small["phase_uncertainty"].tolist() == pytest.approx([own, pooled])
    assert small["phase_bias"].tolist() == [0.01, 0.01]
    large = uncertainties(-0.12)
    assert large["phase_uncertainty"].tolist() == pytest.approx([own, 0.12])
    # The bias of the index is none of what stands above the surrogate: 0.1 of 0.2 in two seeds.
    gain = 0.1 / 2**0.5
    assert large["phase_above_uncertainty"].tolist() == pytest.approx([gain, gain])
    # Pooled relatively: 0.15 and 0.13 in unit 3, 0.16 twice in unit 5, of which it has a share.
    spread = 0.02 / 2**0.5
    expected = [spread, 0.16 * (spread / 0.14) / 2**0.5]
    assert large["phase_variation_uncertainty"].tolist() == pytest.approx(expected)


def test_the_bias_of_the_variation_is_relative(contrasts, families):
    known = {"family": "all-shifts", "delta": np.nan, "mask": "fixed", "measure": "contrast"}
    rows = [{"network": "net", **known, "statistic": "variation", "bias": -0.5}]
    found = by_unit(index_table(contrasts, pd.DataFrame(rows)), families, 2)
    expected = [0.5 * 0.13, 0.5 * 0.16]
    assert found["phase_variation_uncertainty"].tolist() == pytest.approx(expected)


def test_one_seed_and_no_bias_leave_no_uncertainty(contrasts, families):
    single = contrasts[contrasts["seed"] == 0]
    found = by_unit(index_table(single), families, 2)
    assert found["phase_index"].tolist() == [0.5, 0.4]
    assert found[["phase_spread", "phase_uncertainty", "phase_bias"]].isna().all(axis=None)


def test_a_unit_without_contrast_stays_without(contrasts, families):
    contrasts.loc[contrasts["channel"] == 5, "value"] = np.nan
    found = by_unit(index_table(contrasts), families, 2)
    assert found["phase_index"].isna().tolist() == [False, True]
    assert found["phase_above"].isna().tolist() == [False, True]
