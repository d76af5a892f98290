"""Every figure of a run, from files to files."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.nulls import null_table
from diversevis.analysis.prediction import prediction_table
from diversevis.analysis.sizes import size_table
from diversevis.results.natural import NaturalResult
from diversevis.results.sets import SweepResult

FIGURES = {
    "controls_and_restarts": "controls control_indices sweeps units quantities",
    "distances": "features pixels table",
    "tradeoff": "sweeps_table",
    "gallery": "sweeps natural",
    "phase": "arrays tests units layers quantities",
    "deformations": "arrays tests units indices quantities",
    "comparison": "units layers pairs quantities",
    "natural": "sweeps natural",
    "nulls": "units nulls quantities",
    "contrast": "own_tests units quantities",
    "variation": "units control_indices",
    "sizes": "units sizes quantities",
    "prediction": "units prediction quantities",
    "most_invariant": "arrays tests sweeps units quantities",
    "controls": "control_tests control_indices",
    "sheets": "sweep units quantities",
}
SETTINGS = {
    "fraction": {"controls_and_restarts", "distances", "tradeoff", "gallery", "natural"},
    "criteria": {"phase", "comparison", "nulls", "variation", "most_invariant", "controls"},
}


@pytest.fixture
def reads(
    make_sets,
    make_measured,
    make_units,
    make_indices,
    make_tests,
    medians,
    registry,
    criteria,
    sweeps,
    tmp_path,
):
    """Small files of a run: one layer, and a kind of control."""
    channels = 100 + np.arange(2)

    def path(name):
        return tmp_path / name

    def sweep(network, layer):
        sets = replace(make_sets(), network=network, layer=layer, channels=channels)
        levels = (sets, replace(sets, diversity=np.full(2, 0.1)))
        result = SweepResult(levels, np.array([0.0, 0.1]), np.array([1, 0]), np.zeros(2, bool))
        result.save(path(f"{layer}.npz"), path(f"{layer}.csv"))
        return path(f"{layer}.npz")

    def tests(network, layer):
        made = make_measured(2, network, layer)
        names = "npz", "tests.csv", "peaks.csv", "families.json"
        made.save(*(path(f"{layer}-tests.{name}") for name in names))
        return made, path(f"{layer}-tests.npz")

    def table(name, content):
        content.to_csv(path(f"{name}.csv"), index=False)
        return path(f"{name}.csv")

    levels = np.linspace(0, 1, 3)
    best = np.zeros((102, 3, 5, 5), np.float32)
    places, top = np.zeros((102, 2, 3), int), np.ones((102, 2))
    quantiles = np.tile(levels, (102, 1))
    natural = NaturalResult("vgg19", "conv3_1", best, places, top, quantiles, levels, 9)
    natural.save(path("natural.npz"))
    layer, saved = tests("vgg19", "conv3_1")
    control, control_saved = tests("controls", "simple")
    units = make_units(layer).assign(distance_ratio=2.0)
    registry.save(path("quantities.csv"))
    names = pd.DataFrame({"name": ["vgg19", "resnet50"], "title": ["VGG-19", "ResNet-50"]})
    pair = ["vgg19", "conv3_1", "vgg19", "conv3_1", "phase_above", 0.5, 0.1, 0.0, 0.2, False]
    columns = ["first_network", "first_layer", "second_network", "second_layer", "quantity"]
    columns += ["p_holm", "cliffs_delta", "low", "high", "differs"]
    ratios = ["activation_ratio", "pixel_ratio", "feature_ratio"]
    numbers = ["mean_activation", "pixel_distance", "feature_distance", *ratios]
    sets = [(c, kind, "conv2_2", *[1.0] * 6) for c in channels for kind in ("restarts", "pixels")]
    arrays = sweep("vgg19", "conv3_1")
    with_null = pd.concat([units, units.assign(network="vgg19+he")]).fillna({"left_out": ""})
    return {
        "controls": [sweep("controls", "simple")],
        "control_indices": table("control_indices", make_indices(make_units(control))),
        "control_tests": [control_saved],
        "sweeps": [arrays],
        "sweep": arrays,
        "features": arrays,
        "pixels": arrays,
        "natural": [path("natural.npz")],
        "arrays": [saved],
        "tests": table("tests", make_tests(layer)),
        "units": table("units", units),
        "layers": table("layers", medians(units, "phase_index", "phase_above")),
        "indices": table("indices", make_indices(units)),
        "pairs": table("pairs", pd.DataFrame([pair], columns=columns)),
        "table": table(
            "distances", pd.DataFrame(sets, columns=["channel", "set", "features", *numbers])
        ),
        "sweeps_table": table("sweeps", sweeps),
        "own_tests": [saved],
        "sizes": table("sizes", size_table(units, [], ["phase_above"], resamples=9)),
        "prediction": table("prediction", prediction_table(units, 2.0, resamples=9)),
        "nulls": table("nulls", null_table(with_null, criteria["second"]["C5"])),
        "quantities": path("quantities.csv"),
        "networks": table("networks", names),
    }


@pytest.mark.parametrize("name", FIGURES)
def test_draws_from_files_to_files(name, reads, criteria, tmp_path):
    module = importlib.import_module(f"diversevis.figures.{name}")
    own = {key: reads[key] for key in (*FIGURES[name].split(), "networks")}
    renamed = {"sweeps_table": "sweeps", "control_tests": "tests", "own_tests": "tests"}
    own = {renamed.get(key, key): value for key, value in own.items()}
    values = {"fraction": 0.9, "criteria": criteria}
    settings = {key: values[key] for key, users in SETTINGS.items() if name in users}
    kinds = ("pdf",) if name == "sheets" else ("png", "pdf")
    writes = {kind: tmp_path / f"figures/{name}.{kind}" for kind in kinds}
    assert module.run(own, writes, **settings) is None
    starts = {"png": b"\x89PNG", "pdf": b"%PDF"}
    for kind, path in writes.items():
        assert path.read_bytes().startswith(starts[kind])
