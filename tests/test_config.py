"""Configurations: a misspelt key is named, with the nearest right one."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from diversevis.config import check, check_criteria
from diversevis.errors import UserError

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def schema():
    return yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture(scope="module")
def criteria_schema():
    return yaml.safe_load((ROOT / "workflow/schemas/criteria.schema.yaml").read_text())


@pytest.fixture
def criteria():
    return yaml.safe_load((ROOT / "config/criteria.yaml").read_text())


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/quick.yaml").read_text())


SCALES = sorted(path for path in (ROOT / "config").glob("*.yaml") if path.stem != "criteria")


@pytest.mark.parametrize("path", SCALES, ids=lambda p: p.stem)
def test_configurations_of_the_repository_are_valid(path, schema, criteria):
    check(yaml.safe_load(path.read_text()), schema, criteria)


def test_criteria_of_the_repository_are_valid(criteria, criteria_schema):
    check_criteria(criteria, criteria_schema)


@pytest.mark.parametrize(
    ("path", "value", "received", "remedy"),
    [
        (["C2", "phase_indx"], 0.8, "'phase_indx'", "phase_index"),
        (["C1", "share"], 1.5, "1.5 is greater", "schema"),
        (["reproduction", "quantities", "f_max"], {}, "not valid", "schema"),
    ],
)
def test_bad_criteria_are_named(criteria, criteria_schema, path, value, received, remedy):
    changed = copy.deepcopy(criteria)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(UserError) as error:
        check_criteria(changed, criteria_schema)
    assert received in error.value.received
    assert remedy in error.value.remedy


def test_every_object_of_the_schemas_is_closed(schema, criteria_schema):
    def objects(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for value in node.values():
                yield from objects(value)

    for whole in (schema, criteria_schema):
        assert all("additionalProperties" in node for node in objects(whole))


@pytest.mark.parametrize(
    ("path", "value", "received", "remedy"),
    [
        (["sede"], 1, "'sede'", "seed"),
        (["synthesis", "gird"], [0.1], "'gird'", "grid"),
        (["units", "perlayer"], 3, "'perlayer'", "per_layer"),
        (["layers", "vgg9"], ["conv1_1"], "'vgg9'", "vgg19"),
        (["layers", "vgg19"], ["conv3_11"], "'conv3_11'", "conv3_1"),
        (["units", "include", "vgg19", "conv3_1"], [256], "256", "range"),
        (["synthesis", "images"], 1, "1 is less than the minimum of 2", "schema"),
        (
            ["invariance", "families"],
            ["all-shifts", "deformation"],
            "'deformation'",
            "deformations",
        ),
        (["invariance", "families"], ["deformations"], "none", "add it"),
        (["invariance", "delta"], [1, 3], "[1, 3]", "add it"),
        (["invariance", "repeats"], 1, "1", "ask for 2"),
        (["distances"], ["vgg19", "conv1_2"], "conv1_2", "add it"),
        (["seed"], "zero", "not of type 'integer'", "schema"),
        (["pairs"], [[["vgg19", "conv2_2"], ["resnet50", "layer9"]]], "layer9", "add it"),
        (["pairs"], [[["vgg19", "conv2_2"], ["vgg19", "conv2_2"]]], "twice", "drop it"),
        (["pairs"], [[["vgg19", "conv2_2"]]], "too short", "schema"),
        (["reference"], "quick", "'quick'", "committed"),
    ],
)
def test_bad_values_are_named(config, schema, criteria, path, value, received, remedy):
    changed = copy.deepcopy(config)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(UserError) as error:
        check(changed, schema, criteria)
    assert received in error.value.received
    assert remedy in error.value.remedy


def test_missing_key_is_named(config, schema, criteria):
    del config["natural"]
    with pytest.raises(UserError, match="'natural'"):
        check(config, schema, criteria)
