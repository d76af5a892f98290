"""Settings: what is valid, and one set of defaults; what is not valid is in tests/adversarial."""

from __future__ import annotations

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


@pytest.mark.parametrize("path", SCALES, ids=lambda p: p.stem)
def test_configurations_of_the_repository_are_valid(path, criteria):
    check(read_settings(path), read_criteria(criteria))


@pytest.mark.parametrize("path", SCALES, ids=lambda p: p.stem)
def test_settings_survive_being_written(path):
    settings = read_settings(path)
    assert read(Settings, json.loads(json.dumps(plain(settings)))) == settings


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
