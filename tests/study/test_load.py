"""Layers by name."""

from __future__ import annotations

import pytest

from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.networks.trunk import Trunk
from diversevis.study.load import load_units


def test_networks_and_controls_by_name():
    assert isinstance(load_units("vgg19", "conv1_2"), Trunk)
    assert isinstance(load_units("controls", "complex"), Controls)
    with pytest.raises(UserError, match="deformable"):
        load_units("controls", "deformabel")
