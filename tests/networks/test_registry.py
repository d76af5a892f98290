import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest
import torch
from torchvision.models import VGG19_Weights, Weights
from torchvision.models.resnet import Bottleneck
from torchvision.transforms._presets import ImageClassification

from diversevis.errors import UserError
from diversevis.networks import registry
from diversevis.networks.registry import (
    NETWORKS,
    get_network,
    register_network,
    torchvision_network,
)
from diversevis.stimuli.norm import CHANNEL_MEANS

FOUR = ["resnet50", "resnet50-torchvision", "vgg19", "vgg19-torchvision"]


def test_the_four_networks_are_known():
    assert sorted(NETWORKS) == FOUR
    assert all(get_network(name).name == name for name in FOUR)


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


def test_addresses_of_torchvision_are_its_own():
    source = get_network("vgg19-torchvision").sources[-1][0]
    assert source.url == VGG19_Weights.IMAGENET1K_V1.url
    assert source.filename == "vgg19-dcbb9e9d.pth"
    assert source.checksum == "sha256:dcbb9e9d"


def test_one_entry_adds_a_network(monkeypatch):
    monkeypatch.setattr(registry, "NETWORKS", dict(NETWORKS))
    register_network(replace(get_network("vgg19"), name="vgg19-mine"))
    assert get_network("vgg19-mine").build().features[0].out_channels == 64
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


def test_importing_does_not_touch_network_or_disk():
    """In a fresh interpreter whose sockets and writes are refused."""
    program = """
import sys

import torch, torchvision, safetensors.torch, tqdm  # what they do is their own business

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
