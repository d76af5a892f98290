"""The contract of units, its probe, and where distances are measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from diversevis.errors import UserError
from diversevis.networks.trunk import load_trunk
from diversevis.synthesis.diverse import diverse_sets
from diversevis.units.contract import (
    Units,
    check_distance,
    check_units,
    default_distance,
    placement,
    stage,
)
from diversevis.units.patches import patch_norm


class Means(nn.Module):
    """The smallest module that keeps the contract."""

    network, layer, size, channels, earlier_layers = "toy", "mean", 4, 3, ()

    def respond(self, patches, tap="pixels"):
        return patches.mean((2, 3)), patches


def test_what_keeps_the_contract_passes():
    assert isinstance(Means(), Units)
    check_units(Means())
    check_units(load_trunk("resnet50", "layer1.0"))


class Plain:
    """Units that are no module, and so have no `to` of their own."""

    network, layer, size, channels, earlier_layers = "toy", "plain", 4, 2, ()

    def __init__(self) -> None:
        filters = torch.randn(3 * 16, 2, generator=torch.Generator().manual_seed(0))
        self.filters = filters / filters.norm(dim=0)

    def respond(self, patches, tap="pixels"):
        return patches.flatten(1) @ self.filters, patches


class Movable(Plain):
    def to(self, dtype):
        self.filters = self.filters.to(dtype)
        return self


class Stuck(Plain):
    """Says that it changed its dtype, and did not."""

    def to(self, dtype):
        return self


def test_units_without_to_are_refused():
    assert not isinstance(Plain(), Units)
    with pytest.raises(UserError) as error:
        diverse_sets(Plain(), [0], images=1)
    assert error.value.expected == "Plain to have an attribute 'to'"
    assert error.value.received == "none"
    assert "diversevis.units.contract.Units" in error.value.remedy


def test_what_passes_works_in_bfloat16():
    units = Movable()
    check_units(units)
    assert units.filters.dtype == torch.float32, "the probe leaves the units alone"
    for precision in (None, "bfloat16"):
        sets = diverse_sets(units, [0, 1], images=2, precision=precision)
        best = units.filters.T * patch_norm(4)
        cosine = torch.cosine_similarity(sets.images.flatten(2), best[:, None], dim=2)
        # bfloat16 has eight bits: directions of gradients are as exact.
        assert (cosine > (0.9999 if precision is None else 0.999)).all()
        assert sets.activations.dtype == torch.float32


def test_units_that_do_not_change_their_dtype_are_refused():
    check_units(Stuck(), dtype=None)
    with pytest.raises(UserError, match=r"a copy that responds in torch.bfloat16"):
        check_units(Stuck())


def changed(**attributes) -> Means:
    units = Means()
    for name, value in attributes.items():
        setattr(units, name, value)
    return units


def half() -> Means:
    units = Means()
    units.register_buffer("scale", torch.ones(1, dtype=torch.float16))
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
        # Neighbours: less their mean, the one before, only in a map, only where there are three.
        (changed(respond=lambda x, tap=None: ((x - x.mean(0)).mean((2, 3)), x)), "neighbours"),
        (changed(respond=lambda x, tap=None: (x.roll(1, 0).mean((2, 3)), x)), "neighbours"),
        (
            changed(
                earlier_layers=("a",),
                respond=lambda x, tap=None: (x.mean((2, 3)), x - x.mean(0) * (tap == "a")),
            ),
            "neighbours\n.*a that differ",
        ),
        (
            changed(respond=lambda x, tap=None: (x.mean((2, 3)) + (len(x) > 2), x)),
            "neighbours\n.*responses that differ",
        ),
        (changed(size=4.0), "a whole number above zero as 'size'"),
        (changed(channels=True), "a whole number above zero as 'channels'"),
        (half(), "float32 or float64"),
    ],
)
def test_probe_names_what_failed(units, message):
    with pytest.raises(UserError, match=message):
        check_units(units)


def test_what_depends_on_neighbours_by_rounding_alone_passes():
    """Real layers round otherwise in batches of other sizes."""
    check_units(load_trunk("vgg19", "conv3_1"))
    check_units(changed(respond=lambda x, tap=None: (x.mean((2, 3)) * (1 + 1e-7 * len(x)), x)))


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
