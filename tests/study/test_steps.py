"""The computing steps on the smallest layers, and what a bare machine leaves behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from diversevis.results.natural import NaturalResult
from diversevis.results.sets import SweepResult
from diversevis.results.tests import LayerTests
from diversevis.study.job import make, make_job, stale
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run, jobs, records_of
from diversevis.study.stages import COMPUTING

CONFIG = {
    "scale": "few",
    "device": "cpu",
    "layers": {"vgg19": ["conv1_1", "conv1_2"]},
    "distances": ["vgg19", "conv1_2"],
    "units": {"per_layer": 2, "include": {"vgg19": {"conv1_2": [5]}}},
    "synthesis": {"images": 2, "grid": [0.1], "steps": 5},
    "natural": {"patches": 50},
    "invariance": {
        "delta": [1, 2],
        "learn_masks": False,
        "steps": 4,
        "starts": 2,
        "trial_steps": 2,
        "per_step": 4,
        "training": 8,
        "held_out": 8,
        "peak_steps": 5,
    },
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All stages of two layers, one of which is too small for any family."""
    run = Run.of(read_settings(CONFIG), {}, results=tmp_path_factory.mktemp("results"))
    records = records_of(jobs(COMPUTING, run))
    for job in jobs(COMPUTING, run):
        if job.stage.name in ("control_tests", "control_sets"):
            continue  # the workflow's test has them
        make_job(job, records)
        assert all(path.exists() for path in job.writes.values())
        assert stale(job) == []
    return run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_layers_that_are_too_small_for_a_family_have_no_rows_of_it(run):
    at = run.layout
    tests = {layer: rows(at.tests("vgg19", layer, 0)["table"]) for layer in ("conv1_1", "conv1_2")}
    assert tests["conv1_1"] == []
    assert {row["family"] for row in tests["conv1_2"]} == {"all-shifts", "shifts"}
    record = json.loads(at.record("tests/vgg19/conv1_1/seed-0").read_text())
    assert set(record["families_left_out"]) == {"all-shifts", "shifts", "deformations"}
    assert rows(at.stability("vgg19", "conv1_2")) == []
    assert len(rows(at.gratings("vgg19", "conv1_1"))) == 2


def test_repetitions_are_of_the_same_units(run):
    first, second = (
        LayerTests.load(run.layout.tests("vgg19", "conv1_2", repeat)["arrays"]) for repeat in (0, 1)
    )
    assert (first.seed, second.seed) == (0, 1)
    assert first.channels.tolist() == second.channels.tolist()
    assert [test.delta for test in second.families] == [None, 2.0]


def test_tables_agree_with_the_arrays(run):
    files = run.layout.tests("vgg19", "conv1_2", 0)
    tests, peaks = LayerTests.load(files["arrays"]), rows(files["peaks"])
    assert [float(row["f_max"]) for row in peaks] == pytest.approx(tests.f_max.tolist(), rel=1e-6)
    measured = {
        "response": [tests.relative(test).mean(1) for test in tests.families],
        "contrast": [test.contrasts.mean(1) for test in tests.families],
    }
    for measure, arrays in measured.items():
        means = [
            float(row["value"])
            for row in rows(files["table"])
            if (row["statistic"], row["measure"]) == ("mean", measure)
        ]
        assert means == pytest.approx(np.concatenate(arrays).tolist(), rel=1e-5)


def test_pixel_sets_are_of_the_same_units(run):
    pixels, features = (
        SweepResult.load(files("vgg19", "conv1_2")["arrays"])
        for files in (run.layout.pixel_sweep, run.layout.sweep)
    )
    assert 5 in pixels.levels[0].channels
    np.testing.assert_array_equal(pixels.levels[0].channels, features.levels[0].channels)
    assert pixels.levels[0].distance == "pixels"


def test_natural_patches_are_of_the_whole_layer(run):
    natural = NaturalResult.load(run.layout.natural("vgg19", "conv1_2"))
    assert natural.best.shape == (64, 3, 5, 5)
    assert natural.count == 50


def test_surrogates_are_of_the_same_units(run):
    at = run.layout
    sweep = SweepResult.load(at.sweep("vgg19", "conv1_2")["arrays"])
    table = rows(at.surrogate_set("vgg19", "conv1_2"))
    assert [int(row["channel"]) for row in table] == sweep.levels[0].channels.tolist()
    for row, level, apart in zip(table, sweep.selected, sweep.chosen.min_distance, strict=True):
        unit, linear, ratio = (
            float(row[name])
            for name in ("unit_distance", "surrogate_set_distance", "surrogate_set_ratio")
        )
        assert unit == pytest.approx(float(apart), rel=1e-6)
        assert bool(row["reason"]) == np.isnan(ratio)
        assert row["reason"] or level > 0
        if not row["reason"]:
            assert ratio == pytest.approx(unit / linear, rel=1e-5)
            # Restarts stay below the best patch: less is given up relative to them.
            assert 0 < float(row["level"]) < float(row["share"])
            assert float(row["level_distance"]) > linear


def test_natural_stability_is_of_families_that_fit(run):
    at = run.layout
    natural = NaturalResult.load(at.natural("vgg19", "conv1_2"))
    assert rows(at.natural_stability("vgg19", "conv1_1")) == []
    table = rows(at.natural_stability("vgg19", "conv1_2"))
    assert {(row["family"], row["delta"]) for row in table} == {("shifts", "2")}
    for row in table:
        assert int(row["patches"]) == (natural.places[int(row["channel"]), :, 0] >= 0).sum() > 0
        assert 0 < float(row["value"]) < 1.5


def test_provenance_tells_commit_code_weights_and_device(run):
    record = json.loads(run.layout.record("sweep/vgg19/conv1_2").read_text())
    assert record["network"]["weights_sha256"]
    assert record["device"].startswith("CPU")
    assert record["settings"]["grid"] == [0.1]
    assert "diversevis.optimisation.engine" in record["code"]
    assert set(record["reads"]) == {"record", "natural"}
    if (Path(__file__).parents[2] / ".git").exists():
        assert len(record["checkout"]["commit"]) == 40
        assert isinstance(record["checkout"]["clean"], bool)


def test_a_step_that_fails_leaves_no_provenance(run, tmp_path):
    job = next(job for job in jobs(COMPUTING, run) if job.key == "gratings/vgg19/conv1_2")
    record = tmp_path / "record.json"
    record.write_text("{}")
    with pytest.raises(TypeError):
        make(job.stage.step, job.reads, {}, {"wrong": 1}, code={}, provenance=record)
    assert not record.exists()
