"""A trunk equals the whole padded network, and its geometry the published one."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
import torchvision
from torch import nn

from diversevis.errors import UserError
from diversevis.networks.architectures import BUILDERS
from diversevis.networks.registry import NETWORKS, get_network
from diversevis.networks.store import load_weights
from diversevis.networks.trunk import (
    build_trunk,
    find_layer,
    layers,
    load_trunk,
    walk,
)
from diversevis.units.contract import PIXELS, Units

PUBLISHED_SIZES = {
    "vgg19": {
        "conv1_1": 3,
        "conv1_2": 5,
        "conv2_1": 10,
        "conv2_2": 14,
        "conv3_1": 24,
        "conv3_2": 32,
        "conv3_3": 40,
        "conv3_4": 48,
        "conv4_1": 68,
    },
    "resnet50": {"conv1": 7, "layer1.0": 19, "layer1.1": 27, "layer1.2": 35, "layer2.0": 51},
    "resnet50-torchvision": {"layer1.2": 35, "layer2.0": 43},
}
TO_COMPARE = [
    (name, layer)
    for family in ("vgg19", "resnet50")
    for layer in PUBLISHED_SIZES[family]
    for name in (family, f"{family}-torchvision")
] + [("vgg19+positions", "conv3_1"), ("resnet50+he", "layer1.1")]
# Float64 rounding through at most 13 layers stays far below this; a misplaced pixel is far above.
EXACT = 1e-9


def whole(network) -> nn.Module:
    """Return torchvision's own network, head and all, in place of ours."""
    with mock.patch.dict(BUILDERS, clear=True):
        return network.build()


def random_module(network) -> nn.Module:
    """Return the architecture with random weights and batch norms that have seen something."""
    torch.manual_seed(0)
    module = whole(network).to_empty(device="cpu").double()
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.1)
    return module.eval()


@pytest.fixture(scope="module")
def modules():
    """Return each network's whole torchvision module in float64, built once."""
    built = {}

    def get(name: str) -> nn.Module:
        if name not in built:
            network = get_network(name)
            if name.endswith("-torchvision"):
                built[name] = random_module(network)
            else:
                module = whole(network)
                module.load_state_dict(load_weights(name)[0], strict=False, assign=True)
                # Layers behind the trunk stay without weights: nothing is computed there.
                built[name] = module
        return built[name]

    return get


def padded_response(module: nn.Module, layer: str, image: torch.Tensor) -> torch.Tensor:
    """Return a layer's map before its ReLU, by the whole padded network's own forward pass."""
    caught = {}

    class Reached(Exception):  # noqa: N818 - control flow: later layers have no weights
        pass

    def catch(_module, inputs, output):
        caught["map"] = output.clone()
        raise Reached

    if hasattr(module, "features"):
        names = [step.layer for step in walk(module) if step.layer]
        convolutions = [m for m in module.features if isinstance(m, nn.Conv2d)]
        handle = convolutions[names.index(layer)].register_forward_hook(catch)
    elif layer == "conv1":
        handle = module.bn1.register_forward_hook(catch)
    else:
        stage, index = layer.split(".")
        # The block's ReLU module runs after every convolution: the sum enters its last call.
        block = getattr(module, stage)[int(index)]
        calls = []

        def before_relu(_module, inputs):
            calls.append(None)
            if len(calls) == 3:
                caught["map"] = inputs[0].clone()
                raise Reached

        handle = block.relu.register_forward_pre_hook(before_relu)
    with torch.no_grad(), pytest.raises(Reached):
        module(image)
    handle.remove()
    return caught["map"]


@pytest.mark.parametrize(("name", "layer"), TO_COMPARE)
def test_equals_padded_network_at_interior_positions(name, layer, modules):
    network, module = get_network(name), modules(name)
    module = module.double()
    trunk = build_trunk(module, layer, network=network)
    geometry = trunk.geometry
    side = 2 * geometry.size + 17  # odd, so that strides do not divide it
    torch.manual_seed(1)
    image = torch.randn(1, 3, side, side, dtype=torch.float64) * 50
    scale, shift = (
        torch.tensor(values, dtype=torch.float64)[:, None, None]
        for values in (network.scale, network.shift)
    )
    whole = padded_response(module, layer, image * scale + shift)
    starts = [geometry.start + i * geometry.jump for i in range(whole.shape[-1])]
    inside = [i for i, s in enumerate(starts) if s >= 0 and s + geometry.size <= side]
    assert len(inside) >= 2
    middle = inside[len(inside) // 2]
    chosen = [(inside[0], inside[-1]), (middle, inside[0]), (middle, middle + 1)]
    patches = torch.cat(
        [
            image[..., starts[i] : starts[i] + trunk.size, starts[j] : starts[j] + trunk.size]
            for i, j in chosen
        ]
    )
    expected = torch.stack([whole[0, :, i, j] for i, j in chosen])
    difference = (trunk(patches) - expected).abs().max()
    assert difference <= EXACT * expected.abs().max().clamp(min=1)


@pytest.mark.parametrize(
    ("name", "layer", "size"),
    [(n, layer, s) for n, sizes in PUBLISHED_SIZES.items() for layer, s in sizes.items()],
)
def test_receptive_fields_are_the_published_ones(name, layer, size):
    assert find_layer(get_network(name), layer).geometry.size == size


@pytest.mark.parametrize("name", list(NETWORKS))
def test_patch_of_receptive_field_gives_one_position_and_smaller_none(name, modules):
    network = get_network(name)
    layer = layers(network)[3].layer
    trunk = build_trunk(modules(name), layer, network=network)
    patch = torch.zeros(2, 3, trunk.size, trunk.size, dtype=torch.float64)
    assert trunk(patch).shape == (2, trunk.channels)
    with pytest.raises(UserError, match=rf"\[N, 3, {trunk.size}, {trunk.size}\]"):
        trunk(patch[..., 1:, 1:])


def test_tap_is_the_map_after_its_relu():
    trunk = load_trunk("vgg19", "conv3_1")
    x = torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 50
    response, features = trunk.respond(x, "conv2_2")
    inner = load_trunk("vgg19", "conv2_2")
    assert features.shape == (2, 128, 6, 6)
    assert features.min() == 0
    # Top left position of the map: its own trunk on the top left corner; float32 rounding.
    torch.testing.assert_close(features[..., 0, 0], inner(x[..., :14, :14]).relu())
    torch.testing.assert_close(response, trunk(x), rtol=0, atol=0)
    assert trunk.respond(x, PIXELS)[1] is x


@pytest.mark.parametrize(
    "patches",
    [
        torch.zeros(2, 3, 6, 6),
        torch.zeros(2, 3, 4, 4),
        torch.zeros(2, 1, 5, 5),
        torch.zeros(3, 5, 5),
        [[0.0]],
    ],
)
def test_patches_of_another_shape_are_refused(patches):
    """A larger one would give a map, flattened as if its positions were units."""
    with pytest.raises(UserError, match=r"patches for vgg19 conv1_2 of shape \[N, 3, 5, 5\]"):
        load_trunk("vgg19", "conv1_2").respond(patches)


@pytest.mark.parametrize("tap", ["conv9_9", "conv1_2", "", None])
def test_a_tap_that_is_not_there_is_refused(tap):
    with pytest.raises(UserError, match="before conv1_2, or pixels"):
        load_trunk("vgg19", "conv1_2").respond(torch.zeros(1, 3, 5, 5), tap)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": 5}, "the name of a network"),
        ({"network": ["vgg19"]}, "the name of a network"),
        ({"dtype": torch.float16}, "one of torch.float32"),
        ({"layer": ["conv1_1"]}, "the name of a layer"),
        ({"device": "cuda:99"}, "a CUDA device for cuda:99"),
        ({"device": torch.device("cuda:99")}, "a CUDA device for cuda:99"),
        ({"device": 0}, "the name of a device"),
        ({"dtype": "float32"}, "one of torch.float32"),
        ({"dtype": torch.int64}, "one of torch.float32"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(UserError, match=message):
        load_trunk(**{"network": "vgg19", "layer": "conv1_1", **change})


def test_trunk_offers_the_contract():
    trunk = load_trunk("resnet50", "layer1.1")
    assert isinstance(trunk, Units)
    assert trunk.earlier_layers == ("conv1", "layer1.0")
    assert (trunk.size, trunk.channels) == (27, 256)


def test_unknown_layer_names_the_nearest():
    with pytest.raises(UserError, match="conv3_1"):
        load_trunk("vgg19", "conv31")


@pytest.mark.parametrize("architecture", ["vgg11_bn", "alexnet", "resnet18", "resnext50_32x4d"])
def test_other_architectures_equal_their_padded_selves(architecture):
    """Any VGG- or ResNet-like network works: batch norms, groups, two-convolution blocks."""
    torch.manual_seed(0)
    module = getattr(torchvision.models, architecture)(weights=None).double().eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    names = [step.layer for step in walk(module) if step.layer]
    layer = "layer2.0" if "layer2.0" in names else "conv2_1"
    last = names.index(layer)
    unit_input = type("Entry", (), {"scale": (1, 1, 1), "shift": (0, 0, 0), "name": architecture})
    trunk = build_trunk(module, layer, network=unit_input)
    geometry = trunk.geometry
    side = 3 * geometry.size + 32  # the last poolings want something left
    image = torch.randn(1, 3, side, side, dtype=torch.float64)
    whole = _hooked(module, layer, last, image)
    i = next(i for i in range(99) if geometry.start + i * geometry.jump >= 0)
    at = geometry.start + i * geometry.jump
    patch = image[..., at : at + trunk.size, at : at + trunk.size]
    torch.testing.assert_close(trunk(patch)[0], whole[0, :, i, i], rtol=EXACT, atol=EXACT)


def _hooked(module, layer, index, image):
    caught = []
    if layer.startswith("layer"):
        block = module.layer2[0]
        convolutions = [c for c in block.children() if isinstance(c, nn.Conv2d)]
        handle = block.relu.register_forward_pre_hook(lambda _m, x: caught.append(x[0].clone()))
        which = len(convolutions) - 1
    else:
        ends = [m for m in module.features if isinstance(m, nn.BatchNorm2d)] or [
            m for m in module.features if isinstance(m, nn.Conv2d)
        ]
        handle = ends[index].register_forward_hook(lambda _m, _x, y: caught.append(y.clone()))
        which = 0
    with torch.no_grad():
        module.features(image) if hasattr(module, "features") else module(image)
    handle.remove()
    return caught[which]
