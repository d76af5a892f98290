"""The early part of a network as a function of exactly one receptive field.

A trunk runs a torchvision network's first layers without padding, so that a patch of the size of
the receptive field gives one position: the unit's response before its ReLU. It equals the whole
padded network at every position whose receptive field lies inside the image.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from diversevis.devices import choose_device
from diversevis.errors import UserError, unknown_name
from diversevis.networks.architectures import is_residual
from diversevis.networks.base import Network
from diversevis.networks.geometry import Geometry
from diversevis.networks.registry import get_network
from diversevis.networks.store import load_weights
from diversevis.units.contract import PIXELS, check_shape
from diversevis.units.responding import filled

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
"""What trunks are used in; in float16 responses would overflow."""


@dataclass(frozen=True)
class Step:
    """One unpadded operation of a trunk, ended by a layer's response unless `layer` is empty."""

    module: nn.Module
    geometry: Geometry
    units: int
    layer: str = ""


class UnpaddedBlock(nn.Module):
    """A residual block without padding and without its last ReLU.

    Parameters
    ----------
    branch
        The residual branch, unpadded.
    shortcut
        Projection with the block's stride, or the identity.
    margin
        Rows by which the unpadded branch shrinks its input on each side, at the block's input: the
        shortcut is cropped by as much, which keeps both centred on each other.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module, margin: int) -> None:
        super().__init__()
        self.branch, self.shortcut, self.margin = branch, shortcut, margin

    def forward(self, x: Tensor) -> Tensor:
        """Return branch plus cropped shortcut, ``[N, C, h, w]``."""
        y: Tensor = self.branch(x)
        z: Tensor = self.shortcut(x[..., self.margin :, self.margin :])
        return y + z[..., : y.shape[-2], : y.shape[-1]]


class Trunk(nn.Module):
    """Units of one layer of a network, as a function of one receptive field each.

    Satisfies `diversevis.units.contract.Units`. Parameters are frozen; `to` moves them.
    """

    def __init__(self, steps: Sequence[Step], *, network: str) -> None:
        super().__init__()
        last = steps[-1]
        self.network, self.layer = network, last.layer
        self.size, self.channels, self.geometry = last.geometry.size, last.units, last.geometry
        self.steps = nn.ModuleList(step.module for step in steps)
        # Every layer but the target is followed by the ReLU that makes it a feature map.
        self._taps = {step.layer: i + 1 for i, step in enumerate(steps[:-1]) if step.layer}
        self.earlier_layers = tuple(self._taps)
        self._shape = torch.Size((3, self.size, self.size))
        self.requires_grad_(False).eval()

    def respond(self, patches: Tensor, tap: str = PIXELS) -> tuple[Tensor, Tensor]:
        """Return the responses to `patches` and the feature map of an earlier layer.

        Parameters
        ----------
        patches
            ``[N, 3, size, size]``, RGB, 0-255 scale with the channel means subtracted.
        tap
            ``"pixels"`` or one of `earlier_layers`.

        Returns
        -------
        responses
            ``[N, channels]``, before the ReLU.
        features
            The patches themselves, or the map of `tap` after its ReLU, ``[N, C, h, w]``.

        Raises
        ------
        UserError
            For patches of another size, or another tap.
        """
        if not isinstance(patches, Tensor) or patches.ndim != 4 or patches.shape[1:] != self._shape:
            check_shape(f"patches for {self.network} {self.layer}", patches, ("N", *self._shape))
        if tap != PIXELS and tap not in self._taps:
            known = (PIXELS, *self.earlier_layers)
            raise unknown_name("layer", tap, known, where=f" before {self.layer}, or {PIXELS}")
        at, count = self._taps.get(tap), len(patches)
        features, x = patches, filled(patches)
        for i, step in enumerate(self.steps):
            x = step(x)
            if i == at:
                features = x[:count]
        return x.flatten(1)[:count], features

    def forward(self, patches: Tensor) -> Tensor:
        """Return the responses before the ReLU, ``[N, channels]``, to ``[N, 3, size, size]``."""
        return self.respond(patches)[0]

    def extra_repr(self) -> str:
        """Name the units in the printed form."""
        return f"{self.network} {self.layer}: {self.channels} units, {self.size} px"


def load_trunk(
    network: str | Network,
    layer: str,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    cache: Path | None = None,
    progress: bool = True,
) -> Trunk:
    """Return the trunk of a pretrained network up to `layer`, fetching its weights if needed.

    Raises
    ------
    UserError
        If the network, layer or device is unknown or not there, its weights can be had from no
        source, or it is not known to work in `dtype`.
    """
    network = network if isinstance(network, Network) else get_network(str(network))
    find_layer(network, layer)
    device = choose_device(device)
    if dtype not in _DTYPES:
        raise UserError(f"one of {', '.join(map(str, _DTYPES))}", repr(dtype), "take the first")
    weights, _ = load_weights(network, cache=cache, progress=progress)
    module = network.build()
    module.load_state_dict(weights, strict=False, assign=True)
    trunk = build_trunk(module, layer, network=network)
    # The format is missing in PyTorch's own type hints.
    moved: Trunk = trunk.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def build_trunk(module: nn.Module, layer: str, *, network: Network) -> Trunk:
    """Return the float64 trunk of a loaded torchvision `module` up to `layer`.

    Batch norms and the network's input scaling are folded into the convolutions, which is exact up
    to rounding, hence float64.
    """
    steps = []
    for step in walk(module):
        steps.append(step)
        if step.layer == layer:
            break
    else:
        raise unknown_name("layer", layer, (step.layer for step in steps if step.layer))
    for step in steps:
        if any(parameter.is_meta for parameter in step.module.parameters()):
            raise UserError(
                f"weights of {network.name} up to {layer}",
                f"none for {step.layer}",
                "let the network's registry entry keep them",
            )
    steps = [Step(_prepared(step.module), step.geometry, step.units, step.layer) for step in steps]
    first = next(m for m in steps[0].module.modules() if isinstance(m, nn.Conv2d))
    _fold_input(first, network.scale, network.shift)
    return Trunk(steps, network=network.name)


def layers(network: Network) -> list[Step]:
    """Return the steps that end a layer of `network`, up to the last one whose weights are kept.

    Needs no weights: receptive fields and numbers of units follow from the modules.
    """
    found = [step for step in walk(network.build()) if step.layer]
    kept = [i for i, step in enumerate(found) if is_within(step.layer, network.last_layer)]
    return found[: kept[-1] + 1]


def find_layer(network: Network, layer: str) -> Step:
    """Return the step that ends `layer`; raise `UserError` with the nearest names otherwise."""
    known = {step.layer: step for step in layers(network)}
    if not isinstance(layer, str) or layer not in known:
        raise unknown_name("layer", layer, known, where=f" of {network.name}")
    return known[layer]


def is_within(layer: str, prefix: str) -> bool:
    """Tell whether `layer` is `prefix` or one of its blocks."""
    return layer == prefix or layer.startswith(f"{prefix}.")


def walk(module: nn.Module) -> Iterator[Step]:
    """Yield the operations of a VGG- or ResNet-like torchvision network, input side first.

    A convolution with its batch norm, or a residual block without its last ReLU, ends a layer.
    VGG-like networks (a ``features`` chain) have their layers named ``conv<stage>_<number>``,
    stages being separated by poolings; ResNet-like ones keep torchvision's names.

    Raises
    ------
    UserError
        If the network holds an operation that is neither.
    """
    geometry, units = Geometry(), 3
    operations = list(_chain(module))
    for i, (name, operation) in enumerate(operations):
        following = operations[i + 1][1] if i + 1 < len(operations) else None
        match operation:
            case nn.Conv2d():
                units, geometry = operation.out_channels, geometry.after(operation)
                if isinstance(following, nn.BatchNorm2d):
                    operation = nn.Sequential(operation, following)
                yield Step(operation, geometry, units, name)
            case nn.BatchNorm2d():
                pass  # taken along by the convolution before it
            case nn.ReLU():
                yield Step(operation, geometry, units)
            case nn.MaxPool2d() | nn.AvgPool2d():
                geometry = geometry.after(operation)
                yield Step(operation, geometry, units)
            case _ if is_residual(operation):
                for convolution in _convolutions(operation):
                    units, geometry = convolution.out_channels, geometry.after(convolution)
                yield Step(operation, geometry, units, name)
                yield Step(nn.ReLU(), geometry, units)
            case _:
                raise UserError(
                    "a chain of convolutions, batch norms, ReLUs, poolings and residual blocks",
                    f"{type(operation).__name__} ({name})",
                    "choose a VGG- or ResNet-like architecture",
                )


def _chain(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if hasattr(module, "features"):
        stage_number, number = 1, 0
        for operation in module.get_submodule("features").children():
            if isinstance(operation, nn.MaxPool2d | nn.AvgPool2d):
                stage_number, number = stage_number + 1, 0
            number += isinstance(operation, nn.Conv2d)
            yield f"conv{stage_number}_{number}", operation
        return
    for name, child in module.named_children():
        if isinstance(child, nn.Sequential):
            for index, block in child.named_children():
                yield f"{name}.{index}", block
        elif not isinstance(child, nn.AdaptiveAvgPool2d | nn.Linear):  # the classifier's head
            yield name, child


def _convolutions(block: nn.Module) -> list[nn.Conv2d]:
    return [child for child in block.children() if isinstance(child, nn.Conv2d)]


def _prepared(operation: nn.Module) -> nn.Module:
    """Return an unpadded float64 copy of an operation, batch norms folded in."""
    match operation:
        case nn.Sequential():
            return _unpadded(_fused(*operation))
        case _ if is_residual(operation):
            return _unpadded_block(operation)
        case nn.ReLU():
            return nn.ReLU(inplace=True)
        case _:
            return _unpadded(copy.deepcopy(operation).double())


def _unpadded_block(block: Any) -> UnpaddedBlock:
    branch, geometry = [], Geometry()
    for i, convolution in enumerate(_convolutions(block), start=1):
        geometry = geometry.after(convolution)
        branch += [_unpadded(_fused(convolution, getattr(block, f"bn{i}"))), nn.ReLU(inplace=True)]
    shortcut = nn.Identity() if block.downsample is None else _fused(*block.downsample)
    return UnpaddedBlock(nn.Sequential(*branch[:-1]), shortcut, margin=-geometry.start)


def _fused(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    return fuse_conv_bn_eval(copy.deepcopy(convolution).double(), copy.deepcopy(norm).double())


def _unpadded(operation: nn.Module) -> nn.Module:
    if isinstance(operation, nn.Conv2d):
        operation.padding = (0, 0)
    elif isinstance(operation, nn.MaxPool2d | nn.AvgPool2d):
        operation.padding = 0
    return operation


def _fold_input(convolution: nn.Conv2d, scale: tuple[float, ...], shift: tuple[float, ...]) -> None:
    """Make a convolution take ``x`` where it took ``x * scale + shift``, per input channel."""
    weight = convolution.weight.detach()
    scales, shifts = (weight.new_tensor(v)[None, :, None, None] for v in (scale, shift))
    bias = weight.new_zeros(len(weight)) if convolution.bias is None else convolution.bias.detach()
    convolution.bias = nn.Parameter(bias + (weight * shifts).sum((1, 2, 3)))
    convolution.weight = nn.Parameter(weight * scales)
