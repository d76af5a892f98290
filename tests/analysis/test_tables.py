"""Tables as files."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from diversevis import analysis
from diversevis.analysis.tables import groups_of, read_frames, values_of, write_frame


@pytest.fixture
def table():
    content = {"network": ["a", "b", "a"], "value": [0.5, 1 / 3, np.nan], "left_out": ""}
    return pd.DataFrame(content)


def test_tables_are_written_whole(tmp_path, table):
    write_frame(tmp_path / "deep" / "table.csv", table)
    read = read_frames([tmp_path / "deep" / "table.csv"])
    # Seven digits are written.
    pd.testing.assert_frame_equal(read, table, rtol=1e-6, check_dtype=False)


def test_tables_of_layers_without_rows_may_be_among_others(tmp_path, table):
    write_frame(tmp_path / "full.csv", table)
    write_frame(tmp_path / "empty.csv", table.iloc[:0])
    read = read_frames([tmp_path / "empty.csv", tmp_path / "full.csv"])
    assert (read.left_out == "").all()
    assert read.dtypes.to_dict() == read_frames([tmp_path / "full.csv"]).dtypes.to_dict()
    nothing = read_frames([tmp_path / "empty.csv"])
    assert nothing.columns.tolist() == table.columns.tolist()
    assert nothing.empty


def test_quantities_that_were_not_measured_are_nan(table, registry):
    assert values_of(table, "value").equals(table["value"])
    for absent in ("valeu", None, registry.named("f1_f0")):
        assert values_of(table, absent).isna().all()


def test_groups_come_as_their_rows_do(table):
    assert [(name, len(rows)) for (name,), rows in groups_of(table, "network")] == [
        ("a", 2),
        ("b", 1),
    ]
    # Rows without a value are a group, too.
    assert len(list(groups_of(table, "network", "value"))) == 3


def test_no_module_of_tables_imports_torch():
    names = [
        f"diversevis.analysis.{entry.name}" for entry in pkgutil.iter_modules(analysis.__path__)
    ]
    assert "diversevis.analysis.units" in names
    assert all(importlib.import_module(name) for name in names)
    code = f"import {', '.join(names)}, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
