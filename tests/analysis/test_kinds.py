"""How many units are of a kind, and which, on tables where that is known."""

from __future__ import annotations

import numpy as np
import pytest

from diversevis.analysis.kinds import COLUMNS, kind_table, run
from diversevis.analysis.tables import read_frame, write_frame

PERFECT = {"phase_variation": 0.05, "phase_index": 0.8, "phase_above": 0.5}
NEARLY = {**PERFECT, "phase_variation": 0.1}
SETTLED = {
    "phase_variation": 0.5,
    "phase_index": 0.3,
    "phase_above": 0.1,
    **{f"{name}_uncertainty": 0.01 for name in ("phase_variation", "phase", "phase_above")},
    "deformation_index_2": 0.3,
    "deformation_drive_2": 0.5,
    "deformation_drive_uncertainty": 0.01,
}


@pytest.fixture
def units(make_units):
    """20 units of either layer: three and one meet C2, one is undecided, one is picked by hand."""
    units = make_units(**SETTLED)
    for rows, values in (([17, 3, 5, 30], PERFECT), ([8], NEARLY)):
        units.loc[rows, list(values)] = list(values.values())
    units.loc[5, "hand_picked"] = 1
    # No earlier run examined the second half of either layer.
    return units.assign(examined=(units["channel"] < 10).astype(int))


def test_shares_intervals_and_channels(units, criteria):
    table = kind_table(units, criteria["second"])
    assert table.columns.tolist() == list(COLUMNS)
    rows = table.set_index(["kind", "sample", "layer", "network"])
    row = rows.loc[("near_perfect", "every unit", "conv3_1", "vgg19")]
    assert row[["units", "met", "undecided"]].tolist() == [19, 2, 1]
    # Wilson's interval of 2 of 19.
    assert row[["share", "low", "high"]].tolist() == pytest.approx(
        [2 / 19, 0.0294, 0.3139], abs=5e-5
    )
    assert (row["channels"], row["undecided_channels"]) == ("3 17", "8")
    over_all = rows.loc[("near_perfect", "every unit", "all", "all")]
    assert over_all[["units", "met"]].tolist() == [39, 3]
    assert over_all["channels"] == "", "numbers mean nothing without their layer"
    bends = table[table["kind"] == "bends"]
    assert (bends["met"] == 0).all()
    assert not bends["most"].any(), "no layer has most of nothing"


def test_the_layer_that_has_most_in_either_sample(units, criteria):
    table = kind_table(units, criteria["second"])
    most = table[table["most"]].set_index("sample")["layer"]
    # Channel 17 and, of the other layer, 10: the same share.
    assert most["every unit"] == "conv3_1"
    assert sorted(most["unexamined"]) == ["conv3_1", "layer1.1"]


def test_without_a_reference_nothing_is_unexamined(units, criteria, tmp_path):
    write_frame(tmp_path / "units.csv", units.assign(examined=np.nan))
    writes = {"kinds": tmp_path / "kinds.csv"}
    run({"units": tmp_path / "units.csv"}, writes, criteria=criteria)
    table = read_frame(tmp_path / "kinds.csv")
    assert set(table["sample"]) == {"every unit"}
    assert table["channels"].tolist()[0] == "3 17", "a text, not a number"
