"""One row per unit, from parts whose content is known."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.claims import run as judge
from diversevis.analysis.layers import run as summarise
from diversevis.analysis.pairs import run as compare
from diversevis.analysis.tables import UNIT, read_frame, write_frame
from diversevis.analysis.units import (
    FLAT,
    measures,
    natural_stability_table,
    peak_table,
    run,
    surrogate_set_table,
    synthesis_table,
    unit_table,
)
from diversevis.analysis.verdicts import OPEN, verdicts
from diversevis.results.natural import NaturalResult
from diversevis.results.quantities import Registry
from diversevis.results.tests import TEMPLATE_COLUMNS

CHANNELS = [3, 5, 8, 9]
PHASE = [0.91, 0.31, 0.51, 0.86]
ABOVE = [0.09, 0.39, 0.04, 0.05]


def table_of(**columns):
    names = {"network": "net", "layer": "a", "channel": CHANNELS}
    return pd.DataFrame({**names, **columns})


@pytest.fixture
def sweeps():
    rows = []
    for channel, activations, distances, selected in [
        (3, (10.0, 9.5, 8.0), (1.0, 2.0, 3.0), 1),
        (5, (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0), 0),
    ]:
        for level, (activation, distance) in enumerate(zip(activations, distances, strict=True)):
            rows.append(
                {
                    "network": "net",
                    "layer": "a",
                    "channel": channel,
                    "diversity": level * 0.5,
                    "mean_activation": activation,
                    "min_activation": activation - 1,
                    "max_activation": activation + 1,
                    "min_distance": distance,
                    "mean_distance": distance + 1,
                    "steps": 10,
                    "seed": 0,
                    "relative_diversity": level * 0.1,
                    "selected": int(level == selected),
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def natural():
    quantiles = np.arange(8)[:, None] * 10 + np.array([0.0, 1.0, 2.0, 3.0])
    levels = np.array([0.0, 0.5, 0.99, 1.0])
    return NaturalResult(
        "net",
        "a",
        best=np.zeros((8, 3, 2, 2)),
        places=np.zeros((8, 1, 3), int),
        top=np.ones((8, 1)),
        quantiles=quantiles,
        levels=levels,
        count=100,
    )


def test_restarts_chosen_set_and_natural_patches_in_one_row(sweeps, natural):
    table = synthesis_table(sweeps, [natural])
    row = table.loc[("net", "a", 3)]
    assert row["restart_mean_activation"] == 10
    assert row["diverse_mean_activation"] == 9.5
    assert row["diverse_relative_diversity"] == 0.1
    assert row["activation_ratio"] == pytest.approx(0.95)
    assert row["distance_ratio"] == 2
    shown = [row[f"natural_{name}"] for name in ("median", "99_percent", "maximum")]
    assert shown == [31, 32, 33]
    assert row["size"] == 2
    # Nothing relative to restarts that drive nothing.
    other = table.loc[("net", "a", 5)]
    assert other[["activation_ratio", "distance_ratio"]].isna().all()
    assert other["restart_mean_activation"] == -1


def peaks(**columns):
    template = dict.fromkeys(TEMPLATE_COLUMNS, 0.5)
    both = [
        table_of(f_max=10.0, from_noise=9.0, seed=seed, left_out="", **template) for seed in (0, 1)
    ]
    return pd.concat(both, ignore_index=True).assign(**columns)


def test_peaks_over_seeds():
    table = peaks()
    table.loc[table["seed"] == 1, "f_max"] = 8.0
    table.loc[table["channel"] == 5, "from_noise"] = -1.0
    dead, late = table["channel"] == 8, (table["channel"] == 9) & (table["seed"] == 0)
    table.loc[dead | late, ["f_max", "left_out"]] = [-1.0, "never"]
    table["radius"] = table["seed"] / 10 + 0.1
    found = peak_table(table).droplevel(["network", "layer"])
    # Of the seed that found the highest peak, not the largest of any.
    assert found["radius"].to_dict() == {3: 0.1, 5: 0.1, 8: 0.1, 9: 0.2}
    assert found["f_max"].to_dict() == {3: 10, 5: 10, 8: -1, 9: 8}
    assert found.loc[3, "f_max_spread"] == pytest.approx(0.2)
    assert np.isnan(found.loc[8, "f_max_spread"])
    assert found["needed_natural"].tolist() == [False, True, False, False]
    single = peak_table(table[table["seed"] == 0])
    assert single["f_max_spread"].isna().all(), "a single seed has none"
    # Every seed has to say so.
    assert found["left_out"].to_dict() == {3: "", 5: "", 8: "never", 9: ""}


def test_whatever_a_table_of_measures_holds_is_taken_over():
    gratings = measures(table_of(f1_f0=1.0, grating_contrast=0.5, seed=0))
    assert gratings.columns.tolist() == ["f1_f0", "grating_contrast"]
    stability = pd.concat([table_of(delta=d, stability_mean=d, other=2 * d) for d in (1.0, 2.0)])
    wide = measures(stability)
    assert wide.columns.tolist() == ["stability_mean_1", "other_1", "stability_mean_2", "other_2"]
    assert (len(wide), wide["other_2"].tolist()) == (4, [4.0] * 4)
    assert measures(stability.iloc[:0]).empty


@pytest.fixture
def synthesis():
    return table_of(restart_mean_activation=9.0, natural_maximum=3.0).set_index(UNIT)


@pytest.fixture
def indices():
    return table_of(
        phase_response_index=PHASE,
        phase_response_above=np.array(PHASE) - 0.2,
        deformation_response_index_2=0.3 + np.array(ABOVE),
        deformation_response_above=ABOVE,
        deformation_response_above_uncertainty=0.01,
    ).set_index(UNIT)


def join(parts, registry, criteria, **more):
    found = unit_table([*parts, peak_table(peaks())], registry, criteria, **more)
    return found.set_index("channel")


def test_units_meet_the_criteria_of_the_claims(synthesis, indices, registry, criteria):
    table = join([synthesis, indices], registry, criteria)
    # 9: index 0.86, 0.66 above its surrogate; 8 is too low, 5 lower.
    assert table["phase_invariant"].to_dict() == {3: True, 5: False, 8: False, 9: True}
    # 3 is 0.09 above its surrogate, less than wanted.
    assert table["deformation_invariant"].to_dict() == {3: False, 5: True, 8: False, 9: False}


def test_deformation_invariance_counts_the_spread_of_what_stands_beside_it(
    synthesis, indices, registry, criteria
):
    # As far above, but the surrogate's spread is 0.14; and where seeds agree by chance, the
    # layer's spread is larger: pooled 0.141 / sqrt(4 units) = 0.071.
    indices["deformation_response_above"] = [0.2, 0.2, 0.11, 0.0]
    indices["deformation_response_above_uncertainty"] = [0.0, 0.2 / 2**0.5, 0.0, 0.0]
    table = join([synthesis, indices], registry, criteria)
    assert table["deformation_invariant"].to_dict() == {3: True, 5: False, 8: False, 9: False}


def test_units_that_were_not_tested_stay(synthesis, indices, registry, criteria):
    table = join([synthesis, indices.drop(("net", "a", 5))], registry, criteria)
    assert len(table) == 4
    assert np.isnan(table.loc[5, "phase_response_index"])
    assert not table.loc[5, "phase_invariant"]
    assert table.loc[5, "left_out"] == ""


def test_every_quantity_of_the_registry_has_a_column(synthesis, registry, criteria):
    table = unit_table([synthesis, peak_table(peaks().iloc[:0])], registry, criteria)
    assert len(table) == 4
    assert table[[entry.name for entry in registry]].isna().all(axis=None)
    assert not table[["phase_invariant", "deformation_invariant"]].any(axis=None)
    assert not table["needed_natural"].any()
    assert (table["left_out"] == "").all()
    dead = synthesis.assign(restart_mean_activation=-1.0, natural_maximum=-0.1)
    table = unit_table([dead, peak_table(peaks().iloc[:0])], registry, criteria)
    assert (table["left_out"] != "").all()


def test_what_a_flat_contrast_curve_leaves_out(synthesis, indices, registry, criteria):
    flat = peaks()
    flat.loc[flat["channel"] == 5, "offset"] = 1.0
    flat.loc[flat["channel"] == 8, "offset"] = 1.2  # grey drives it more
    flat.loc[flat["channel"] == 9, ["offset", "f_max", "left_out"]] = [1.5, -1.0, "never"]
    found = unit_table([synthesis, indices, peak_table(flat)], registry, criteria)
    expected = {3: "", 5: FLAT, 8: FLAT, 9: "never"}
    assert found.set_index("channel")["left_out"].to_dict() == expected


def test_displacements_in_cycles_and_units_picked_by_hand(synthesis, registry, criteria):
    template = peak_table(peaks(frequency=0.125))
    parts = [synthesis.assign(size=48), template]
    picked = {"net": {"a": [5, 9], "b": [3]}}
    found = unit_table(
        parts, registry, criteria, measure="response", included=picked, deltas=[1.0, 2.5]
    )
    # 2.5 px per 24 px are 5 px of 48, an eighth of a cycle each.
    assert found["displacement_cycles_2.5"].tolist() == [0.625] * 4
    assert found["displacement_cycles_1"].tolist() == [0.25] * 4
    assert found["hand_picked"].tolist() == [0, 1, 0, 1]
    assert (found["measure"] == "response").all()
    assert found["examined"].isna().all()


def test_units_of_the_reference_were_examined(synthesis, registry, criteria):
    earlier = synthesis.reset_index()[["network", "layer", "channel"]].iloc[1:3]
    elsewhere = earlier.assign(layer="b")
    for known, expected in ((earlier, [0, 1, 1, 0]), (elsewhere, [0] * 4)):
        parts = [synthesis, peak_table(peaks())]
        found = unit_table(parts, registry, criteria, examined=known)
        assert found["examined"].tolist() == expected


def test_what_surrogates_and_natural_patches_say():
    rows = table_of(
        share=0.9, unit_distance=3.0, surrogate_set_distance=2.0, surrogate_set_ratio=1.5
    )
    rows = rows.assign(level=0.8, level_distance=2.5, level_ratio=1.2)
    found = surrogate_set_table(rows.assign(reason=["", "", "dead", ""]))
    row = found.loc[("net", "a", 3)]
    assert (row["surrogate_set_ratio"], row["surrogate_set_level_ratio"]) == (1.5, 1.2)
    assert "unit_distance" not in found
    assert found.loc[("net", "a", 8), "surrogate_set_reason"] == "dead"


def test_natural_stability_is_named_by_index_and_displacement(families):
    parts = [
        table_of(family=family, delta=delta, value=delta / 4, surrogate=0.1, patches=16)
        for family, delta in (("shifts", 1.0), ("shifts", 2.0), ("deformations", 2.0))
    ]
    found = natural_stability_table(pd.concat([*parts[:2], parts[2].iloc[:2]]), families)
    assert found["natural_shift_1"].tolist() == [0.25] * 4
    assert found["natural_shift_surrogate_2"].tolist() == [0.1] * 4
    assert found["natural_deformation_2"].isna().tolist() == [False, False, True, True]


def test_withheld_indices_are_named(synthesis, indices, registry, criteria):
    table = join([synthesis, indices], registry, criteria, withheld=["phase", "shift"])
    assert (table["withheld"] == "phase shift").all()


# --- From files to files ---


@pytest.fixture
def make_run(tmp_path, outcome, sweeps, natural, criteria):
    """Return a maker of a run's files, and of its tables: one layer of one network."""

    def make(families, *, holds=True, pairs=(), tiny=False, repeated=False, indices_only=False):
        where = {name: tmp_path / f"{name}.csv" for name in READS}
        write_frame(where["sweeps"], sweeps)
        tests = [
            row
            for family in families
            for seed in (0, 1)
            for channel in (3, 5)
            for delta in ([np.nan] if family.name == "all-shifts" else [1.0, 2.0])
            for row in outcome("a", channel, family.name, delta, 0.6 + 0.1 * seed, 0.5, seed=seed)
        ]
        columns = pd.DataFrame(outcome("a", 3, "shifts", 2.0, 0, 0)).columns
        table = pd.DataFrame(tests, columns=columns)
        own = table.assign(measure="contrast", value=9.0)  # of each seed's peak: not to be used
        write_frame(where["tests"], pd.concat([table, own]))
        common = table.assign(measure="contrast", value=table["value"] - 0.05)
        write_frame(where["contrasts"], common)
        two = peaks()
        write_frame(where["peaks"], two[two["channel"].isin((3, 5))])
        write_frame(where["gratings"], table_of(f1_f0=1.0, grating_frequency=0.1, seed=0))
        stable = table_of(delta=2.0, stability_mean=0.5, stability_median=0.4)
        write_frame(where["stability"], stable.iloc[:0] if tiny else stable)
        judged = pd.DataFrame({"index": [family.index for family in families], "holds": holds})
        shown = judged.assign(measure="response", holds=np.nan)  # only reported
        judged = pd.concat([judged.assign(measure="contrast"), shown])
        write_frame(tmp_path / "controls.csv", judged)
        (tmp_path / "families.json").write_text(json.dumps([asdict(f) for f in families]))
        natural.save(tmp_path / "natural.npz")
        reads = {name: [path] for name, path in where.items()}
        reads |= {"natural": [tmp_path / "natural.npz"], "families": [tmp_path / "families.json"]}
        reads["controls"] = tmp_path / "controls.csv"
        made = {name: tmp_path / f"made/{name}.csv" for name in (*WRITES, *LATER)}
        if repeated:
            assert not tiny
            more = own[own["seed"] == 0].assign(value=9.02)
            more.loc[more["delta"] == 1, "value"] = 8.99
            write_frame(tmp_path / "more.csv", more)
            write_frame(tmp_path / "higher.csv", two[two["seed"] == 0].assign(f_max=10.5))
            reads |= {"effort_tests": [tmp_path / "more.csv"]}
            reads |= {"effort_peaks": [tmp_path / "higher.csv"]}
        if indices_only:
            for name in ("sweeps", "gratings", "stability"):
                del reads[name]
        told = {"measure": "contrast", "included": {"net": {"a": [5]}}, "seed": 0}
        run(reads, {name: made[name] for name in WRITES}, criteria=criteria, **told)
        if indices_only:
            return {"units": read_frame(made["units"])}, made
        two = {name: made[name] for name in ("units", "quantities")}
        summarise(two, {"layers": made["layers"]}, criteria=criteria, seed=0)
        compare(two, {"pairs": made["pairs"]}, criteria=criteria, pairs=pairs)
        three = {**two, "pairs": made["pairs"]}
        judge(three, {"claims": made["claims"]}, criteria=criteria, seed=0)
        return {name: read_frame(path) for name, path in made.items()}, made

    return make


READS = ("sweeps", "tests", "contrasts", "peaks", "gratings", "stability")
WRITES = ("units", "sweeps", "tests", "indices", "effort", "agreement", "quantities")
LATER = ("layers", "pairs", "claims")


def test_a_run_of_one_network_ends_with_its_claims(make_run, families):
    tables, made = make_run(families)
    assert len(tables["units"]) == 2
    units = tables["units"]
    assert units["phase_response_index"].tolist() == pytest.approx([0.65] * 2)  # mean over seeds
    assert units["phase_index"].tolist() == pytest.approx([0.65] * 2)  # the better of 0.55, 0.65
    assert units["phase_above"].tolist() == pytest.approx([0.15] * 2)
    assert units["hand_picked"].tolist() == [0, 1]
    medians = tables["layers"].set_index(["layer", "quantity"])
    assert medians.loc[("a", "phase_index"), "units"] == 1
    assert medians.loc[("a", "phase_response_index"), "units"] == 2
    assert tables["effort"].empty
    of_contrast = tables["tests"]["measure"] == "contrast"
    assert tables["tests"].loc[of_contrast, "value"].max() < 1
    assert tables["units"]["f1_f0"].eq(1).all()
    names = [entry.name for entry in Registry.load(made["quantities"])]
    assert set(names) <= set(tables["units"])
    assert tables["pairs"].empty
    judged = {entry.claim: entry for entry in verdicts(tables["claims"])}
    assert judged["C4"].verdict == OPEN
    assert "no layers are compared" in judged["C4"].measured[0]


def test_a_new_family_is_in_every_table(make_run, families, spins):
    tables, _ = make_run([*families, spins], pairs=[(["net", "a"], ["net", "a"])])
    assert tables["units"]["spin_above"].tolist() == pytest.approx([0.15] * 2)
    assert "spins" in set(tables["indices"]["family"])
    assert "spins" in set(tables["agreement"]["family"])
    assert {"spin_index_2", "spin_above"} <= set(tables["layers"]["quantity"])
    tested = tables["pairs"].set_index("quantity")
    assert tested.loc["spin_above", "family"] == "exploratory"


def test_a_run_of_one_family(make_run, families):
    tables, _ = make_run(families[:1], pairs=[(["net", "a"], ["net", "a"])])
    assert "deformation_index_2" not in tables["units"]
    judged = tables["claims"].set_index(["claim", "part", "kind"])
    assert judged.loc[("C3", "deformation_invariant", "decides"), "units"] == 0
    untested = tables["pairs"].set_index("quantity").loc["deformation_above"]
    assert np.isnan(untested["p"])


def test_what_more_effort_changes_is_part_of_the_uncertainty(make_run, families):
    tables, _ = make_run(families, repeated=True)
    effort = tables["effort"].set_index(["quantity", "family", "delta", "statistic"])
    index = effort.loc[("index", "deformations", 2.0, "mean")]
    assert (index["units"], index["bias"]) == (2, pytest.approx(0.02))
    assert tables["units"]["deformation_bias"].tolist() == pytest.approx([0.02] * 2)
    assert tables["units"]["deformation_uncertainty"].tolist() == pytest.approx([0.1 / 2**0.5] * 2)
    peak = effort[effort.index.get_level_values("quantity") == "peak"].iloc[0]
    assert peak["bias"] == pytest.approx(0.05)


def test_a_run_of_indices_alone_has_its_units(make_run, families):
    tables, _ = make_run(families, indices_only=True)
    units = tables["units"]
    assert units["size"].tolist() == [2, 2]
    assert units["phase_index"].notna().all()
    assert units["f1_f0"].isna().all()
    assert (units["left_out"] == "").all()


def test_layers_too_small_for_any_test(make_run):
    tables, _ = make_run([], tiny=True)
    assert (tables["units"]["left_out"] == "").all()
    assert tables["units"]["f1_f0"].notna().all()
    assert set(tables["claims"].loc[tables["claims"]["claim"] != "C1", "units"]) == {0}


def test_an_index_that_fails_its_controls_is_withheld(make_run, families):
    tables, _ = make_run(families, holds=[False, True, True])
    assert tables["units"]["phase_index"].isna().all()
    assert tables["units"]["shift_index_2"].notna().all()
    assert tables["units"]["phase_response_index"].notna().all()
    assert (tables["units"]["withheld"] == "phase").all()
    phase = tables["indices"]["family"] == "all-shifts"
    of_contrast = tables["indices"]["measure"] == "contrast"
    assert tables["indices"].loc[phase & of_contrast, "value"].isna().all()
    assert tables["indices"].loc[phase & ~of_contrast, "value"].notna().any()
