"""Controls that pass, and controls that fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.controls import controls_table, run
from diversevis.analysis.indices import index_table
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.controls.kinds import EXTENDED


@pytest.fixture
def controls(outcome):
    """Return a maker of the first edition's rows."""

    def make(complex_phase=0.95, simple_phase=0.2, deformable=0.75, simple_surrogate=0.2):
        rows = []
        for channel in range(2):
            rows += outcome("simple", channel, "all-shifts", np.nan, simple_phase, simple_surrogate)
            rows += outcome("complex", channel, "all-shifts", np.nan, complex_phase, 0.2)
            rows += outcome("rigid", channel, "deformations", 2.0, 0.5, 0.5)
            rows += outcome("deformable", channel, "deformations", 2.0, deformable, 0.5)
        return pd.DataFrame(rows)

    return make


PHASE = {"simple": 0.2, "rectified": 0.35, "complex": 0.99, "rigid": 0.1, "deformable": 0.6}
DEFORMATION = {"simple": 0.5, "rectified": 0.5, "complex": 0.5, "rigid": 0.4, "deformable": 0.7}
LINEAR = {"simple": (0.2, 0.5), "rigid": (0.1, 0.4)}


@pytest.fixture
def contrasts(outcome):
    """Return a maker of the second edition's rows: all kinds, some numbers other than expected."""

    def make(delta=2.0, variations=(), **other):
        rows = []
        for kind in [*PHASE, *EXTENDED]:
            plain = kind.partition("-")[0]
            phase, bent = PHASE[plain], DEFORMATION[plain]
            if kind in other:
                phase, bent = other[kind]
            linear = LINEAR.get(plain, (0.2, 0.4))
            rows += outcome(kind, 0, "all-shifts", np.nan, phase, linear[0])
            rows += outcome(kind, 0, "deformations", delta, bent, linear[1])
            varies = dict(variations).get(kind, 0.06 if kind == "complex-s8" else 0.04)
            rows.append({**rows[0], "layer": kind, "statistic": "variation", "value": varies})
        return pd.DataFrame(rows).assign(measure="contrast")

    return make


def judged(table, criteria, families):
    return controls_table(index_table(table), families, criteria)


def test_controls_that_pass(criteria, controls, families):
    table = judged(controls(), criteria, families)
    assert table["holds"].all()
    assert set(table["index"]) == {"phase", "deformation"}
    assert set(table["measure"]) == {"response"}


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
    table = judged(controls(**change), criteria, families)
    failed = table[~table["holds"]]
    assert len(failed) == 1
    assert fails in failed["criterion"].iloc[0]


def test_contrasts_that_pass_and_what_has_no_say(criteria, contrasts, families):
    table = judged(contrasts(), criteria, families)
    said = table.dropna(subset="holds")
    assert said["holds"].all()
    assert set(table["measure"]) == {"contrast"}
    # The narrowest envelope varies more than it may, and a hard rectification changes the index.
    without = table[table["holds"].isna()].set_index("criterion")["value"]
    assert without.to_dict() == {
        "complex-s8 cells: largest variation over shifts": 0.06,
        "half-rectified simple cells: highest phase index": 0.35,
    }
    # Every variant by an output nonlinearity, in both indices that are here.
    named = table["criterion"].str.contains(r"-\w+: largest difference from ")
    assert named.sum() == 2 * 12
    assert table["criterion"].str.contains("templates at 2 px").sum() == 4


@pytest.mark.parametrize(
    ("change", "index", "fails"),
    [
        ({"simple-soft": (0.24, 0.5)}, "phase", "simple-soft: largest difference from simple"),
        ({"complex-offset": (0.95, 0.5)}, "phase", "complex-offset: largest difference"),
        ({"rigid-squared": (0.1, 0.44)}, "deformation", "rigid-squared: largest difference"),
        ({"complex-squared": (np.nan, 0.5)}, "phase", "complex-squared: largest difference"),
        ({"variations": {"complex": 0.06}}, "phase", "complex cells: largest variation"),
        ({"variations": {"complex-s6": 0.06}}, "phase", "complex-s6 cells: largest variation"),
        ({"variations": {"complex-soft": np.nan}}, "phase", "complex-soft cells: largest"),
    ],
)
def test_contrasts_that_fail_say_which(criteria, contrasts, families, change, index, fails):
    table = judged(contrasts(**change), criteria, families).dropna(subset="holds")
    failed = table[~table["holds"].astype(bool)]
    assert failed["index"].tolist() == [index]
    assert fails in failed["criterion"].iloc[0]


def test_envelopes_may_have_another_index(criteria, contrasts, families):
    """The ruler favours cells that fill it: they are held to their variation alone."""
    table = judged(contrasts(**{"complex-s8": (0.7, 0.5)}), criteria, families)
    assert table.dropna(subset="holds")["holds"].all()


@pytest.mark.parametrize(("delta", "threshold"), [(1.0, 0.0), (2.0, 0.1), (3.0, 0.1)])
def test_small_displacements_ask_for_no_margin(criteria, contrasts, families, delta, threshold):
    table = judged(contrasts(delta=delta), criteria, families)
    templates = table[table["criterion"].str.contains(f"templates at {delta:g} px")]
    assert templates["threshold"].tolist() == [threshold] * 4


def test_linear_units_license_any_family(criteria, outcome, spins):
    rows = pd.DataFrame(outcome("rigid", 0, "spins", 2.0, 0.5, 0.51))
    table = judged(rows, criteria, [spins])
    assert table["index"].tolist() == ["spin"]
    assert table["value"].tolist() == pytest.approx([0.01])


def test_files_to_files(criteria, controls, contrasts, tmp_path):
    write_frame(tmp_path / "tests.csv", pd.concat([controls(), contrasts()]))
    families = '[{"name": "all-shifts", "index": "phase", "title": "", "colour": ""},'
    families += '{"name": "deformations", "index": "deformation", "title": "", "colour": ""}]'
    (tmp_path / "families.json").write_text(families)
    writes = {name: tmp_path / f"{name}.csv" for name in ("controls", "indices")}
    reads = {"tests": [tmp_path / "tests.csv"], "families": [tmp_path / "families.json"]}
    run(reads, writes, criteria=criteria)
    table = read_frame(writes["controls"])
    # As other tables read it: what has no say withholds nothing.
    assert table["holds"].astype(bool).all()
    assert table["holds"].isna().sum() == 2
    kinds = len(PHASE) + len(EXTENDED)
    # Of each test three statistics, and "above"; the variation besides.
    assert len(read_frame(writes["indices"])) == 2 * 4 * 4 + kinds * (2 * 4 + 1)
