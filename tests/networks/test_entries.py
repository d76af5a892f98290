import hashlib
import io
import json
import tarfile

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from diversevis.errors import UserError
from diversevis.fetching.tensors import tensor_digest
from diversevis.networks.base import torchvision_state_dict
from diversevis.networks.entries import resnet50, vgg19
from diversevis.networks.registry import get_network

EARLY = ("conv1.", "bn1.", "layer1.", "layer2.")

GENERATOR = np.random.default_rng(0)


def random(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


# He et al.'s layers of conv1 and the first two stages: name, shape of the kernel, batch norm.
LAYERS = [("conv1", (7, 7, 3, 64), "bn_conv1")]
for stage, blocks, before, width in (("2", "abc", 64, 64), ("3", "abcd", 256, 128)):
    for block in blocks:
        wide = 4 * width
        first = before if block == "a" else wide
        branches = {
            "2a": (1, 1, first, width),
            "2b": (3, 3, width, width),
            "2c": (1, 1, width, wide),
        }
        if block == "a":
            branches["1"] = (1, 1, before, wide)
        for branch, shape in branches.items():
            name = f"{stage}{block}_branch{branch}"
            LAYERS.append((f"res{name}", shape, f"bn{name}"))


@pytest.fixture(scope="module")
def layers():
    """Random arrays of a ResNet-50 under the names of its TensorFlow.js release."""
    arrays = {}
    for convolution, shape, batch_norm in LAYERS:
        arrays[f"{convolution}/kernel"] = random(*shape)
        arrays[f"{convolution}/bias"] = 0.01 * random(shape[-1])
        for kind in ("gamma", "beta", "moving_mean"):
            arrays[f"{batch_norm}/{kind}"] = random(shape[-1])
        arrays[f"{batch_norm}/moving_variance"] = random(shape[-1]) ** 2 + 0.1
    return arrays


NEWER = {
    "conv1": "conv1_conv",
    "bn_conv1": "conv1_bn",
    "res2a_branch1": "conv2_block1_0_conv",
    "bn2a_branch2a": "conv2_block1_1_bn",
    "res3d_branch2c": "conv3_block4_3_conv",
    "bn3b_branch2b": "conv3_block2_2_bn",
}


def newer_name(layer):
    if layer in ("conv1", "bn_conv1"):
        return NEWER[layer]
    kind = "bn" if layer.startswith("bn") else "conv"
    stage, block = layer.removeprefix("res").removeprefix("bn")[:2]
    branch = {"1": 0, "2a": 1, "2b": 2, "2c": 3}[layer.partition("branch")[2]]
    return f"conv{stage}_block{'abcd'.index(block) + 1}_{branch}_{kind}"


def test_newer_names_are_those_of_keras():
    assert {layer: newer_name(layer) for layer in NEWER} == NEWER


@pytest.fixture(scope="module", params=["older names", "newer names"])
def keras_file(request, layers, tmp_path_factory):
    path = tmp_path_factory.mktemp("keras") / "weights.h5"
    with h5py.File(path, "w") as file:
        for name, array in layers.items():
            layer, kind = name.split("/")
            layer = newer_name(layer) if request.param == "newer names" else layer
            file[f"{layer}/{layer}/{kind}:0"] = array
    return path


def write_archive(path, layers, shards=3):
    names = sorted(layers)
    content = b"".join(layers[name].astype("<f4").tobytes() for name in names)
    cuts = [len(content) * i // shards for i in range(shards + 1)]
    # In the archive they lie by name: only the manifest's order is right.
    paths = [f"shard{i}" for i in reversed(range(shards))]
    members = {p: content[a:b] for p, a, b in zip(paths, cuts[:-1], cuts[1:], strict=True)}
    weights = [{"name": name, "shape": layers[name].shape, "dtype": "float32"} for name in names]
    manifest = {"weightsManifest": [{"paths": paths, "weights": weights}]}
    members["model.json"] = json.dumps(manifest).encode()
    with tarfile.open(path, "w") as archive:
        for name, member in sorted(members.items()):
            info = tarfile.TarInfo(f"folder/{name}")
            info.size = len(member)
            archive.addfile(info, io.BytesIO(member))
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def converted(layers, tmp_path_factory):
    path = tmp_path_factory.mktemp("tensorflowjs") / "archive.tar"
    sha256 = write_archive(path, layers)
    return resnet50.from_tensorflowjs(path, folder="folder", sha256=sha256)


def test_both_releases_of_resnet_give_the_same_tensors(keras_file, converted):
    assert tensor_digest(resnet50.from_keras(keras_file)) == tensor_digest(converted)


def test_resnet_has_all_early_tensors_and_no_others(converted):
    expected = {
        name: tensor.shape
        for name, tensor in get_network("resnet50").build().state_dict().items()
        if name.startswith(EARLY) and tensor.is_floating_point()
    }
    assert {name: tensor.shape for name, tensor in converted.items()} == expected
    assert {tensor.dtype for tensor in converted.values()} == {torch.float32}


def noise(*shape):
    return torch.randn(shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))


def reference(layers, image, convolution, batch_norm, **options):
    """Convolution with bias and batch norm as released, in float64, on a BGR image."""
    kernel, bias = (
        torch.from_numpy(layers[f"{convolution}/{k}"]).double() for k in ("kernel", "bias")
    )
    response = nn.functional.conv2d(image, kernel.permute(3, 2, 0, 1), bias, **options)
    gamma, beta, mean, var = (
        torch.from_numpy(layers[f"{batch_norm}/{kind}"]).double()
        for kind in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return nn.functional.batch_norm(response, mean, var, gamma, beta, eps=1e-5)


def test_resnet_computes_what_was_released(layers, converted):
    """conv1 on RGB, and the shortcut of the second stage, with the biases in the batch norms."""
    module = get_network("resnet50").build().to_empty(device="cpu").double()
    module.load_state_dict(converted, strict=False)
    image = torch.randn(
        1, 3, 20, 20, dtype=torch.double, generator=torch.Generator().manual_seed(0)
    )
    conv1 = reference(layers, image.flip(1), "conv1", "bn_conv1", stride=2, padding=3)
    # The folded means are rounded to float32, 6e-8 of values of up to about 4; times gamma/std.
    torch.testing.assert_close(module.bn1(module.conv1(image)), conv1, rtol=0, atol=1e-5)
    features = torch.randn(
        1, 256, 6, 6, dtype=torch.double, generator=torch.Generator().manual_seed(1)
    )
    shortcut = reference(layers, features, "res3a_branch1", "bn3a_branch1", stride=2)
    torch.testing.assert_close(module.layer2[0].downsample(features), shortcut, rtol=0, atol=1e-5)


def test_biases_are_folded_with_one_rounding(layers, converted):
    mean = layers["bn_conv1/moving_mean"].astype(np.float64)
    expected = (mean - layers["conv1/bias"].astype(np.float64)).astype(np.float32)
    assert np.array_equal(converted["bn1.running_mean"].numpy(), expected)


def test_shards_are_verified_before_they_are_parsed(layers, tmp_path):
    path = tmp_path / "archive.tar"
    sha256 = write_archive(path, {**layers, "conv1/bias": layers["conv1/bias"] + 1})
    with pytest.raises(UserError, match="the shards"):
        resnet50.from_tensorflowjs(path, folder="folder", sha256="0" * 64)
    resnet50.from_tensorflowjs(path, folder="folder", sha256=sha256)


# VGG-19


@pytest.fixture(scope="module")
def normalised():
    """A Sequential laid out as the normalised VGG-19: a stem, then paddings before convolutions."""
    plan = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, 256, "pool", 512]
    modules, before = [nn.Conv2d(3, 3, 1)], 3
    torch.manual_seed(0)
    for entry in plan:
        if entry == "pool":
            modules.append(nn.MaxPool2d(2, ceil_mode=True))
        else:
            modules += [nn.ReflectionPad2d(1), nn.Conv2d(before, entry, 3), nn.ReLU()]
            before = entry
    return nn.Sequential(*modules).double()


def test_vgg_computes_what_was_released(normalised, tmp_path):
    """At the centre, out of reach of the padding, for a patch in place of the stem's output."""
    path = tmp_path / "vgg.pth"
    released = normalised.float()
    torch.save(released.state_dict(), path)
    module = get_network("vgg19").build().features[:20].to_empty(device="cpu").double()
    tensors = vgg19.from_checkpoint(path)
    module.load_state_dict({k.removeprefix("features."): v for k, v in tensors.items()})
    patch = torch.randn(
        1, 3, 160, 160, dtype=torch.double, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        expected = released.double()[1:-1](patch.flip(1))[..., 10, 10]
        # Same operations in float64; only their order may differ.
        torch.testing.assert_close(module(patch)[..., 10, 10], expected, rtol=1e-10, atol=1e-12)


def test_vgg_is_read_from_a_member_of_an_archive(normalised, tmp_path):
    content = io.BytesIO()
    torch.save(normalised.float().state_dict(), content)
    path = tmp_path / "archive.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        info = tarfile.TarInfo("some/vgg.pth")
        info.size = content.tell()
        content.seek(0)
        archive.addfile(info, content)
    (tmp_path / "vgg.pth").write_bytes(content.getvalue())
    tensors = vgg19.from_archive(path, member="some/vgg.pth")
    assert tensor_digest(tensors) == tensor_digest(vgg19.from_checkpoint(tmp_path / "vgg.pth"))


class Malicious:
    def __reduce__(self):
        return (print, ("code of a downloaded file was run",))


@pytest.mark.parametrize(
    "converter",
    [vgg19.from_checkpoint, lambda path: torchvision_state_dict(path, keep=("",))],
    ids=["vgg19", "torchvision"],
)
def test_pickled_code_is_not_run(tmp_path, capsys, converter):
    torch.save({"2.weight": Malicious()}, tmp_path / "bad.pth")
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        converter(tmp_path / "bad.pth")
    assert capsys.readouterr().out == ""


# torchvision


@pytest.mark.parametrize("zipped", [True, False], ids=["zip file", "older format"])
def test_torchvision_keeps_early_float_tensors(tmp_path, zipped):
    state = {
        "conv1.weight": torch.randn(4, 3).t(),
        "bn1.num_batches_tracked": torch.tensor(3),
        "layer1.0.conv1.weight": nn.Parameter(torch.randn(2, 2)),
        "layer10.weight": torch.randn(1),
        "fc.weight": torch.randn(2),
    }
    path = tmp_path / "weights.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    tensors = torchvision_state_dict(path, keep=EARLY)
    assert list(tensors) == ["conv1.weight", "layer1.0.conv1.weight"]
    assert all(torch.equal(tensors[name], state[name]) for name in tensors)
