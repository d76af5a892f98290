"""Runs against references whose bias is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.calibration import COLUMNS, calibration_table, calibration_text, run
from diversevis.analysis.tables import read_frame, write_frame

DECIDED = {
    # Nothing near a threshold.
    **{f"{name}_uncertainty": 0.01 for name in ("phase_variation", "phase", "phase_above")},
    **{f"deformation_{name}uncertainty": 0.01 for name in ("", "above_", "drive_")},
    "phase_variation": 0.5,
    "deformation_above": 0.02,
    "deformation_drive_2": 0.9,
}
PERFECT = ["phase_variation", "phase_index", "phase_above"]


@pytest.fixture
def make(make_units):
    """Return a maker of 40 units whose indices vary, but for what is said."""

    def make(**columns):
        rising = {"deformation_index_2": np.linspace(0.1, 0.4, 40)}
        return make_units(**{**DECIDED, **rising, **columns})

    return make


def rows_of(table, layer):
    return table[table["layer"] == layer].set_index("quantity")


def test_a_run_is_calibrated_with_itself(make, criteria):
    table = calibration_table(make(), make(), criteria)
    assert table.columns.tolist() == list(COLUMNS)
    assert table["layer"].unique().tolist() == ["conv3_1", "layer1.1", "all"]
    judged = table[table["met"].notna()]
    # Two indices and two kinds of units, in two layers and over all.
    assert len(judged) == 4 * 3
    assert judged["met"].all()
    assert (table["bias"].dropna() == 0).all()
    assert rows_of(table, "all").loc["phase_index", "r"] == pytest.approx(1, abs=1e-12)
    assert calibration_text(table, "standard").endswith("12 of 12 criteria met")


def test_bias_is_not_hidden_by_correlation(make, criteria):
    """All indices of one layer are 0.02 too low, with r of 1."""
    own, other = make(), make()
    own.loc[:19, "phase_index"] -= 0.02
    table = calibration_table(own, other, criteria)
    first, second = rows_of(table, "conv3_1"), rows_of(table, "layer1.1")
    assert first.loc["phase_index", "bias"] == pytest.approx(-0.02, abs=1e-12)
    assert first.loc["phase_index", "median"] == pytest.approx(0.02, abs=1e-12)
    assert first.loc["phase_index", "r"] == pytest.approx(1, abs=1e-12)
    assert not first.loc["phase_index", "met"]
    assert second.loc["phase_index", "met"]
    assert rows_of(table, "all").loc["phase_index", "bias"] == pytest.approx(-0.01, abs=1e-12)
    assert "missed: vgg19 conv3_1 phase_index" in calibration_text(table, "standard")


def test_correlation_is_not_hidden_by_an_absent_bias(make, criteria):
    own, other = make(), make()
    own.loc[:19, "phase_index"] += np.tile([0.1, -0.1], 10)
    row = rows_of(calibration_table(own, other, criteria), "conv3_1").loc["phase_index"]
    assert row["bias"] == pytest.approx(0, abs=1e-12)
    assert row["percentile_95"] == pytest.approx(0.1)
    assert row["r"] < criteria["calibration"]["r"]
    assert not row["met"]


def test_units_of_both_alone_and_some_relatively(make, criteria):
    own, other = make(f_max=66.0), make()
    table = calibration_table(own, other.iloc[5:20], criteria)
    assert table["layer"].unique().tolist() == ["conv3_1", "all"]
    peaks = rows_of(table, "conv3_1").loc["f_max"]
    assert (peaks["units"], peaks["bias"]) == (15, pytest.approx(0.1))
    assert np.isnan(peaks["r"]), "all peaks are the same"
    assert pd.isna(peaks["met"]), "without a say"


def test_a_verdict_changes_if_it_is_turned_not_if_it_is_open(make, criteria):
    own, other = make(), make()
    own.loc[0, PERFECT] = [0.05, 0.8, 0.5]  # yes, of no
    own.loc[1, PERFECT] = [0.09, 0.8, 0.5]  # undecided, of no
    other["hand_picked"] = 1  # has no say in claims, and is compared all the same
    row = rows_of(calibration_table(own, other, criteria), "conv3_1").loc["near_perfect"]
    assert (row["units"], row["verdicts"], row["changed"]) == (20, 2, 1)
    assert not row["met"]
    own.loc[0, PERFECT] = own.loc[1, PERFECT].tolist()
    row = rows_of(calibration_table(own, other, criteria), "conv3_1").loc["near_perfect"]
    assert (row["verdicts"], row["changed"]) == (2, 0)
    assert row["met"]


def test_nothing_in_common(make, criteria, tmp_path, capsys):
    write_frame(tmp_path / "units.csv", make())
    write_frame(tmp_path / "other.csv", make().assign(layer="conv9_9"))
    reads = {"units": tmp_path / "units.csv", "reference": [tmp_path / "other.csv"]}
    writes = {"calibration": tmp_path / "calibration.csv"}
    run(reads, writes, reference="standard", criteria=criteria)
    assert read_frame(tmp_path / "calibration.csv").empty
    assert "no unit to compare" in capsys.readouterr().out
