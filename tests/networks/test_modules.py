"""Units of any module respond as in the whole padded network, or are refused with what prevents it.

Positions and receptive fields of the whole networks are stated, not taken from the package.
"""

from __future__ import annotations

import copy
import os

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

import diversevis
from diversevis.errors import UserError
from diversevis.networks import self_check
from diversevis.networks.modules import from_module, layers, short_names
from diversevis.networks.registry import get_network
from diversevis.networks.traced import TracedTrunk
from diversevis.networks.trunk import build_trunk
from diversevis.networks.whole import WholeTrunk
from diversevis.units.contract import PIXELS, Units, check_units
from diversevis.units.patches import CHANNEL_MEANS

# Float64 rounding through at most 20 layers stays far below this; a misplaced pixel is far above.
EXACT = 1e-9
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Let no test profit from a check that another has passed."""
    own = tmp_path / "cache"
    monkeypatch.setattr(self_check, "cache_directory", lambda: own)
    return own


def seeded(build, *arguments, **settings) -> nn.Module:
    """Return a network with random weights and batch norms that have seen something."""
    torch.manual_seed(0)
    module = build(*arguments, **settings)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.1)
    return module.eval()


def whole_map(module, layer, images):
    """Return what a module in the whole network gives, by its own forward pass in float64."""
    caught = []
    handle = module.get_submodule(layer).register_forward_hook(
        lambda _m, _x, y: caught.append(y.clone())
    )
    with torch.no_grad():
        copy.deepcopy(module).double()(images)
    handle.remove()
    return caught[0]


def assert_equal(units, module, layer, *, start, wants, stride=None):
    """Compare units with the whole network at three places; position 0 begins at row `start`."""
    stride = stride or units.stride
    side = 2 * units.size + 61
    images = torch.randn(1, 3, side, side, dtype=torch.float64) * 50
    expected = whole_map(module, layer, wants(images))
    first = -(start // stride)
    places = [(first, first), (first + 1, first), (first, first + 3)]
    for i, j in places:
        rows, columns = start + i * stride, start + j * stride
        assert min(rows, columns) >= 0
        patch = images[..., rows : rows + units.size, columns : columns + units.size]
        ours, theirs = units(patch)[0], expected[0, :, i, j]
        assert (ours - theirs).abs().max() <= EXACT * theirs.abs().max()


def normalised(images):
    """Return RGB images as torchvision wants them, by its own formula."""
    means, mean, std = (
        torch.tensor(values, dtype=torch.float64)[:, None, None]
        for values in (CHANNEL_MEANS, MEAN, STD)
    )
    return ((images + means) / 255 - mean) / std


def rgb(module, layer, **settings):
    return from_module(module, layer, mean=MEAN, std=STD, dtype=torch.float64, **settings)


class Small(nn.Sequential):
    """Two strides and a pool: 15 px at `conv2`."""

    def __init__(self, *rest, **settings):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 2, 1, **settings)
        self.relu1 = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.conv2 = nn.Conv2d(4, 6, 3, 1, 1, **settings)
        for i, part in enumerate(rest):
            self.add_module(f"rest{i}", part)
        self.conv3 = nn.Conv2d(6, 5, 1)


SMALL_START = -1 - 2 - 4
"""Paddings times the strides before them: conv1, pool, conv2."""


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze, self.excite = nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * self.excite(self.squeeze(x)).sigmoid()


class Tokens(nn.Module):
    """As transformers see a map."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 7)

    def forward(self, x):
        return self.linear(x.mT.contiguous())


class Attention(nn.Module):
    def forward(self, x):
        tokens = x.flatten(2).mT
        return (tokens @ tokens.mT).softmax(-1).bmm(tokens).mT.reshape(x.shape)


class GatedBlock(BasicBlock):
    def __init__(self, inplanes, planes, *arguments, **settings):
        super().__init__(inplanes, planes, *arguments, **settings)
        self.gate = Gate(planes)

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(self.gate(y) + (x if self.downsample is None else self.downsample(x)))


# What the walkers of VGG- and ResNet-like networks took, and got wrong.


def test_a_block_with_another_activation_is_right():
    module = seeded(ResNet, BasicBlock, [1, 1, 1, 1])
    for block in (module.layer1[0], module.layer2[0]):
        block.relu = nn.SiLU()
    units = rgb(module, "layer1.0")
    assert units.size == 27
    assert_equal(units, module, "layer1.0", start=-13, wants=normalised)


def test_a_gate_is_refused_and_named():
    module = seeded(ResNet, GatedBlock, [1, 1, 1, 1])
    with pytest.raises(UserError) as caught:
        rgb(module, "layer1.0")
    assert caught.value.received == "layer1.0.gate.squeeze.mean, which sees the whole map"
    assert caught.value.remedy == "the last layer before it is layer1.0.bn2"
    assert rgb(module, "layer1.0.bn2").size == 27


def test_a_pool_that_is_registered_elsewhere_is_right():
    class Swapped(Small):
        def __init__(self):
            super().__init__()
            pool, conv2 = self.pool, self.conv2
            del self.pool, self.conv2
            self.conv2, self.pool = conv2, pool  # used before it all the same

        def forward(self, x):
            return self.conv3(self.conv2(self.pool(self.relu1(self.conv1(x)))))

    module = seeded(Swapped)
    assert [name for name, _ in module.named_children()][-2:] == ["conv2", "pool"]
    units = rgb(module, "conv2")
    assert (units.size, units.stride) == (15, 4)
    assert_equal(units, module, "conv2", start=SMALL_START, wants=normalised)


@pytest.mark.parametrize("white", [1, 255])
def test_one_grey_channel_is_right(white):
    module = seeded(Small)
    module.conv1 = nn.Conv2d(1, 4, 3, 2, 1)
    settings = {"mean": [0.4 * white], "std": 0.2 * white, "white": white}
    units = from_module(module, "conv2", channel_order="grey", dtype=torch.float64, **settings)

    def wants(images):
        means = torch.tensor(CHANNEL_MEANS, dtype=torch.float64)[:, None, None]
        weights = torch.tensor((0.299, 0.587, 0.114), dtype=torch.float64)[:, None, None]
        grey = ((images + means) / 255 * weights).sum(1, keepdim=True)
        return (grey - 0.4) / 0.2

    assert_equal(units, module, "conv2", start=SMALL_START, wants=wants)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_by_other_pixels_is_right(mode):
    module = seeded(Small, padding_mode=mode)
    units = rgb(module, "conv2")
    assert units.size == 15
    if mode == "circular":  # made of changes in place: run as it is
        assert isinstance(units, WholeTrunk)
    assert_equal(units, module, "conv2", start=SMALL_START, wants=normalised, stride=4)


# What convolutional networks do.


def test_blue_first_and_255():
    module = seeded(Small)
    means = (103.939, 116.779, 123.68)
    units = from_module(
        module, "conv2", mean=means, white=255, channel_order="BGR", dtype=torch.float64
    )
    assert_equal(units, module, "conv2", start=SMALL_START, wants=lambda images: images.flip(1))


class Everything(nn.Module):
    """One of each: what has to be cropped, moved, cut and joined."""

    def __init__(self):
        super().__init__()
        self.tall, self.wide = nn.Conv2d(3, 8, (5, 1), padding=(2, 0)), nn.Conv2d(8, 8, (1, 3))
        self.strided = nn.Conv2d(8, 8, 3, 2, 1, bias=False)
        self.norm, self.shortcut = nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1, 2)
        self.grouped = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.layer_norm, self.linear = nn.LayerNorm(8), nn.Linear(8, 16)
        self.scale = nn.Parameter(torch.rand(16, 1, 1))
        self.prelu = nn.PReLU(16)
        self.last = nn.Conv2d(20, 6, 2)

    def forward(self, x):
        x = (x - 0.1) / 0.3
        x = self.wide(F.pad(self.tall(x), (1, 1)))
        x = F.relu(self.norm(self.strided(x)) + self.shortcut(x), inplace=True)
        x = F.avg_pool2d(F.max_pool2d(x, 3, 1, 1), 2, ceil_mode=True)
        count, channels, rows, columns = x.shape
        shuffled = x.view(count, 2, channels // 2, rows, columns).transpose(1, 2)
        x = shuffled.reshape(count, channels, rows, columns)
        x = x + self.grouped(x)
        x = self.linear(self.layer_norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        x = self.prelu(x) * self.scale
        left, right = x.chunk(2, dim=1)
        x = torch.cat([left.softmax(1), right.clamp(-1, 1), x[:, 3:7].square()], 1)
        return self.last(F.hardswish(x[..., 1:, 1:]))


def test_all_kinds_of_operations():
    module = seeded(Everything)
    units = from_module(module, "last", dtype=torch.float64)
    # 5 rows, 3 columns; 3 at 1; max 3 and mean 2 at 2; 5 and 2 at 4.
    assert (units.size, units.stride, type(units)) == (5 + 2 + 4 + 2 + 16 + 4, 4, TracedTrunk)
    start = -2 - 1 - 2 - 8 + 4  # paddings at their strides, and one row of 4 that is cut away
    means = torch.tensor(CHANNEL_MEANS, dtype=torch.float64)[:, None, None]
    wants = lambda images: (images + means) / 255  # noqa: E731
    assert_equal(units, module, "last", start=start, wants=wants)
    check_units(units.float())


@pytest.mark.parametrize(
    ("name", "layer", "size", "stride", "start"),
    [
        ("mobilenet_v2", "features.2", 11, 4, -5),
        ("shufflenet_v2_x0_5", "stage2.0", 15, 8, -7),
        ("squeezenet1_1", "features.3", 15, 4, -4),
    ],
)
def test_networks_of_other_kinds(name, layer, size, stride, start):
    module = seeded(getattr(torchvision.models, name), weights=None)
    units = rgb(module, layer)
    assert (units.size, units.stride) == (size, stride)
    assert_equal(units, module, layer, start=start, wants=normalised)


@pytest.mark.parametrize(
    ("name", "layer"), [("vgg19-torchvision", "conv2_2"), ("resnet50-torchvision", "layer1.0")]
)
def test_the_same_as_the_trunks_of_built_in_networks(name, layer):
    network = get_network(name)
    module = network.build()
    if name.startswith("vgg"):
        module.features = module.features[:10]  # the rest takes long to fill
    module = seeded(module.to_empty, device="cpu")
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.reset_parameters()
    theirs, ours = build_trunk(module, layer, network=network), rgb(module, layer)
    assert (ours.size, ours.channels, ours.earlier_layers, ours.layer) == (
        theirs.size,
        theirs.channels,
        theirs.earlier_layers,
        layer,
    )
    patches = torch.randn(2, 3, ours.size, ours.size, dtype=torch.float64) * 50
    for tap in (PIXELS, *ours.earlier_layers):
        for mine, other in zip(
            ours.respond(patches, tap), theirs.respond(patches, tap), strict=True
        ):
            assert (mine - other).abs().max() <= EXACT * other.abs().max()


def test_networks_of_timm():
    timm = pytest.importorskip("timm")
    module = seeded(timm.create_model, "resnet26")
    assert rgb(module, "layer1.0").earlier_layers == ("conv1",)
    units = rgb(module, "layer1.0.bn3")
    assert units.size == 19
    assert_equal(units, module, "layer1.0.bn3", start=-9, wants=normalised)


def test_layers_and_their_short_names():
    with torch.device("meta"):  # names need no weights
        vgg, resnet, mobilenet = (
            getattr(torchvision.models, name)(weights=None)
            for name in ("vgg11_bn", "resnet18", "mobilenet_v2")
        )
    assert short_names(vgg)["features.1"] == "conv1_1"
    assert short_names(vgg)["features.12"] == "conv3_2"
    assert short_names(resnet)["bn1"] == "conv1"
    assert short_names(mobilenet) == {}
    named = layers(Small(Gate(6)))
    assert named == ["conv1", "relu1", "pool", "conv2"]
    named = layers(resnet)
    assert {"layer1.0.add", "layer1.0.relu_1", "layer1.0", "layer1"} <= set(named)


def test_units_respond_before_the_relu_and_taps_are_after_it():
    module = seeded(Small)
    units = from_module(module, "conv2", dtype=torch.float64)
    assert units.earlier_layers == ("conv1", "pool")
    features = units.respond(torch.randn(2, 3, 15, 15, dtype=torch.float64) * 50, "conv1")[1]
    assert features.shape == (2, 4, 7, 7)
    assert features.min() == 0
    before = from_module(module, "relu1", dtype=torch.float64)
    patches = torch.randn(64, 3, 3, 3, dtype=torch.float64) * 50
    assert torch.equal(before(patches), from_module(module, "conv1", dtype=torch.float64)(patches))
    assert before(patches).min() < 0


# What cannot be traced.


class Choosing(Small):
    """Reads values in `forward`, as no trace can."""

    def forward(self, x):
        x = self.pool(self.relu1(self.conv1(x)))
        return self.conv3(self.conv2(x if x.max() < 1e9 else -x))


def test_a_module_that_cannot_be_traced_runs_as_it_is():
    module = seeded(Choosing)
    units = rgb(module, "conv2")
    assert (type(units), units.size, units.side, units.channels) == (WholeTrunk, 15, 32, 6)
    assert_equal(units, module, "conv2", start=SMALL_START, wants=normalised, stride=4)
    check_units(units.float())


@pytest.mark.parametrize(
    ("part", "node"),
    [
        (Gate(6), "rest0.squeeze.mean"),
        (Attention(), "rest0.bmm"),
        (nn.GroupNorm(2, 6), "rest0.native_group_norm"),
        (nn.InstanceNorm2d(6), "rest0.native_batch_norm"),
        (nn.AdaptiveAvgPool2d(2), "rest0._adaptive_avg_pool2d"),
    ],
)
def test_what_sees_all_of_the_image_is_refused(part, node):
    with pytest.raises(UserError, match="the last layer before it is conv2") as caught:
        from_module(seeded(Small, part), "conv3")
    assert node in caught.value.received


class Sized(Small):
    """Answers to the size of the image."""

    def forward(self, x):
        return super().forward(x) * x.shape[-1]


class Restless(nn.Module):
    def forward(self, x):
        return x * torch.rand(1, dtype=x.dtype)


def test_units_that_change_with_the_size_of_the_image_are_refused():
    module = seeded(nn.Sequential, Sized())
    with pytest.raises(UserError, match=r"relative difference of .* from 0\.mul on"):
        from_module(module, "0")


def test_units_of_a_module_as_it_is_that_change_with_the_size_are_refused():
    class Both(Choosing):
        def forward(self, x):
            self.conv2.bias.data.fill_(x.shape[-1])
            return super().forward(x)

    with pytest.raises(UserError, match="respond as in larger images"):
        from_module(seeded(Both), "conv2")


def test_units_that_change_from_time_to_time_are_refused():
    module = seeded(Small, Restless())
    with pytest.raises(UserError, match=r"relative difference of .* from rest0\.mul on"):
        from_module(module, "conv3")


def test_a_field_larger_than_what_is_looked_at_is_refused(monkeypatch):
    monkeypatch.setattr("diversevis.networks.whole._SIDES", (64,))
    module = seeded(Choosing)
    module.conv2 = nn.Conv2d(4, 6, 31, 1, 15)
    with pytest.raises(UserError, match="no part of 64 px"):
        from_module(module, "conv2")


# How it is kept, and what is left as it was.


def test_a_check_is_remembered_until_something_changes(monkeypatch, cache):
    module = seeded(Small)
    asked = []
    check = self_check.largest_error
    monkeypatch.setattr(self_check, "largest_error", lambda *a: (asked.append(a[2]), check(*a))[1])
    from_module(module, "conv2")
    assert asked == ["conv2", "conv2"]  # images of two sizes
    assert len(list((cache / "checked").iterdir())) == 1
    from_module(module, "conv2")
    assert len(asked) == 2
    from_module(module, "conv2", mean=0.5)
    assert len(asked) == 4
    with torch.no_grad():
        module.conv2.weight[0, 0, 0, 0] += 1
    from_module(module, "conv2")
    assert len(asked) == 6
    from_module(module, "conv1")
    assert asked[6:] == ["conv1", "conv1"]


def test_a_module_in_training_mode_is_evaluated_and_left_as_it_was():
    module = seeded(Small, nn.BatchNorm2d(6)).train()
    module.conv2.eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.warns(UserWarning, match="training mode"):
        units = rgb(module, "rest0")
    assert (module.training, module.conv2.training, module.pool.training) == (True, False, True)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert_equal(units, module.eval(), "rest0", start=SMALL_START, wants=normalised)


def test_units_through_diverse_sets():
    units = diversevis.from_module(seeded(Small), "conv2", mean=MEAN, std=STD)
    assert isinstance(units, Units)
    sets = diversevis.diverse_sets(
        units,
        [1, 3],
        images=2,
        diversity=0.1,
        distance="conv1",
        schedule=diversevis.Schedule(steps=3),
    )
    assert sets.images.shape == (2, 2, 3, 15, 15)


@pytest.mark.parametrize("layer", ["conv9", "", None, 3, ["conv2"], "conv2.weight"])
def test_a_layer_that_is_not_there_is_refused(layer):
    with pytest.raises(UserError, match="the name of a layer of small"):
        from_module(Small().eval(), layer)


def test_a_layer_that_gives_no_map_is_refused():
    class Forked(nn.Module):
        def forward(self, x):
            return [x, x]

    class Joined(Small):
        def forward(self, x):
            return sum(self.rest0(self.conv1(x)))

    module = seeded(Joined, Forked())
    with pytest.raises(UserError, match="got a list"):
        from_module(module, "rest0")
    with pytest.raises(UserError, match="got nothing: it does not run"):
        from_module(module, "conv2")


def test_units_of_tokens():
    """Rows and columns made one dimension, channels last."""
    module = seeded(Small, nn.Sequential(nn.Flatten(2), Tokens()))
    units = from_module(module, "rest0.1.linear", dtype=torch.float64)
    assert (units.size, units.channels, type(units)) == (15, 7, TracedTrunk)
    before = from_module(module, "conv2", dtype=torch.float64)
    patches = torch.randn(2, 3, 15, 15, dtype=torch.float64) * 50
    expected = module.rest0[1].linear.double()(before(patches))
    assert (units(patches) - expected).abs().max() <= EXACT * expected.abs().max()


def test_a_broken_module_says_what_it_said():
    class Broken(Small):
        def forward(self, x):
            raise ValueError("no image is good enough")

    with pytest.raises(UserError, match="no image is good enough"):
        from_module(Broken().eval(), "conv2")


def test_memory_is_the_users_own_without_a_choice(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("DIVERSEVIS_CACHE", str(tmp_path / "other"))
    from_module(seeded(Small), "conv1")
    assert os.listdir(tmp_path / "other" / "checked")  # noqa: PTH208
