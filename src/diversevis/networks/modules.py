"""Any convolutional module as a layer of units: the way in for a user's own network."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from diversevis.devices import choose_device
from diversevis.errors import UserError, unknown_name
from diversevis.networks import self_check
from diversevis.networks.conventions import Convention, convention
from diversevis.networks.fields import Field, OutsideError, field_of, response_of
from diversevis.networks.layouts import UnboundedError, UntraceableError
from diversevis.networks.recording import (
    IMAGE,
    IMAGES_SHOWN,
    Recording,
    operands,
    record,
    tensors_of,
)
from diversevis.networks.traced import TracedTrunk
from diversevis.networks.whole import WholeTrunk

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
"""What units are used in; in float16 responses would overflow."""

_LARGE = (1024, 4096)
"""Sides on which receptive fields are looked for; nothing is computed there."""

_STEP = 32
"""Sides are multiples of it: what a network does at the border may depend on the remainder."""


def from_module(
    module: nn.Module,
    layer: str,
    *,
    mean: Sequence[float] | float | None = None,
    std: Sequence[float] | float | None = None,
    white: float = 1.0,
    channel_order: str = "RGB",
    name: str | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    cache: Path | None = None,
) -> TracedTrunk | WholeTrunk:
    """Return the units of one layer of any convolutional module, as a function of one patch each.

    The module is traced: what it does to an image decides, whatever it is made of. Where that fails
    it is run as it is, on images a little larger than the receptive field, which is slower. Either
    way the units are compared with those of the whole padded module before they are given away.

    Parameters
    ----------
    module
        A network whose `forward` takes images ``[N, C, rows, columns]``. It is left as it is; its
        weights are copied.
    layer
        A dotted name of ``module.named_modules()``, whose output the units respond with: before its
        ReLU, if it ends in one. A module that runs several times has ``relu``, ``relu_1`` and so
        on; an addition in ``layer1.0`` is ``layer1.0.add``. VGG- and ResNet-like networks also have
        the short names of the built-in ones: ``conv3_1``, and ``conv1`` for a ResNet's first
        convolution with its batch norm.
    mean, std
        Of the module's input, one number or one for each channel, in the order and on the scale of
        the module; by default nothing is subtracted, nor divided by.
    white
        What the module takes a white pixel for: 1 or 255.
    channel_order
        ``"RGB"``, ``"BGR"``, or ``"grey"`` for one channel.
    name
        What to call the module in tables and messages; its class by default.
    device, dtype
        Where and in what the units compute.
    cache
        Folder that remembers which trunks were checked; the package's own by default.

    Returns
    -------
    TracedTrunk or WholeTrunk
        Units (`diversevis.Units`), for `diverse_sets`, `sweep` and the measures of invariance.

    Raises
    ------
    UserError
        If there is no such layer or it gives no map; if its units see all of the image (behind
        gates, attention or norms over space), naming what does and the last layer before it; if
        they respond otherwise than in the whole network, naming where they part.

    Examples
    --------
    >>> import torchvision
    >>> network = torchvision.models.resnet18(weights=None).eval()
    >>> units = from_module(
    ...     network, "layer1.0", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    ... )
    >>> units.size, units.channels, units.earlier_layers
    (27, 64, ('conv1',))
    """
    if not isinstance(module, nn.Module):
        raise UserError("a torch.nn.Module", type(module).__name__, "give the network itself")
    if not isinstance(name, str | None):
        raise UserError("a name for the network", repr(name), "give text")
    if dtype not in _DTYPES:
        raise UserError(f"one of {', '.join(map(str, _DTYPES))}", repr(dtype), "take the first")
    device, name = choose_device(device), name or type(module).__name__.lower()
    wants = convention(mean, std, white, channel_order)
    units: TracedTrunk | WholeTrunk
    with evaluating(module, name):
        if not isinstance(layer, str):
            raise unknown_name("layer", layer, layers(module, wants.channels), where=f" of {name}")
        try:
            units = traced(module, layer, wants, name, cache)
        except UntraceableError:
            units = whole(module, layer, wants, name)
    moved: TracedTrunk | WholeTrunk = units.to(  # type: ignore[call-overload]
        device=device, dtype=dtype, memory_format=torch.channels_last
    )
    return moved


def traced(
    module: nn.Module, layer: str, wants: Convention, name: str, cache: Path | None
) -> TracedTrunk:
    """Return the checked trunk of a module in evaluation mode, in float64.

    Raises
    ------
    UntraceableError
        If it cannot be traced.
    UserError
        As `from_module`.
    """
    short, own = short_names(module), _own_name(module, layer)
    names = short if layer in short.values() else None
    large = _first_look(module, own, wants.channels, name)
    recording, field = _smaller(module, own, wants.channels, large.size + 2 * large.stride)
    trunk = TracedTrunk(module, recording, field, own, wants, network=name, names=names)
    digest = self_check.digest(trunk, recording, field)
    if not self_check.remembered(digest, cache):
        side = recording.nodes[IMAGE].layouts[0].shape[-1]
        looks = [(recording, field), _smaller(module, own, wants.channels, side + _STEP)]
        error = max(self_check.largest_error(trunk, module, own, wants, *look) for look in looks)
        found = {"network": name, "layer": layer, "pixels": trunk.size, "error": error}
        self_check.remember(digest, cache, found)
    return trunk


def whole(module: nn.Module, layer: str, wants: Convention, name: str) -> WholeTrunk:
    """Return the checked units of a module in evaluation mode that is run as it is, in float64.

    Raises
    ------
    UserError
        As `from_module`.
    """
    try:
        units = WholeTrunk(module, layer, wants, network=name)
    except UnboundedError as error:
        raise _unbounded(name, layer, str(error), "choose an earlier layer") from error
    units.check()
    return units


def layers(module: nn.Module, channels: int = 3) -> list[str]:
    """Return the names of all layers of a module whose units see a bounded part of the image.

    Parameters
    ----------
    module
        As for `from_module`.
    channels
        Of its input.
    """
    with evaluating(module):
        recording = record(module, _blank(_LARGE[0], channels))
    return _maps(recording)


def tensors_up_to(module: nn.Module, layer: str, channels: int = 3) -> set[str]:
    """Return the names of the tensors that a module takes until it has computed a layer.

    Parameters
    ----------
    module, layer
        As for `from_module`. Where there is no such layer, all tensors are meant.
    channels
        Of its input.
    """
    own = _own_name(module, layer)
    with evaluating(module):
        recording = record(module, _blank(_LARGE[0], channels), until=own)
    if own not in recording.layers or recording.ended is not None:
        return set(tensors_of(module))
    nodes = recording.nodes
    used = {ref.node for node in nodes for ref in operands(node.arguments)}
    return {nodes[number].name for number in used if nodes[number].operation is None}


def receptive_fields(module: nn.Module, channels: int = 3) -> dict[str, int]:
    """Return the side of the receptive field of every layer of a module that can be traced, in px.

    Parameters
    ----------
    module
        As for `from_module`.
    channels
        Of its input.
    """
    found = {}
    with evaluating(module):
        recording = record(module, _blank(_LARGE[0], channels))
    for name in _maps(recording):
        with contextlib.suppress(OutsideError, UnboundedError, UntraceableError):
            found[name] = field_of(recording, response_of(recording, name)).size
    return found


def short_names(module: nn.Module) -> dict[str, str]:
    """Return the short names of layers of VGG- and ResNet-like networks by their dotted ones."""
    children = dict(module.named_children())
    chain = children.get("features")
    if isinstance(chain, nn.Sequential) and all(isinstance(m, _CHAIN) for m in chain):
        return _numbered(chain)
    if not children.keys() >= {"conv1", "bn1", "layer1"}:
        return {}
    blocks = [
        f"{name}.{index}"
        for name, stage in children.items()
        if name.startswith("layer") and isinstance(stage, nn.Sequential)
        for index, _ in stage.named_children()
    ]
    return {"bn1": "conv1", **dict(zip(blocks, blocks, strict=True))}


def _own_name(module: nn.Module, layer: str) -> str:
    """Return the dotted name of a layer that may be called by its short one."""
    return {given: known for known, given in short_names(module).items()}.get(layer, layer)


_CHAIN = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Dropout)


def _numbered(chain: nn.Sequential) -> dict[str, str]:
    names: dict[str, str] = {}
    stage, number, last = 1, 0, ""
    for name, part in chain.named_children():
        if isinstance(part, nn.MaxPool2d | nn.AvgPool2d):
            stage, number = stage + 1, 0
        elif isinstance(part, nn.Conv2d):
            number += 1
            last = f"features.{name}"
            names[last] = f"conv{stage}_{number}"
        elif isinstance(part, nn.BatchNorm2d) and last:  # the layer is the convolution with it
            names[f"features.{name}"] = names.pop(last)
    return names


@contextlib.contextmanager
def evaluating(module: nn.Module, name: str = "") -> Iterator[None]:
    """Put a module into evaluation mode, and back; with a name, say so."""
    training = [part for part in module.modules() if part.training]
    if module.training and name:
        warnings.warn(f"{name} is in training mode: evaluated as after eval()", stacklevel=4)
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _blank(side: int, channels: int) -> torch.Tensor:
    shape = (IMAGES_SHOWN, channels, side, side)
    return torch.empty(shape, dtype=torch.float64, device="meta")


def _first_look(module: nn.Module, layer: str, channels: int, name: str) -> Field:
    """Return a layer's field in a large image."""
    for side in _LARGE:
        recording = record(module, _blank(side, channels), until=layer)
        if layer not in recording.layers:
            raise _missing(recording, module, layer, name)
        target = response_of(recording, layer)
        try:
            return field_of(recording, target)
        except OutsideError:
            continue
        except UnboundedError as error:
            trouble = recording.nodes[target.node].trouble
            where = recording.nodes[trouble.node].name if trouble else layer
            before = _maps(recording, trouble.node if trouble else target.node)[-1:]
            remedy = f"the last layer before it is {before[0]}" if before else "choose another"
            raise _unbounded(name, layer, f"{where}, which {error}", remedy) from error
    raise _unbounded(name, layer, f"more than {_LARGE[-1]} px", "choose an earlier layer")


def _smaller(module: nn.Module, layer: str, channels: int, least: int) -> tuple[Recording, Field]:
    """Return what a module does to an image of at least some side that holds the layer's field."""
    least = -(-least // _STEP) * _STEP
    for side in range(least, 2 * least + 4 * _STEP, _STEP):
        recording = record(module, _blank(side, channels), until=layer)
        try:
            return recording, field_of(recording, response_of(recording, layer))
        except (OutsideError, UnboundedError, KeyError):  # maps of one row, or none at all
            continue
    raise UntraceableError("needs a larger image than its receptive field")


def _missing(recording: Recording, module: nn.Module, layer: str, name: str) -> Exception:
    if recording.ended is not None:
        return UntraceableError(f"ends with {recording.ended!r}")
    if layer and layer in dict(module.named_modules()):
        gave = recording.others.get(layer)
        wanted = f"a map [N, channels, rows, columns] from {name} {layer}"
        received = f"a {gave}" if gave else "nothing: it does not run"
        return UserError(wanted, received, "choose a layer that gives one")
    return unknown_name("layer", layer, _maps(recording), where=f" of {name}")


def _maps(recording: Recording, before: int | None = None) -> list[str]:
    """Return the layers that can be traced, up to a node, in the order they ran."""
    found = []
    for name, ref in recording.layers.items():
        node = recording.nodes[ref.node]
        early = before is None or ref.node < before
        if early and node.trouble is None and node.layouts[ref.output].is_map:
            found.append(name)
    return found


def _unbounded(name: str, layer: str, received: str, remedy: str) -> UserError:
    return UserError(f"units of {name} {layer} that see a part of the image", received, remedy)
