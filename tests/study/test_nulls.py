"""Nulls in a configuration, and runs of indices alone: which networks, which jobs, which units."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from diversevis.pipeline import all_jobs
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Run, paths

ROOT = Path(__file__).parents[2]
CRITERIA = read_criteria(ROOT / "config/criteria.yaml")
LAYERS = {"vgg19": ["conv2_2", "conv3_1"], "resnet50": ["layer1.0"]}


def run_of(**more) -> Run:
    return Run.of(read_settings({"scale": "mine", "layers": LAYERS, **more}), CRITERIA)


def stages_of(run: Run) -> Counter:
    return Counter(job.stage.name for job in all_jobs(run))


def test_every_network_gets_its_nulls_in_the_same_layers():
    settings = run_of(nulls={"kinds": ["positions", "he"], "seeds": 2}).settings
    nulls = ["+positions", "+positions.1", "+he", "+he.1"]
    names = [f"{network}{null}" for null in ["", *nulls] for network in LAYERS]
    assert list(settings.networks) == names
    assert all(settings.networks[name] == tuple(LAYERS[name.split("+")[0]]) for name in names)
    assert settings.every_layer[:3] == [
        ("vgg19", "conv2_2"),
        ("vgg19", "conv3_1"),
        ("resnet50", "layer1.0"),
    ]
    assert len(settings.every_layer) == 5 * 3


def test_nulls_of_other_weights_are_named_after_these():
    settings = run_of(nulls={"kinds": ["he"], "seeds": 1}, weights="torchvision").settings
    assert list(settings.networks)[2:] == ["vgg19-torchvision+he", "resnet50-torchvision+he"]


def test_units_of_a_null_are_those_of_its_network():
    units = {
        "per_layer": 4,
        "other": {"vgg19": {"conv3_1": 2}},
        "include": {"vgg19": {"conv3_1": [21]}},
    }
    settings = run_of(nulls={"kinds": ["he"]}, units=units).settings
    wanted = {"units": 2, "include": [21]}
    assert settings.units_of("vgg19", "conv3_1") == wanted
    assert settings.units_of("vgg19+he.1", "conv3_1") == wanted
    assert settings.units_of("vgg19+he.1", "conv2_2") == {"units": 4, "include": []}


def test_a_run_with_nulls_has_all_stages_for_them_and_judges_c5():
    plain, more = stages_of(run_of()), stages_of(run_of(nulls={"kinds": ["he"], "seeds": 1}))
    assert more["sweep"] == 2 * plain["sweep"] == 6
    assert more["tests"] == 2 * plain["tests"]
    assert set(more) - set(plain) == {"nulls", "nulls_figure"}


@pytest.mark.parametrize("layer", ["conv2_2", "conv3_2"])
def test_nulls_that_are_named_are_compared_where_they_share_a_layer(layer):
    layers = {"vgg19": ["conv2_2"], "vgg19+he": [layer]}
    jobs = stages_of(run_of(layers=layers))
    assert ("nulls" in jobs) is (layer == "conv2_2")
    claims = [j for j in all_jobs(run_of(layers=layers)) if j.stage.name == "claims"]
    assert ("nulls" in claims[0].reads) is (layer == "conv2_2")


INDICES = {"indices_only": True, "invariance": {"repeats": 2}}
COMPUTED = {"photographs", "network", "natural", "tests", "contrasts", "control_tests"}
MADE = {"networks", "controls", "units", "resources"}


def test_a_run_of_indices_alone_makes_no_more_than_these():
    assert set(stages_of(run_of(**INDICES))) == COMPUTED | MADE
    with_nulls = run_of(**INDICES, nulls={"kinds": ["he"]})
    assert set(stages_of(with_nulls)) == COMPUTED | MADE | {"nulls", "claims", "nulls_figure"}
    made: set[Path] = set()
    for job in all_jobs(with_nulls):
        assert not set(paths(job.reads)) - made, job.key
        made |= {*job.writes.values(), job.record}


def test_without_sweeps_all_tests_draw_the_same_units():
    run = run_of(**INDICES, seed=7, units={"per_layer": 4}, nulls={"kinds": ["he"], "seeds": 1})
    tests = [job.settings for job in all_jobs(run) if job.stage.name == "tests"]
    assert len(tests) == 2 * 2 * 3
    assert {found["seed"] for found in tests} == {7, 8}
    assert {(found["units"], found["units_seed"]) for found in tests} == {(4, 7)}


def test_the_scale_of_nulls_is_as_the_claim_wants_it():
    run = Run.of(read_settings(ROOT / "config/nulls.yaml"), CRITERIA)
    assert len(run.settings.networks) == 2 * (1 + 4 * 2)
    jobs = stages_of(run)
    assert jobs["tests"] == jobs["contrasts"] == jobs["natural"] == 8 * (1 + 4 * 2)
    assert jobs["claims"] == jobs["nulls"] == jobs["nulls_figure"] == 1
    assert set(jobs) == COMPUTED | MADE | {"nulls", "claims", "nulls_figure"}
