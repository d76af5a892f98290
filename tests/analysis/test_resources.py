"""Time and memory of runs whose benchmarks are known."""

from __future__ import annotations

import json
import os

import pytest

from diversevis.analysis.resources import COLUMNS, Job, busy, machine, resource_table, run
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.errors import UserError

HERE = {"device": "CPU (Some)", "cores": 2, "memory_gib": 8.0}


@pytest.fixture
def leave(tmp_path):
    """Return a maker of jobs: their benchmark, written at their end, and their provenance."""

    def make(name, seconds=None, rss=100.0, end=0.0, device=None):
        job = Job(tmp_path / f"{name}.tsv", tmp_path / f"{name}.json")
        if seconds is not None:
            job.benchmark.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t{rss}\n")
            os.utime(job.benchmark, (end, end))
        if device:
            job.provenance.write_text(json.dumps({"device": device}))
        return job

    return make


def test_jobs_are_summed_by_rule_and_over_all(leave):
    jobs = {
        "sweep": [leave("a", 10, 300, end=1010), leave("b", 20, 500, end=1025)],
        "table": [leave("c", 5, "NA", end=1040)],
    }
    table = resource_table(jobs, HERE).set_index("rule")
    assert table.jobs.tolist() == table.measured.tolist() == [2, 1, 3]
    assert table.seconds.tolist() == [30, 5, 35]
    assert table.peak_mib.tolist()[::2] == [500, 500]
    # A job that ended before its memory was looked at has none.
    assert table.peak_mib.isna().tolist() == [False, True, False]
    # From 1000 to 1025, five of which belong to both; a gap of ten seconds is part of the run.
    assert table.wall_seconds.tolist() == [25, 5, 40]
    assert (table.note == "").all()
    assert set(table.device) == {"CPU (Some)"}


def test_results_of_another_machine_are_not_measured(leave, tmp_path):
    jobs = {
        "sweep": [leave("a", device="NVIDIA X"), leave("b", device="NVIDIA X")],
        "natural": [leave("c")],
        "table": [leave("d", 5)],
    }
    path = tmp_path / "resources.csv"
    write_frame(path, resource_table(jobs, HERE))
    table = read_frame(path).set_index("rule")
    assert tuple(table.reset_index()) == COLUMNS
    assert table.measured.tolist() == [0, 0, 1, 1]
    assert table.loc["sweep", "note"] == ("2 taken up without a measurement, computed on NVIDIA X")
    assert table.loc["natural", "note"] == "1 taken up without a measurement"
    assert table.loc["all", "note"].startswith(
        "3 taken up without a measurement, computed on NVIDIA X"
    )
    nothing = table.loc[["sweep", "natural"], list(COLUMNS[3:9])]
    assert nothing.isna().all(axis=None)
    assert table.loc["all", "seconds"] == 5


def test_devices_are_those_that_provenance_names(leave):
    jobs = {"sweep": [leave("a", 5, device="NVIDIA X")], "table": [leave("b", 5)]}
    jobs["natural"] = [leave("c", device="NVIDIA Y")]  # taken up
    table = resource_table(jobs, HERE).set_index("rule")
    assert table.loc[["sweep", "table"], "device"].tolist() == ["NVIDIA X", "CPU (Some)"]
    assert table.loc["all", "device"] == "NVIDIA X"


def test_when_jobs_ran_is_not_guessed_from_files_written_at_once(leave):
    jobs = {"sweep": [leave(name, 100, end=500) for name in "abc"]}
    table = resource_table(jobs, HERE)
    # Three at a time on two cores there cannot have been.
    assert table.wall_seconds.isna().all()
    assert table.seconds.tolist() == [300, 300]


def test_standing_still_is_not_part_of_a_run():
    assert busy([(0, 10), (65, 70)]) == 70
    assert busy([(100, 110), (0, 10)]) == 20
    assert busy([(0, 100), (10, 20), (90, 130)]) == 130
    assert busy([]) == 0


def test_a_file_that_is_no_benchmark_is_named(leave):
    job = leave("a")
    job.benchmark.write_text("something\nelse\n")
    with pytest.raises(UserError, match=r"a\.tsv"):
        resource_table({"sweep": [job]}, HERE)


def test_files_to_files(leave, tmp_path):
    job = leave("a", 5, device="NVIDIA X")
    paths = {"benchmark": str(job.benchmark), "provenance": str(job.provenance)}
    run({}, {"resources": tmp_path / "resources.csv"}, jobs={"sweep": [paths]})
    table = read_frame(tmp_path / "resources.csv")
    assert table.rule.tolist() == ["sweep", "all"]
    assert table.seconds.tolist() == [5, 5]


def test_this_machine_has_a_processor_and_cores():
    found = machine()
    assert found["device"].startswith("CPU (")
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0
