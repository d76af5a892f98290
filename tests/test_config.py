"""Configurations: a misspelt key is named, with the nearest right one."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from diversevis.config import check
from diversevis.errors import UserError

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def schema():
    return yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config/quick.yaml").read_text())


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_configurations_of_the_repository_are_valid(path, schema):
    check(yaml.safe_load(path.read_text()), schema)


def test_every_object_of_the_schema_is_closed(schema):
    def objects(node):
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for value in node.values():
                yield from objects(value)

    assert all("additionalProperties" in node for node in objects(schema))


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
        (["layers", "vgg19"], ["conv1_2"], "5 px", "later layer"),
        (["seed"], "zero", "not of type 'integer'", "schema"),
    ],
)
def test_bad_values_are_named(config, schema, path, value, received, remedy):
    changed = copy.deepcopy(config)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with pytest.raises(UserError) as error:
        check(changed, schema)
    assert received in error.value.received
    assert remedy in error.value.remedy


def test_missing_key_is_named(config, schema):
    del config["natural"]
    with pytest.raises(UserError, match="'natural'"):
        check(config, schema)
