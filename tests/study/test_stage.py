"""Stages: the order of jobs follows from what they read and write; every path is said once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diversevis.analysis.stages import TABLES
from diversevis.controls.kinds import KINDS
from diversevis.pipeline import STAGES, all_jobs
from diversevis.study.freshness import damaged
from diversevis.study.job import make_job, stale
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Run, Stage, jobs, paths
from diversevis.study.stages import COMPUTING

ROOT = Path(__file__).parents[2]
CRITERIA = read_criteria(ROOT / "config/criteria.yaml")


@pytest.fixture(scope="module")
def run():
    return Run.of(read_settings(ROOT / "config/quick.yaml"), CRITERIA)


def test_every_job_finds_what_it_reads(run):
    made: set[Path] = set()
    committed = set(run.layout.results.glob("standard/tables/*.csv"))
    for job in all_jobs(run):
        missing = set(paths(job.reads)) - made - committed
        assert not missing, (job.key, missing)
        made |= {*job.writes.values(), job.record}


def test_order_follows_from_files_not_from_the_list(run):
    forwards, backwards = ([j.key for j in jobs(s, run)] for s in (STAGES, STAGES[::-1]))
    assert sorted(forwards) == sorted(backwards)
    for order in (forwards, backwards):
        assert order.index("sweep/vgg19/conv3_1") < order.index("tests/vgg19/conv3_1/seed-0")
        assert order.index("units") < order.index("claims") < order.index("resources")


def test_no_two_jobs_write_one_file(run):
    written = [path for job in all_jobs(run) for path in (*job.writes.values(), job.record)]
    assert len(written) == len(set(written))


def test_everything_a_job_is_made_with_is_plain(run):
    for job in all_jobs(run):
        assert json.loads(json.dumps(job.settings)) == job.settings


def test_computing_stages_need_no_criteria(run):
    bare = Run.of(run.settings, {})
    assert [j.settings for j in jobs(COMPUTING, bare)] == [j.settings for j in jobs(COMPUTING, run)]


def test_wildcards_give_patterns(run):
    stage = next(stage for stage in STAGES if stage.name == "tests")
    place = {name: f"{{{name}}}" for name in ("network", "layer", "repeat")}
    files = stage.writes(run, place)
    assert files["table"] == Path("results/quick/tests/{network}/{layer}/seed-{repeat}/tests.csv")
    assert stage.key(place) == "tests/{network}/{layer}/seed-{repeat}"


def test_repetitions_have_other_seeds_and_fewer_displacements(run):
    by_key = {job.key: job.settings for job in all_jobs(run)}
    first, second = (by_key[f"tests/vgg19/conv3_1/seed-{repeat}"] for repeat in (0, 1))
    assert (first["seed"], second["seed"]) == (0, 1)
    assert (first["delta"], second["delta"]) == ([1, 2, 3], [2])
    assert (first["learn_masks"], second["learn_masks"]) == (True, False)


def test_what_only_other_jobs_use_is_no_setting_of_a_job(run):
    """More repeats, or other controls, make no test of a unit stale."""
    more = Run.of(
        read_settings(
            {
                "scale": "quick",
                "layers": {"vgg19": ["conv3_1"]},
                "invariance": {"repeats": 3},
                "controls": {"steps": 7},
            }
        ),
        CRITERIA,
    )
    fewer = Run.of(read_settings({"scale": "quick", "layers": {"vgg19": ["conv3_1"]}}), CRITERIA)
    key = "tests/vgg19/conv3_1/seed-0"
    found = [{job.key: job.settings for job in all_jobs(r)}[key] for r in (more, fewer)]
    assert found[0] == found[1]


def controls_of(**more):
    run = Run.of(read_settings({"layers": {"vgg19": ["conv3_1"]}, **more}), CRITERIA)
    found = [job for job in all_jobs(run) if job.stage.name == "control_tests"]
    return {job.place["kind"]: (job.settings, job.writes, job.record) for job in found}


def test_scales_share_the_controls():
    """Whatever units are measured with: only what controls themselves are measured with counts."""
    usual = controls_of(scale="one")
    folder = Path("results/controls")
    for settings, writes, record in usual.values():
        assert not {path for path in (*writes.values(), record) if folder not in path.parents}
        assert settings["steps"] == 800
    other = {
        "layers": {"resnet50": ["layer1.0"]},
        "seed": 5,
        "invariance": {"steps": 7, "delta": [2], "measure": "response", "precision": "bfloat16"},
    }
    assert controls_of(scale="other", **other) == usual
    plain = controls_of(scale="one", controls={"kinds": "plain"})
    assert list(plain) == list(KINDS)
    assert plain.items() <= usual.items()


def test_what_one_scale_made_another_takes(tmp_path):
    few = {"kinds": "plain", "steps": 1, "peak_steps": 1, "members": 16}
    runs = [
        Run.of(
            read_settings({"scale": name, "layers": layers, "controls": few}), {}, results=tmp_path
        )
        for name, layers in (("one", {"vgg19": ["conv3_1"]}), ("two", {"resnet50": ["layer1.0"]}))
    ]
    here, there = (
        next(job for job in jobs(COMPUTING, run) if job.key == "control_tests/simple")
        for run in runs
    )
    assert stale(here) == stale(there) == ["new"]
    make_job(here, {})
    assert stale(there) == []
    here.writes["arrays"].write_bytes(b"")
    assert stale(there)


@pytest.mark.parametrize("scale", ["quick", "standard", "full", "nulls"])
def test_scales_of_the_repository_have_their_controls_committed(scale):
    run = Run.of(read_settings(ROOT / f"config/{scale}.yaml"), CRITERIA, results=ROOT / "results")
    found = [job for job in all_jobs(run) if job.stage.name == "control_tests"]
    assert len(found) == 20
    assert not [job.key for job in found if damaged(job.record, job.writes.values())]


@pytest.mark.parametrize(
    "change",
    [
        {"controls": {"steps": 7}},
        {"controls": {"peak_steps": 7}},
        {"controls": {"members": 7}},
        {"invariance": {"families": ["deformations", "rotations", "all-shifts"]}},
    ],
)
def test_controls_that_are_measured_otherwise_lie_elsewhere(change):
    usual, other = controls_of(scale="one"), controls_of(scale="one", **change)
    assert not {path for _, files, _ in usual.values() for path in files.values()} & {
        path for _, files, _ in other.values() for path in files.values()
    }


def test_figures_that_compare_are_left_out_without_a_pair():
    alone = Run.of(read_settings({"scale": "one", "layers": {"vgg19": ["conv3_1"]}}), CRITERIA)
    names = {job.stage.name for job in all_jobs(alone)}
    assert "comparison_figure" not in names
    assert {"pairs", "claims", "phase_figure"} <= names


def test_tables_read_tables_by_their_names(run):
    names = {path for stage in TABLES for path in stage.writes(run, {}).values()}
    assert {run.layout.table(name) for name in ("units", "quantities", "claims")} <= names


def test_a_circle_is_refused(run):
    def reads(path):
        return lambda _run, _place: {"file": Path(path)}

    circle = [Stage("a", "x:y", reads("a"), reads("b")), Stage("b", "x:y", reads("b"), reads("a"))]
    with pytest.raises(ValueError, match="cycle"):
        jobs(circle, run)
