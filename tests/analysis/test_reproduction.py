"""Runs against references from which they differ by known amounts."""

from __future__ import annotations

import numpy as np
import pytest

from diversevis.analysis.reproduction import (
    COLUMNS,
    as_now,
    reproduction_table,
    run,
    summary,
    summary_text,
)
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.errors import UserError


def compare(units, reference, criteria):
    return reproduction_table(units, reference, criteria["reproduction"])


def one(table, quantity, channel):
    of_layer = table[table.layer == "conv3_1"].set_index(["quantity", "channel"])
    return of_layer.loc[(quantity, channel)]


def test_a_run_agrees_with_itself(make_units, criteria):
    table = compare(make_units(), make_units(), criteria)
    assert table.within.all()
    assert set(table.quantity) == set(criteria["reproduction"]["quantities"])
    assert "440 of 440 values within" in summary_text(table, "standard")


def test_uncertainty_is_pooled_within_the_layer(make_units, criteria):
    # A spread of 0.08 in one unit of 20: root mean square 0.0179, three errors of a difference.
    spread = np.zeros(40)
    spread[7] = 0.08
    reference = make_units(phase_uncertainty=spread)
    moved = make_units()
    moved["phase_index"] += np.where(np.arange(40) % 2, 0.07, 0.08)
    table = compare(moved, reference, criteria)
    bound = 3 * np.sqrt(2) * 0.08 / np.sqrt(20)
    assert one(table, "phase_index", 0).tolerance == pytest.approx(bound, rel=1e-12)
    assert [one(table, "phase_index", unit).within for unit in (0, 1)] == [False, True]
    # The other layer has no spread of its own: the stated tolerance.
    other = table[(table.layer == "layer1.1") & (table.quantity == "phase_index")]
    assert other.tolerance.eq(0.02).all()
    assert not other.within.any()


def test_what_a_run_does_not_measure_is_not_compared(make_units, criteria):
    """A run without shifts would else miss every reference that has them."""
    table = compare(make_units().drop(columns="shift_index_2"), make_units(), criteria)
    assert "shift_index_2" not in set(table.quantity)
    assert table.within.all()


def test_relative_and_logarithmic_tolerances(make_units, criteria):
    moved = make_units()
    moved.loc[0, "restart_mean_activation"] *= 1.09
    moved.loc[1, "restart_mean_activation"] *= 0.89
    moved.loc[0, "diverse_min_distance"] *= 1.9
    moved.loc[1, "diverse_min_distance"] /= 2.1
    table = compare(moved, make_units(), criteria)
    for quantity in ("restart_mean_activation", "diverse_min_distance"):
        assert [one(table, quantity, unit).within for unit in (0, 1)] == [True, False]
    assert one(table, "diverse_min_distance", 0).difference == pytest.approx(np.log(1.9))
    # Two seeds 2 % apart have a standard deviation of sqrt(2) %: three errors are 6 % of 60.
    assert one(table, "f_max", 0).tolerance == pytest.approx(3.6)


def test_only_shared_units_and_missing_values_are_not_within(make_units, criteria):
    reference = make_units().drop(index=[3, 4])
    units = make_units().drop(index=[5])
    units.loc[0, "phase_index"] = np.nan
    units.loc[1, "phase_index"] = reference.loc[1, "phase_index"] = np.nan
    table = compare(units, reference, criteria)
    channels = set(table[table.layer == "conv3_1"].channel)
    assert channels == set(range(20)) - {3, 4, 5}
    assert not one(table, "phase_index", 0).within
    with pytest.raises(KeyError):  # measured in neither
        one(table, "phase_index", 1)
    assert not summary_text(table).endswith("within")


def test_no_reference_leaves_a_header(make_units, criteria, tmp_path):
    table = compare(make_units(), make_units().iloc[:0], criteria)
    assert table.empty
    assert table.columns.tolist()[-1] == "within"
    assert "no unit to compare" in summary_text(table)


def test_summary_counts_and_lists_the_worst(make_units, criteria):
    moved = make_units()
    moved.loc[[2, 9], "f1_f0"] += [0.5, 0.2]
    table = compare(moved, make_units(), criteria)
    counts = summary(table).set_index("quantity")
    assert counts.loc["f1_f0", ["units", "within", "share"]].tolist() == [40, 38, 0.95]
    assert counts.loc["f1_f0", "largest_difference"] == pytest.approx(0.5)
    assert counts.loc["all", "within"] == 438
    lines = summary_text(table, "standard").splitlines()
    assert lines[0].startswith("Reproduction check against standard: 438 of 440")
    listed = [line.split()[2] for line in lines[-2:]]
    assert listed == ["2", "9"]


def test_quantities_that_one_run_did_not_measure(make_units, criteria):
    less = make_units().drop(columns=["phase_index", "phase_uncertainty"])
    # Of fewer families than the reference: not reproduced.
    table = compare(less, make_units(), criteria)
    assert not table[table.quantity == "phase_index"].within.any()
    # An older reference, or one of fewer families, says nothing of it.
    table = compare(make_units(), less, criteria)
    assert "phase_index" not in set(table.quantity)
    assert table.within.all()


def test_files_to_files(make_units, criteria, tmp_path, capsys):
    path, made = tmp_path / "units.csv", tmp_path / "reproduction.csv"
    write_frame(path, make_units())
    for reference, found in (([path], "440 of 440"), ([], "no unit to compare")):
        reads = {"units": path, "reference": reference}
        run(reads, {"reproduction": made}, reference="standard", criteria=criteria)
        assert found in capsys.readouterr().out
    assert read_frame(made).columns.tolist() == list(COLUMNS)


def test_a_reference_of_the_first_edition_is_read_by_its_measure(make_units, criteria):
    units = make_units()
    older = units[["network", "layer", "channel", "f_max"]].assign(
        phase_index=0.5, phase_uncertainty=0.01, deformation_above_uncertainty=0.1, shift_p10_2=0.3
    )
    named = as_now(older)
    expected = {"phase_response_index", "phase_response_uncertainty", "shift_response_p10_2"}
    assert expected | {"deformation_response_above_uncertainty", "f_max"} <= set(named)
    assert "phase_index" not in named
    assert (named.measure == "response").all()
    assert as_now(units) is units


@pytest.mark.parametrize("told", [True, False])
def test_another_measure_than_the_references_is_refused(make_units, criteria, tmp_path, told):
    units, reference = make_units(), make_units().assign(measure="response")
    paths = {name: tmp_path / f"{name}.csv" for name in ("units", "reference", "reproduction")}
    write_frame(paths["units"], units)
    write_frame(paths["reference"], reference if told else reference.drop(columns="measure"))
    with pytest.raises(
        UserError, match=r"response, the measure of the reference standard[\s\S]*con"
    ):
        run(
            {"units": paths["units"], "reference": [paths["reference"]]},
            {"reproduction": paths["reproduction"]},
            criteria=criteria,
            reference="standard",
        )
    assert not paths["reproduction"].exists()
