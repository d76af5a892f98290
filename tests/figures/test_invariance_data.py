"""Tests of a layer as figures read them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diversevis.errors import UserError
from diversevis.figures.invariance_data import from_result, load_invariance, load_layers
from diversevis.invariance.indices import Invariance, arrays
from diversevis.invariance.peak import Peaks
from diversevis.invariance.transformation import FamilyResponses


@pytest.fixture
def result(make_measured):
    """What `make_measured` describes, as the tests return it."""
    layer = make_measured(2)
    families = tuple(
        FamilyResponses(
            data.family,
            data.delta,
            data.mask,
            *map(torch.as_tensor, (data.canvases, data.masks, data.responses)),
            torch.zeros(2),
            *map(torch.as_tensor, (data.surrogate, data.members)),
        )
        for data in layer.families
    )
    f_max = torch.as_tensor(layer.f_max)
    peaks = Peaks(torch.as_tensor(layer.best), f_max, f_max)
    return Invariance("vgg19", "conv3_1", layer.names, peaks, families, 0)


def test_files_and_memory_give_the_same(result, make_measured, tmp_path):
    np.savez(tmp_path / "canvases.npz", **arrays(result))
    expected = make_measured(2)
    for layer in (
        from_result(result),
        load_invariance("vgg19", "conv3_1", tmp_path / "canvases.npz"),
    ):
        assert (layer.network, layer.layer, layer.names) == ("vgg19", "conv3_1", ("100", "101"))
        assert layer.size == 10
        np.testing.assert_allclose(layer.f_max, [20, 40])
        np.testing.assert_array_equal(layer.best, expected.best)
        assert len(layer.families) == len(expected.families) == 6
        for data, other in zip(layer.families, expected.families, strict=True):
            assert (data.family, data.delta, data.mask) == (other.family, other.delta, other.mask)
            for name in ("canvases", "masks", "responses", "members", "surrogate"):
                np.testing.assert_allclose(getattr(data, name), getattr(other, name), rtol=1e-6)


def test_finds_families(make_measured):
    layer = make_measured(1)
    assert layer.find("all-shifts").mask == "fixed"
    assert layer.find("all-shifts", mask="learned").mask == "learned"
    assert layer.find("deformations", 2.0).canvases.shape[-1] > 10
    assert layer.find("deformations", 3.0) is None
    assert layer.deltas("shifts") == [1, 2]
    assert make_measured(1, families=("all-shifts",)).deltas("shifts") == []


def test_responses_are_relative_to_the_best(make_measured, make_units, never_driven):
    layer = make_measured(2)
    relative = layer.relative(layer.find("shifts", 1.0))
    np.testing.assert_allclose(relative, np.tile(np.linspace(1, 0.5, 12), (2, 1)))
    layer, _ = never_driven(layer, make_units(layer), 1)
    relative = layer.relative(layer.find("shifts", 1.0))
    assert layer.driven.tolist() == [True, False]
    assert np.isnan(relative[1]).all()
    assert not np.isnan(relative[0]).any()


def test_says_which_array_a_file_lacks(result, tmp_path):
    content = arrays(result)
    del content["shifts-1/mask"]
    np.savez(tmp_path / "canvases.npz", **content)
    with pytest.raises(UserError, match="shifts-1/mask"):
        load_invariance("vgg19", "conv3_1", tmp_path / "canvases.npz")


def test_layers_have_their_own_files(result, tmp_path):
    content = arrays(result)
    for name, f_max in (("one", 1.0), ("two", 2.0)):
        np.savez(tmp_path / f"{name}.npz", **{**content, "f_max": np.full(2, f_max)})
    names = [("vgg19", "conv3_1"), ("resnet50", "layer1.1")]
    layers = load_layers(names, [tmp_path / "one.npz", tmp_path / "two.npz"])
    assert [(layer.network, layer.layer) for layer in layers] == names
    assert [layer.f_max[0] for layer in layers] == [1, 2]
