"""What figures read."""

from __future__ import annotations

import numpy as np
import pytest

from diversevis.errors import UserError
from diversevis.figures.data import evenly, load_layer, load_layers, load_sets


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


def test_sets_come_without_natural_patches(files):
    sets = load_sets("controls", "simple", files[0])
    layer = load_layer("controls", "simple", *files[:2])
    for name, value in vars(sets).items():
        np.testing.assert_array_equal(getattr(layer, name), value)
    assert [sets.place(4), sets.place(7), sets.place(5)] == [0, 1, None]


def test_takes_channels_in_order(files):
    sets = load_sets("vgg19", "conv3_1", files[0]).take([7, 4])
    assert sets.channels.tolist() == [7, 4]
    assert sets.selected.tolist() == [False, True]
    np.testing.assert_array_equal(sets.restarts, files[2]["images"][0, ::-1])


def test_layers_have_their_own_files(files, tmp_path):
    sweep = {**files[2], "channels": np.array([1, 2])}
    np.savez(tmp_path / "other.npz", **sweep)
    layers = load_layers(
        [("vgg19", "conv3_1"), ("resnet50", "layer1.0")],
        [files[0], tmp_path / "other.npz"],
        [files[1]] * 2,
    )
    assert [layer.network for layer in layers] == ["vgg19", "resnet50"]
    assert [layer.channels.tolist() for layer in layers] == [[4, 7], [1, 2]]


@pytest.mark.parametrize(
    ("count", "most", "places"),
    [(0, 3, []), (2, 3, [0, 1]), (6, 6, [0, 1, 2, 3, 4, 5]), (9, 3, [0, 4, 8]), (5, 1, [0])],
)
def test_evenly_spaced_places(count, most, places):
    assert evenly(count, most) == places
