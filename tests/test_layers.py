"""Layers by name."""

from __future__ import annotations

import pytest

from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.layers import best_natural_patches, load_units
from diversevis.networks.trunk import Trunk


def test_networks_and_controls_by_name():
    assert isinstance(load_units("vgg19", "conv1_2"), Trunk)
    assert isinstance(load_units("controls", "complex"), Controls)
    with pytest.raises(UserError, match="deformable"):
        load_units("controls", "deformabel")


def test_natural_patches_belong_to_their_channels():
    units = load_units("vgg19", "conv1_2")
    patches = best_natural_patches(units, [3, 50], count=200, seed=0)
    assert patches.shape == (2, 3, 5, 5)
    swapped = best_natural_patches(units, [50, 3], count=200, seed=0)
    assert (patches.flip(0) == swapped).all()
    assert best_natural_patches(Controls("simple"), [0], count=5, seed=0) is None
