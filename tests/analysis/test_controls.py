"""Controls that pass, and controls that fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.controls import controls_table, run
from diversevis.analysis.indices import index_table
from diversevis.analysis.tables import read_frame, write_frame


@pytest.fixture
def controls(outcome):
    def make(complex_phase=0.95, simple_phase=0.2, deformable=0.75, simple_surrogate=0.2):
        rows = []
        for channel in range(2):
            rows += outcome("simple", channel, "all-shifts", np.nan, simple_phase, simple_surrogate)
            rows += outcome("complex", channel, "all-shifts", np.nan, complex_phase, 0.2)
            rows += outcome("rigid", channel, "deformations", 2.0, 0.5, 0.5)
            rows += outcome("deformable", channel, "deformations", 2.0, deformable, 0.5)
        return pd.DataFrame(rows)

    return make


def test_controls_that_pass(criteria, controls, families):
    table = controls_table(index_table(controls()), families, criteria["controls"])
    assert table["holds"].all()
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
def test_controls_that_fail_say_which(criteria, controls, families, change, fails):
    table = controls_table(index_table(controls(**change)), families, criteria["controls"])
    failed = table[~table["holds"]]
    assert len(failed) == 1
    assert fails in failed["criterion"].iloc[0]


def test_linear_units_license_any_family(criteria, outcome, spins):
    rows = pd.DataFrame(outcome("rigid", 0, "spins", 2.0, 0.5, 0.51))
    table = controls_table(index_table(rows), [spins], criteria["controls"])
    assert table["index"].tolist() == ["spin"]
    assert table["value"].tolist() == pytest.approx([0.01])


def test_files_to_files(criteria, controls, tmp_path):
    write_frame(tmp_path / "tests.csv", controls())
    families = '[{"name": "all-shifts", "index": "phase", "title": "", "colour": ""},'
    families += '{"name": "deformations", "index": "deformation", "title": "", "colour": ""}]'
    (tmp_path / "families.json").write_text(families)
    writes = {name: tmp_path / f"{name}.csv" for name in ("controls", "indices")}
    reads = {"tests": [tmp_path / "tests.csv"], "families": [tmp_path / "families.json"]}
    run(reads, writes, criteria=criteria)
    assert read_frame(writes["controls"])["holds"].all()
    assert len(read_frame(writes["indices"])) == 2 * 4 * 4  # three statistics, and "above"
