"""A smoke test of every measure, through the command."""

from __future__ import annotations

import csv
import itertools
import json
import math

import pytest

from benchmarks.__main__ import CPU, CUDA, main


def read(path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_quick(tmp_path, capsys):
    measures = "steps,transformations,quality,growth"
    command = ["--quick", "--device", "cpu", "--measures", measures, "--out", str(tmp_path)]
    assert main(command) == 0
    for name in measures.split(","):
        rows = read(tmp_path / f"{name}.csv")
        assert all(math.isfinite(float(row["median"])) for row in rows)
        assert {"device", "threads", "contender", "low", "high", "unit", "repeats"} <= set(rows[0])
    units = read(tmp_path / "quality_units.csv")
    assert len({row["contender"] for row in units}) > 2
    wanted = [row for row in read(tmp_path / "ratios.csv") if row["wanted"]]
    assert {row["holds"] for row in wanted} <= {"0", "1"}
    assert len(wanted) >= 5
    record = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert record["settings"]["quick"] is True
    assert "time to quality" in capsys.readouterr().out


@pytest.mark.parametrize("amount", [CPU, CUDA])
def test_units_double(amount):
    counts = amount.growth_units
    assert all(2 * n == twice for n, twice in itertools.pairwise(counts))
    assert amount.loops <= amount.units


def test_unknown_measure_names_the_nearest(tmp_path, capsys):
    assert main(["--quick", "--measures", "growht", "--out", str(tmp_path)]) == 2
    assert "growth" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_more_units_than_there_are(tmp_path, capsys):
    command = ["--device", "cpu", "--units", "300", "--measures", "steps", "--out", str(tmp_path)]
    assert main(command) == 2
    assert "1 to 256 units" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--repeats", "--units", "--threads", "--all-units"])
def test_numbers_are_above_zero(option, capsys):
    with pytest.raises(SystemExit):
        main([option, "0"])
    assert "above zero" in capsys.readouterr().err
