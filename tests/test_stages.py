"""Stages of a run: the smallest layers, and what the command leaves to the workflow."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from diversevis.errors import UserError
from diversevis.stages import may_keep, read_config, stages

CONFIG = {
    "scale": "few",
    "seed": 0,
    "device": "cpu",
    "layers": {"vgg19": ["conv1_1", "conv1_2"]},
    "pairs": [],
    "distances": ["vgg19", "conv1_2"],
    "reference": None,
    "units": {"per_layer": 2, "include": {"vgg19": {"conv1_2": [5]}}},
    "synthesis": {
        "images": 2,
        "grid": [0.1],
        "fraction": 0.9,
        "schedule": "fast",
        "steps": 5,
        "precision": "float32",
    },
    "natural": {"patches": 50},
    "invariance": {
        "families": ["all-shifts", "shifts", "deformations"],
        "delta": [1, 2],
        "learn_masks": False,
        "schedule": "fast",
        "steps": 4,
        "control_steps": 2,
        "starts": 2,
        "trial_steps": 2,
        "per_step": 4,
        "training": 8,
        "held_out": 8,
        "peak_steps": 5,
        "precision": "float32",
        "repeats": 2,
        "repeat_delta": [2],
    },
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """All stages of two layers, one of which is too small for any family."""
    root = tmp_path_factory.mktemp("stages")
    for stage in stages(CONFIG, root):
        if "controls" in stage.files[0].parts:  # the workflow's test has them
            continue
        for path in stage.files:
            path.parent.mkdir(parents=True, exist_ok=True)
        stage.compute()
        assert all(path.exists() for path in stage.files)
    return root


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_layers_that_are_too_small_for_a_family_have_no_rows_of_it(root):
    tests = {
        layer: rows(root / "invariance/vgg19" / layer / "seed-0/invariance.csv")
        for layer in ("conv1_1", "conv1_2")
    }
    assert tests["conv1_1"] == []
    assert {row["family"] for row in tests["conv1_2"]} == {"all-shifts", "shifts"}
    record = json.loads((root / "invariance/vgg19/conv1_1/seed-0/provenance.json").read_text())
    assert set(record["settings"]["families_left_out"]) == {"all-shifts", "shifts", "deformations"}
    assert rows(root / "stability/vgg19/conv1_2.csv") == []
    assert len(rows(root / "gratings/vgg19/conv1_1.csv")) == 2


def test_repetitions_have_other_seeds_and_fewer_displacements(root):
    first, second = (
        rows(root / f"invariance/vgg19/conv1_2/seed-{repeat}/invariance.csv") for repeat in (0, 1)
    )
    assert {row["seed"] for row in first} == {"0"}
    assert {row["seed"] for row in second} == {"1"}
    strengths = [
        {float(row["delta"]) for row in table if row["family"] == "shifts"}
        for table in (first, second)
    ]
    assert strengths == [{1.0, 2.0}, {2.0}]
    assert [row["channel"] for row in first[:2]] == [row["channel"] for row in second[:2]]


def test_pixel_sets_are_of_the_same_units(root):
    with (
        np.load(root / "distances/sweep.npz") as pixels,
        np.load(root / "synthesis/vgg19/conv1_2/sweep.npz") as features,
    ):
        assert 5 in pixels["channels"]
        np.testing.assert_array_equal(pixels["channels"], features["channels"])
    record = json.loads((root / "distances/provenance.json").read_text())
    assert record["settings"]["distance"] == "pixels"


def test_configuration_from_json_with_other_weights(tmp_path):
    path = tmp_path / "few.json"
    path.write_text(json.dumps({**CONFIG, "weights": "torchvision"}))
    config = read_config(path)
    assert config["scale"] == "few-torchvision"
    assert list(config["layers"]) == ["vgg19-torchvision"]
    assert config["distances"] == ["vgg19-torchvision", "conv1_2"]
    assert config["units"]["include"] == {"vgg19-torchvision": {"conv1_2": [5]}}


def test_results_are_kept_only_of_the_same_configuration(tmp_path):
    assert not may_keep(CONFIG, tmp_path / "few")
    assert may_keep({**CONFIG, "device": "cuda"}, tmp_path / "few")
    with pytest.raises(UserError, match="of another"):
        may_keep({**CONFIG, "seed": 1}, tmp_path / "few")


@pytest.mark.parametrize(("name", "text"), [("bad.json", "{"), ("bad.yaml", "a: [")])
def test_malformed_configurations_are_named(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=name):
        read_config(tmp_path / name)


def test_missing_configuration_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml"):
        read_config(tmp_path / "none.yaml")
