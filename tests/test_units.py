"""The contract of units, its probe, and where distances are measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from diversevis.errors import UserError
from diversevis.networks.trunk import load_trunk
from diversevis.units import Units, check_distance, check_units, default_distance, placement, stage


class Means(nn.Module):
    """The smallest thing that keeps the contract."""

    network, layer, size, channels, earlier_layers = "toy", "mean", 4, 3, ()

    def respond(self, patches, tap="pixels"):
        return patches.mean((2, 3)), patches


def test_what_keeps_the_contract_passes():
    assert isinstance(Means(), Units)
    check_units(Means())
    check_units(load_trunk("resnet50", "layer1.0"))


def changed(**attributes) -> Means:
    units = Means()
    for name, value in attributes.items():
        setattr(units, name, value)
    return units


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (object(), "an attribute 'network'"),
        (changed(channels=5), r"responses \(2, 5\)"),
        (changed(respond=lambda x, tap=None: (x.mean((2, 3)).detach(), x)), "differentiable"),
        (changed(respond=lambda x, tap=None: (x.mean((2, 3)) / 0, x)), "finite"),
        (changed(respond=lambda x, tap=None: (x.mean((2, 3)), x[:, :1])), "pixels"),
        (
            changed(
                earlier_layers=("a",),
                respond=lambda x, tap=None: (x.mean((2, 3)), x if tap != "a" else x[:1]),
            ),
            "a map of a for each patch",
        ),
    ],
)
def test_probe_names_what_failed(units, message):
    with pytest.raises(UserError, match=message):
        check_units(units)


def test_placement_follows_the_tensors():
    assert placement(load_trunk("vgg19", "conv1_1", dtype=torch.float64))[1] == torch.float64
    assert placement(Means()) == (torch.device("cpu"), torch.float32)


@pytest.mark.parametrize(
    ("name", "layer", "distance"),
    [
        ("vgg19", "conv1_1", "pixels"),
        ("vgg19", "conv1_2", "pixels"),
        ("vgg19", "conv2_2", "conv1_2"),
        ("vgg19", "conv3_1", "conv2_2"),
        ("vgg19", "conv3_4", "conv2_2"),
        ("resnet50", "conv1", "pixels"),
        ("resnet50", "layer1.2", "conv1"),
        ("resnet50", "layer2.0", "layer1.2"),
    ],
)
def test_default_distance_ends_the_stage_before(name, layer, distance):
    assert default_distance(load_trunk(name, layer)) == distance


def test_stage():
    assert [stage(name) for name in ("conv1", "conv3_1", "layer1.2")] == [
        "conv1",
        "conv3",
        "layer1",
    ]


def test_distance_must_come_before_the_target():
    trunk = load_trunk("vgg19", "conv2_1")
    assert check_distance(trunk, "conv1_2") == "conv1_2"
    for name in ("conv2_1", "conv2_2", "nonsense"):
        with pytest.raises(UserError, match="pixels, conv1_1, conv1_2"):
            check_distance(trunk, name)
