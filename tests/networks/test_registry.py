import re
import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch
from torchvision.models import ResNet50_Weights, VGG19_Weights, Weights
from torchvision.models.resnet import Bottleneck
from torchvision.transforms._presets import ImageClassification

from diversevis.errors import UserError
from diversevis.networks import registry
from diversevis.networks.base import torchvision_network
from diversevis.networks.registry import (
    NETWORKS,
    declared_in,
    get_network,
    register_network,
)
from diversevis.units.patches import CHANNEL_MEANS

FOUR = ["resnet50", "resnet50-torchvision", "vgg19", "vgg19-torchvision"]


def test_the_four_networks_are_known():
    assert list(NETWORKS) == FOUR
    assert all(get_network(name).name == name for name in FOUR)


def test_no_two_entries_have_one_name():
    assert len(registry._ENTRIES) == len(FOUR)


def test_networks_know_the_file_that_declares_them():
    files = ["resnet50", "torchvision_pair", "vgg19", "torchvision_pair"]
    found = [declared_in(name) for name in FOUR]
    assert found == [[f"diversevis.networks.entries.{file}"] for file in files]
    with pytest.raises(UserError, match="did you mean vgg19"):
        declared_in("vgg18")


@pytest.mark.parametrize(
    ("name", "said"),
    [("vgg-19", "vgg19"), ("ResNet50", "resnet50"), ("inception", "choose from")],
)
def test_unknown_network_is_an_error_with_the_nearest_names(name, said):
    with pytest.raises(UserError) as caught:
        get_network(name)
    assert said in caught.value.remedy


@pytest.mark.parametrize("name", FOUR)
def test_networks_are_built_without_values(name):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    module = get_network(name).build()
    assert torch.equal(torch.rand(3), expected), "building must not draw random numbers"
    assert not module.training
    assert all(tensor.is_meta for tensor in module.state_dict().values())


@pytest.mark.parametrize(
    ("name", "strides"),
    [("resnet50", ((2, 2), (1, 1))), ("resnet50-torchvision", ((1, 1), (2, 2)))],
)
def test_where_the_stride_of_a_stage_is(name, strides):
    module = get_network(name).build()
    for stage in (module.layer2, module.layer3, module.layer4):
        assert (stage[0].conv1.stride, stage[0].conv2.stride) == strides
    rest = [block for block in module.layer1.modules() if isinstance(block, Bottleneck)]
    rest += module.layer2[1:]
    assert {conv.stride for block in rest for conv in (block.conv1, block.conv2)} == {(1, 1)}


@pytest.mark.parametrize("name", ["vgg19", "resnet50"])
def test_original_networks_take_patches_as_they_are(name):
    network = get_network(name)
    assert network.scale == (1, 1, 1)
    assert network.shift == (0, 0, 0)


@pytest.mark.parametrize("name", ["vgg19-torchvision", "resnet50-torchvision"])
def test_torchvision_networks_see_what_torchvision_shows_them(name):
    network = get_network(name)
    image = torch.randint(256, (3, 8, 8), generator=torch.Generator().manual_seed(0))
    preprocessing = VGG19_Weights.IMAGENET1K_V1.transforms(crop_size=8, resize_size=8)
    patch = image.double() - torch.tensor(CHANNEL_MEANS).double()[:, None, None]
    scale = torch.tensor(network.scale).double()[:, None, None]
    shift = torch.tensor(network.shift).double()[:, None, None]
    shown = preprocessing(image.to(torch.uint8)).double()
    # torchvision computes in float32, on values up to 3.
    torch.testing.assert_close(patch * scale + shift, shown, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "weights", "start"),
    [
        ("vgg19-torchvision", VGG19_Weights.IMAGENET1K_V1, "dcbb9e9d"),
        ("resnet50-torchvision", ResNet50_Weights.IMAGENET1K_V1, "0676ba61"),
    ],
)
def test_what_is_known_of_torchvisions_networks_is_its_own(name, weights, start):
    network = get_network(name)
    kept = ("name", "title", "architecture", "last_layer", "licence", "reference")
    entry = {field: getattr(network, field) for field in kept}
    keep = network.sources[0][1].keywords["keep"]
    file = network.sources[-1][0]
    whole = {"sha256": file.checksum.removeprefix("sha256:"), "size": file.size}
    from_torchvision = torchvision_network(weights, keep=keep, **whole, **entry)
    for (ours, _), (theirs, _) in zip(network.sources, from_torchvision.sources, strict=True):
        assert ours == theirs
    assert (network.scale, network.shift) == (from_torchvision.scale, from_torchvision.shift)
    assert re.fullmatch(rf"sha256:{start}[0-9a-f]{{56}}", file.checksum)


def test_one_entry_adds_a_network(monkeypatch):
    monkeypatch.setattr(registry, "NETWORKS", dict(NETWORKS))
    register_network(replace(get_network("vgg19"), name="vgg19-mine"))
    assert get_network("vgg19-mine").build().features[0].out_channels == 64
    assert declared_in("vgg19-mine") == []
    register_network(replace(get_network("vgg19"), title="mine"))
    assert declared_in("vgg19") == []
    weights = Weights(
        url="http://127.0.0.1/vgg13-12345678.pth",
        transforms=partial(ImageClassification, crop_size=224),
        meta={},
    )
    register_network(
        torchvision_network(
            weights,
            name="vgg13",
            title="VGG-13",
            architecture="vgg13",
            keep=("features.0.",),
            last_layer="conv1_1",
            licence="none",
            reference="none",
        )
    )
    assert get_network("vgg13").build().features[0].out_channels == 64


def test_a_file_among_the_entries_adds_a_network(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import replace\n"
        "from diversevis.networks.entries import vgg19\n"
        "NETWORKS = (replace(vgg19.NETWORKS[0], name='mine'),)\n"
    )
    program = f"""
from diversevis.networks import entries

entries.__path__.append({str(tmp_path)!r})
from diversevis.networks.registry import NETWORKS, declared_in

assert len(NETWORKS) == {len(FOUR) + 1}
assert declared_in("mine") == ["diversevis.networks.entries.mine"]
assert declared_in("vgg19") == ["diversevis.networks.entries.vgg19"]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_importing_does_not_touch_network_or_disk():
    """In a fresh interpreter whose sockets and writes are refused."""
    program = """
import sys

import torch, safetensors.torch, tqdm  # what they do is their own business

def refuse(event, args):
    if event.startswith("socket.") or event in ("os.mkdir", "subprocess.Popen"):
        raise RuntimeError(event)
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wxa+"):
        raise RuntimeError(f"{event} {args}")

sys.dont_write_bytecode = True
sys.addaudithook(refuse)
import diversevis.networks.store
assert "h5py" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_asking_for_names_needs_no_torch():
    program = """
import sys

import diversevis.fetching.archives, diversevis.fetching.files, diversevis.fetching.sources
from diversevis.networks.registry import declared_in, get_network

assert get_network("vgg19-torchvision").title and declared_in("vgg19")
assert not {"torch", "torchvision"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
