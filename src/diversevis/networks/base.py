"""What a network is: its architecture, its weights, and how it wants its input.

PyTorch is imported when it is used: what only asks for names does without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from diversevis.fetching.sources import Source, TorchHubCheckpoint, Url
from diversevis.units.patches import CHANNEL_MEANS

if TYPE_CHECKING:
    import torch
    from torchvision.models import WeightsEnum

Tensors: TypeAlias = "dict[str, torch.Tensor]"
Converter: TypeAlias = Callable[[Path], Tensors]

NULL_MARK = "+"
"""Between the name of a network and that of a null of it; no network's own name holds it."""


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """How a network's weights follow from those of another.

    Parameters
    ----------
    base
        The other network.
    derive
        Returns the weights, and how they came about in words, of the other's weights, the cache and
        whether to report on stderr.
    ready
        Tells of a cache that holds the other's weights whether nothing more has to be fetched.
    """

    base: Network
    derive: Callable[[Tensors, Path | None, bool], tuple[Tensors, str]]
    ready: Callable[[Path | None], bool]


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network; the package has those in `NETWORKS` of the files in `diversevis.networks.entries`.

    Parameters
    ----------
    name
        What to call it on the command line.
    title
        What to call it in figures.
    architecture
        Name of a builder in `diversevis.networks.architectures`, or else in `torchvision.models`.
    sources
        Where the weights can come from, best first, each with the function that turns the file into
        float32 tensors under torchvision's names. What is in the cache is made anew when a checksum
        changes, or the name or an argument of such a function (give it as a `functools.partial`).
    last_layer
        The last layer, or stage, whose weights are kept.
    licence, reference
        Of the weights.
    digest
        `diversevis.fetching.tensors.tensor_digest` of the converted weights, where known.
    scale, shift
        Per RGB channel: the network's input is ``patch * scale + shift``, where a patch is on a
        scale of 0 to 255 with `CHANNEL_MEANS` subtracted.
    stride_in_1x1
        Whether a stage of bottleneck blocks strides in its first 1x1 convolution, as in He et al.'s
        release, instead of in the 3x3, as in torchvision.
    derivation
        In place of `sources`, of a network that is made of another.
    """

    name: str
    title: str
    architecture: str
    sources: tuple[tuple[Source, Converter], ...]
    last_layer: str
    licence: str
    reference: str
    digest: str | None = None
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)
    shift: tuple[float, ...] = (0.0, 0.0, 0.0)
    stride_in_1x1: bool = False
    derivation: Derivation | None = None

    def build(self) -> torch.nn.Module:
        """Return the whole network in evaluation mode, its tensors on the meta device."""
        import torch

        from diversevis.networks.architectures import BUILDERS, is_residual

        with torch.device("meta"):
            if self.architecture in BUILDERS:
                module = BUILDERS[self.architecture]()
            else:
                from torchvision.models import get_model

                module = get_model(self.architecture, weights=None)
        if self.stride_in_1x1:
            block: Any
            for block in filter(is_residual, module.modules()):
                block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride
        return module.eval()


def torchvision_network(weights: WeightsEnum, *, keep: Sequence[str], **entry: Any) -> Network:
    """Return the network with one of torchvision's weights.

    Parameters
    ----------
    weights
        Member of one of torchvision's weight enumerations: gives address and preprocessing.
    keep
        Beginnings of the names of the tensors to keep.
    **entry
        The other parameters of `Network`.
    """
    shown = weights.transforms()
    return torchvision_checkpoint(weights.url, keep=keep, mean=shown.mean, std=shown.std, **entry)


def torchvision_checkpoint(
    url: str,
    *,
    keep: Sequence[str],
    sha256: str | None = None,
    size: int | None = None,
    mean: Sequence[float] = (0.485, 0.456, 0.406),
    std: Sequence[float] = (0.229, 0.224, 0.225),
    **entry: Any,
) -> Network:
    """Return the network with weights at an address of torchvision.

    Parameters
    ----------
    url
        Ends in a file name that ends in the start of the file's SHA-256.
    keep
        Beginnings of the names of the tensors to keep.
    sha256
        Of the file, where all of it is known. Else its start in the file's name decides, and once
        a file was fetched, all of that file's.
    size
        Of the file in bytes, where known.
    mean, std
        RGB: the network wants ``(pixel / 255 - mean) / std``.
    **entry
        The other parameters of `Network`.
    """
    filename = PurePosixPath(urlsplit(url).path).name
    checksum = f"sha256:{sha256 or PurePosixPath(filename).stem.rpartition('-')[2]}"
    # Not through torch.hub, which has no time-outs and trusts any file that already lies there.
    sources = (
        TorchHubCheckpoint(filename=filename, checksum=checksum, size=size),
        Url(filename=filename, checksum=checksum, size=size, url=url),
    )
    converter = partial(torchvision_state_dict, keep=tuple(keep))
    channels = list(zip(CHANNEL_MEANS, mean, std, strict=True))
    return Network(
        sources=tuple((source, converter) for source in sources),
        scale=tuple(1 / (255 * deviation) for _, _, deviation in channels),
        shift=tuple((ours / 255 - theirs) / deviation for ours, theirs, deviation in channels),
        **entry,
    )


def torchvision_state_dict(path: Path, *, keep: Sequence[str]) -> Tensors:
    """Keep the float tensors of a torchvision checkpoint whose names start with one of `keep`."""
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    return {
        name: tensor.detach().float().contiguous()
        for name, tensor in state.items()
        if name.startswith(tuple(keep)) and tensor.is_floating_point()
    }
