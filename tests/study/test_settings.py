"""Settings: a misspelt key is named, with the nearest right one; one set of defaults."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
from pathlib import Path

import pytest
import yaml

from diversevis.controls.sets import control_sets
from diversevis.errors import UserError
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.transformation import Sampling, Trials
from diversevis.study.check import check
from diversevis.study.knobs import plain, read
from diversevis.study.settings import (
    Invariance,
    Settings,
    Synthesis,
    read_criteria,
    read_file,
    read_settings,
)
from diversevis.synthesis.sweep import sweep

ROOT = Path(__file__).parents[2]
SCALES = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.stem != "criteria")


@pytest.fixture
def criteria():
    return yaml.safe_load((ROOT / "config/criteria.yaml").read_text())


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/quick.yaml").read_text())


def changed(content, path, value):
    content = copy.deepcopy(content)
    at = content
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return content


@pytest.mark.parametrize("path", SCALES, ids=lambda p: p.stem)
def test_configurations_of_the_repository_are_valid(path, criteria):
    check(read_settings(path), read_criteria(criteria))


@pytest.mark.parametrize("path", SCALES, ids=lambda p: p.stem)
def test_settings_survive_being_written(path):
    settings = read_settings(path)
    assert read(Settings, json.loads(json.dumps(plain(settings)))) == settings


@pytest.mark.parametrize(
    ("path", "value", "received", "remedy"),
    [
        (["C2", "phase_indx"], 0.8, "'phase_indx'", "phase_index"),
        (["C1", "share"], 1.5, "1.5", "change"),
        (["reproduction", "quantities", "f_max"], {}, "None", "state one"),
        (["C3", "delta"], "two", "'two'", "config/README"),
    ],
)
def test_bad_criteria_are_named(criteria, path, value, received, remedy):
    with pytest.raises(UserError) as error:
        read_criteria(changed(criteria, path, value))
    assert received in error.value.received
    assert remedy in error.value.remedy


@pytest.mark.parametrize(
    ("path", "value", "received", "remedy"),
    [
        (["sede"], 1, "'sede'", "seed"),
        (["synthesis", "gird"], [0.1], "'gird'", "grid"),
        (["units", "perlayer"], 3, "'perlayer'", "per_layer"),
        (["units", "per_layer"], "some", "'some'", "choose"),
        (["units", "per_layer"], 0, "0", "change"),
        (["layers", "vgg9"], ["conv1_1"], "'vgg9'", "vgg19"),
        (["layers", "vgg19"], ["conv3_11"], "'conv3_11'", "conv3_1"),
        (["layers"], {}, "0", "add one"),
        (["layers", "vgg19"], [], "0", "add one"),
        (["invariance", "delta"], [2, 30], "30", "change"),
        (["units", "include", "vgg19", "conv3_1"], [256], "256", "range"),
        (["units", "include", "vgg19", "conv4_1"], [2], "conv4_1", "add it"),
        (["synthesis", "images"], 1, "1", "more images"),
        (["synthesis", "fraction"], 2, "2", "change"),
        (["synthesis", "grid"], [0.1, 0.01], "[0.1, 0.01]", "sort"),
        (["synthesis", "grid"], [0.1, 0.1], "0.1 twice", "drop"),
        (["synthesis", "precision"], "float23", "'float23'", "float32"),
        (["synthesis", "images"], 6.0, "6.0", "config/README"),
        (["synthesis", "images"], True, "True", "config/README"),
        (["synthesis", "fraction"], float("nan"), "nan", "config/README"),
        (["scale"], "../../escape", "escape", "change"),
        (["scale"], "abc\n", "abc", "change"),
        (
            ["invariance", "families"],
            ["all-shifts", "deformation"],
            "'deformation'",
            "deformations",
        ),
        (["invariance", "families"], ["deformations"], "none", "add it"),
        (["invariance", "delta"], [1, 3], "[1.0, 3.0]", "add it"),
        (["invariance", "repeats"], 1, "1", "ask for 2"),
        (["distances"], ["vgg19", "conv1_2"], "conv1_2", "add it"),
        (["seed"], "zero", "'zero'", "config/README"),
        (["device"], "tpu", "'tpu'", "change"),
        (["device"], "cuda:x", "'cuda:x'", "change"),
        (["pairs"], [[["vgg19", "conv2_2"], ["resnet50", "layer9"]]], "layer9", "add it"),
        (["pairs"], [[["vgg19", "conv2_2"], ["vgg19", "conv2_2"]]], "twice", "drop it"),
        (["pairs"], [[["vgg19", "conv2_2"]]], "conv2_2", "config/README"),
        (["reference"], "quick", "'quick'", "committed"),
        (["natural"], [], "[]", "config/README"),
    ],
)
def test_bad_values_are_named(config, criteria, path, value, received, remedy):
    with pytest.raises(UserError) as error:
        check(read_settings(changed(config, path, value)), read_criteria(criteria))
    assert received in error.value.received
    assert remedy in error.value.remedy


@pytest.mark.parametrize("key", ["scale", "layers"])
def test_missing_key_is_named(config, key):
    del config[key]
    with pytest.raises(UserError, match=f"'{key}'"):
        read_settings(config)


def test_all_else_has_a_default():
    settings = read_settings({"scale": "mine", "layers": {"vgg19": ["conv2_2"]}})
    check(settings)
    assert settings.synthesis == Synthesis()
    assert settings.invariance == Invariance()
    assert settings.compared == ("vgg19", "conv2_2")


def test_other_weights_rename_networks_throughout(config):
    settings = read_settings({**config, "weights": "torchvision"})
    assert settings.scale == "quick-torchvision"
    assert settings.reference is None
    assert list(settings.layers) == ["vgg19-torchvision", "resnet50-torchvision"]
    assert settings.distances == ("vgg19-torchvision", "conv3_1")
    assert settings.units.include == {"vgg19-torchvision": {"conv3_1": (21, 163, 187)}}
    assert all(network.endswith("torchvision") for pair in settings.pairs for network, _ in pair)


def test_defaults_are_those_of_the_functions():
    """Configurations, the command line and Python have one set of defaults."""
    signatures = {
        Synthesis: [inspect.signature(sweep)],
        Invariance: [inspect.signature(measure_invariance)],
    }
    fields = {cls: {f.name: f.default for f in dataclasses.fields(cls)} for cls in signatures}
    for cls, functions in signatures.items():
        for function in functions:
            for name, parameter in function.parameters.items():
                if name in fields[cls] and parameter.default is not inspect.Parameter.empty:
                    assert parameter.default == fields[cls][name], (function, name)
    asked = fields[Invariance]
    assert Sampling() == Sampling(*(asked[n] for n in ("per_step", "training", "held_out")))
    assert Trials() == Trials(*(asked[n] for n in ("starts", "trial_steps")))
    kinds = inspect.signature(control_sets).parameters
    assert kinds["images"].default == fields[Synthesis]["images"]
    assert kinds["fraction"].default == fields[Synthesis]["fraction"]


@pytest.mark.parametrize(("name", "text"), [("bad.json", "{"), ("bad.yaml", "a: [")])
def test_malformed_configurations_are_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=name):
        read_file(tmp_path / name)


def test_missing_configuration_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml"):
        read_file(tmp_path / "none.yaml")
