"""What figures read."""

from __future__ import annotations

import numpy as np
import pytest

from diversevis.errors import UserError
from diversevis.figures.data import load_layer


@pytest.fixture
def files(tmp_path):
    levels, units, n = 3, 2, 4
    rng = np.random.default_rng(0)
    sweep = {
        "images": rng.normal(size=(levels, units, n, 3, 5, 5)).astype(np.float32),
        "activations": rng.normal(size=(levels, units, n)),
        "min_distance": rng.normal(size=(levels, units)),
        "channels": np.array([4, 7]),
        "diversity": np.zeros((levels, units)),
        "relative": np.array([0.0, 0.1, 0.3]),
        "selected": np.array([2, 0]),
    }
    natural = {
        "best": rng.normal(size=(8, 3, 5, 5)),
        "quantiles": np.arange(24.0).reshape(8, 3),
        "levels": np.array([0.0, 0.5, 1.0]),
        "count": np.array(100),
    }
    np.savez(tmp_path / "sweep.npz", **sweep)
    np.savez(tmp_path / "natural.npz", **natural)
    return tmp_path / "sweep.npz", tmp_path / "natural.npz", sweep, natural


def test_each_unit_has_its_own_level_and_channel(files):
    *paths, sweep, natural = files
    layer = load_layer("vgg19", "conv3_1", *paths)
    assert (layer.network, layer.layer, layer.size) == ("vgg19", "conv3_1", 5)
    np.testing.assert_array_equal(layer.restarts, sweep["images"][0])
    np.testing.assert_array_equal(layer.restart_distance, sweep["min_distance"][0])
    for unit, level in enumerate((2, 0)):
        np.testing.assert_array_equal(layer.diverse[unit], sweep["images"][level, unit])
        activations = sweep["activations"][level, unit]
        np.testing.assert_array_equal(layer.diverse_activations[unit], activations)
        assert layer.diverse_distance[unit] == sweep["min_distance"][level, unit]
    assert layer.relative_diversity.tolist() == [0.3, 0.0]
    assert layer.selected.tolist() == [True, False]
    np.testing.assert_array_equal(layer.natural, natural["best"][[4, 7]])
    assert layer.natural_best.tolist() == [14.0, 23.0]
    assert layer.natural_at(0.75).tolist() == [13.5, 22.5]


def test_files_of_different_layers_are_refused(files):
    sweep_path, natural_path, sweep, _ = files
    np.savez(sweep_path, **{**sweep, "channels": np.array([4, 8])})
    with pytest.raises(UserError, match="channels 0 to 7"):
        load_layer("vgg19", "conv3_1", sweep_path, natural_path)
