"""Published weight files to tensors under torchvision's names, early layers only.

Every converter takes the path of a verified file and returns float32 tensors by name.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from diversevis.errors import UserError
from diversevis.networks.archives import read_members

Tensors = dict[str, torch.Tensor]

# conv1_1 to conv4_1: their indices in torchvision's VGG-19 and in the normalised file, which has a
# 1x1 stem and a padding layer before every convolution.
_VGG19_CONVOLUTIONS = {0: 2, 2: 5, 5: 9, 7: 12, 10: 16, 12: 19, 14: 22, 16: 25, 19: 29}

VGG19_EARLY = tuple(f"features.{index}." for index in _VGG19_CONVOLUTIONS)
RESNET_EARLY = ("conv1.", "bn1.", "layer1.", "layer2.")

_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def vgg_normalised(file: Path | BinaryIO) -> Tensors:
    """Convert the normalised VGG-19 to conv4_1.

    The stem, which subtracts the mean and turns RGB to BGR, is dropped; conv1_1 takes RGB instead.
    """
    state = torch.load(file, map_location="cpu", weights_only=True)
    tensors = {
        f"features.{ours}.{kind}": state[f"{theirs}.{kind}"].float()
        for ours, theirs in _VGG19_CONVOLUTIONS.items()
        for kind in ("weight", "bias")
    }
    tensors["features.0.weight"] = tensors["features.0.weight"].flip(1).contiguous()
    return tensors


def vgg_normalised_in_archive(path: Path, *, member: str) -> Tensors:
    """Convert the normalised VGG-19 that is a `member` of an archive."""
    return vgg_normalised(io.BytesIO(read_members(path, [member])[member]))


def torchvision_state_dict(path: Path, *, keep: Sequence[str]) -> Tensors:
    """Keep the float tensors of a torchvision checkpoint whose names start with one of `keep`."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {
        name: tensor.detach().float().contiguous()
        for name, tensor in state.items()
        if name.startswith(tuple(keep)) and tensor.is_floating_point()
    }


def keras_resnet50(path: Path) -> Tensors:
    """Convert ResNet-50 to layer2 from an HDF5 weight file of Keras."""
    import h5py

    with h5py.File(path) as file:
        old_names = "bn_conv1" in file

        def value(layer: str, kind: str) -> np.ndarray:
            layer = layer if old_names else _new_keras_name(layer)
            return file[layer][layer][f"{kind}:0"][()]

        return _resnet50(value)


def tensorflowjs_resnet50(path: Path, *, folder: str, sha256: str) -> Tensors:
    """Convert ResNet-50 to layer2 from an archive that holds a TensorFlow.js model.

    Parameters
    ----------
    path
        The archive.
    folder
        The folder in it that holds ``model.json`` and the shards.
    sha256
        SHA-256 of all shards in the manifest's order.

    Raises
    ------
    UserError
        If the shards are other ones.
    """
    manifest = json.loads(read_members(path, [f"{folder}/model.json"])[f"{folder}/model.json"])
    groups = manifest["weightsManifest"]
    names = [f"{folder}/{shard}" for group in groups for shard in group["paths"]]
    shards = read_members(path, names)
    content = b"".join(shards[name] for name in names)
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise UserError(
            f"the shards in {path} to have SHA-256 {sha256}",
            f"SHA-256 {found}",
            "delete the archive, so that it is downloaded again",
        )
    arrays = _split(content, [weight for group in groups for weight in group["weights"]])
    return _resnet50(lambda layer, kind: arrays[f"{layer}/{kind}"])


def _split(content: bytes, weights: Sequence[Mapping]) -> dict[str, np.ndarray]:
    arrays, start = {}, 0
    for weight in weights:
        count = int(np.prod(weight["shape"], dtype=np.int64))
        flat = np.frombuffer(content, "<f4", count, start)
        arrays[weight["name"]] = flat.reshape(weight["shape"])
        start += flat.nbytes
    return arrays


def _resnet50(value: Callable[[str, str], np.ndarray]) -> Tensors:
    """Build the state dict from `value`, which knows the layers by He et al.'s names."""
    tensors: Tensors = {}
    for ours, convolution, batch_norm in _resnet50_layers():
        kernel = value(convolution, "kernel").transpose(3, 2, 0, 1)  # from height, width, in, out
        if ours == ("conv1", "bn1"):
            kernel = kernel[:, ::-1]  # from BGR
        arrays = {f"{ours[0]}.weight": kernel}
        for kind, theirs in _BATCH_NORM.items():
            arrays[f"{ours[1]}.{kind}"] = value(batch_norm, theirs)
        # What the convolution adds, the batch norm takes off again with its mean.
        mean = arrays[f"{ours[1]}.running_mean"].astype(np.float64)
        arrays[f"{ours[1]}.running_mean"] = mean - value(convolution, "bias")
        for name, array in arrays.items():
            tensors[name] = torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
    return tensors


def _resnet50_layers() -> list[tuple[tuple[str, str], str, str]]:
    """List torchvision's names of convolution and batch norm, then He et al.'s, to layer2."""
    layers = [(("conv1", "bn1"), "conv1", "bn_conv1")]
    for stage, blocks in ((1, 3), (2, 4)):
        for block in range(blocks):
            ours = f"layer{stage}.{block}"
            theirs = f"{stage + 1}{'abcd'[block]}_branch"
            branches = {"2a": ("conv1", "bn1"), "2b": ("conv2", "bn2"), "2c": ("conv3", "bn3")}
            if block == 0:
                branches["1"] = ("downsample.0", "downsample.1")
            layers += [
                ((f"{ours}.{conv}", f"{ours}.{bn}"), f"res{theirs}{branch}", f"bn{theirs}{branch}")
                for branch, (conv, bn) in branches.items()
            ]
    return layers


def _new_keras_name(layer: str) -> str:
    """Return the name that newer Keras versions give to a layer of He et al.'s."""
    if layer in ("conv1", "bn_conv1"):
        return {"conv1": "conv1_conv", "bn_conv1": "conv1_bn"}[layer]
    kind, place = ("bn", layer[2:]) if layer.startswith("bn") else ("conv", layer[3:])
    stage, block, branch = place[0], "abcd".index(place[1]) + 1, place.partition("branch")[2]
    position = {"1": 0, "2a": 1, "2b": 2, "2c": 3}[branch]
    return f"conv{stage}_block{block}_{position}_{kind}"
