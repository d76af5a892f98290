"""The estimate of what a patch costs."""

from __future__ import annotations

import torch

from diversevis.networks.trunk import load_trunk
from diversevis.optimisation.memory import bytes_per_patch


def estimate(layer: str, dtype: torch.dtype = torch.float32) -> int:
    trunk = load_trunk("vgg19", layer, dtype=dtype)
    return bytes_per_patch(trunk, torch.zeros(1, 3, trunk.size, trunk.size, dtype=dtype))


def test_maps_of_the_way_are_counted_once_and_weights_not_at_all():
    trunk = load_trunk("vgg19", "conv1_2")
    pixels = 3 * trunk.size**2
    maps = 64 * 3 * 3  # conv1_1's, rectified in place; the response itself is not kept
    counted = estimate("conv1_2")
    # Forward and backward: at least every kept map; not ten times as much, as weights would be.
    assert 4 * (pixels + maps) < counted < 40 * (pixels + maps)


def test_grows_with_depth_and_falls_with_precision():
    assert estimate("conv2_2") > 2 * estimate("conv1_2")
    assert estimate("conv2_2", torch.bfloat16) < 0.75 * estimate("conv2_2")
