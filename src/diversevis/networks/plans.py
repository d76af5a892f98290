"""How to compute what a field needs: unpadded operations on operands that are cropped to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from diversevis.networks.conventions import Convention
from diversevis.networks.fields import Field, Region, is_relu, needs
from diversevis.networks.layouts import IMAGES, Layout, UntraceableError, axes
from diversevis.networks.operations import BATCH_NORMS, SAME
from diversevis.networks.recording import IMAGE, Node, Recording, Ref, operands, tensors_of


@dataclass(frozen=True)
class Value:
    """Where a step finds an operand: an output of a node (None: its only one), cropped."""

    node: int
    output: int | None = None
    crop: tuple[slice, ...] | None = None


@dataclass(frozen=True)
class Held:
    """Where a step finds a tensor that is the same for all patches."""

    name: str


@dataclass(frozen=True)
class Step:
    """One unpadded operation, and the nodes whose results are not needed after it."""

    node: int
    call: Callable[..., Any]
    arguments: Sequence[Any]
    spent: tuple[int, ...] = ()


class Plan:
    """The steps that compute what a field needs, and the tensors that they hold, in float64.

    Batch norms are folded into convolutions, and so is the scale of the input where one convolution
    takes it: without padding that is exact.
    """

    def __init__(
        self, module: nn.Module, recording: Recording, field: Field, convention: Convention
    ) -> None:
        self.held: dict[str, Tensor] = {}
        self._nodes, self._layers, self._regions = recording.nodes, recording.layers, field.regions
        self._convention, self._tensors = convention, tensors_of(module)
        self._constants: dict[int, Any] = {}
        self._users: dict[int, list[int]] = {number: [] for number in self._regions}
        for number in sorted(self._regions):
            for ref in operands(self._nodes[number].arguments):
                if ref.node in self._users:
                    self._users[ref.node].append(number)
        # By the node of a batch norm, the convolution before it.
        self._folded = {
            users[0]: number
            for number, users in self._users.items()
            if self._nodes[number].kind == "convolution"
            and len(users) == 1
            and self._nodes[users[0]].kind in BATCH_NORMS
        }
        first = self._users[IMAGE][0]
        plain = self._nodes[first].arguments.get("groups") == 1 and len(self._users[IMAGE]) == 1
        self._first = first if plain else None

    def value(self, ref: Ref) -> Value:
        """Return where an output of a node is found.

        Raises
        ------
        UntraceableError
            If it is one that is not computed.
        """
        node = self._nodes[ref.node]
        if node.kind in _FIRST_OUTPUT or node.operation is None:
            if ref.output:
                raise UntraceableError(f"takes the places of maxima from {node.name}")
            return Value(ref.node)
        returns = node.operation._schema.returns
        several = len(returns) > 1 or str(returns[0].type).startswith("List")
        return Value(ref.node, ref.output if several else None)

    def taps(self, names: Mapping[str, str] | None, target: Ref) -> dict[str, Value]:
        """Return where the map of each layer before the target is found, after its ReLU.

        Parameters
        ----------
        names
            What to call layers, by their names in the recording; only these are taken. None takes
            all by their own names, and of those of one map the first of the outermost module.
        target
            The response.
        """
        found: dict[Ref, str] = {}
        for name, own in self._layers.items():
            ref = self._after_relu(own)
            if ref.node not in self._regions or ref.node >= target.node:
                continue
            if not self._nodes[ref.node].layouts[ref.output].is_map:
                continue
            if names is not None:
                if name in names:
                    found[ref] = names[name]
            elif ref not in found or name.count(".") < found[ref].count("."):
                found[ref] = name
        return {name: self.value(ref) for ref, name in sorted(found.items())}

    def _after_relu(self, ref: Ref) -> Ref:
        for wanted in (_is_batch_norm, is_relu):
            users = self._users.get(ref.node, [])
            if len(users) == 1 and wanted(self._nodes[users[0]]):
                ref = Ref(users[0])
        return ref

    def steps(self, kept: set[int]) -> list[Step]:
        """Return the steps in the order of the nodes; results of `kept` nodes are left as they are.

        Raises
        ------
        UntraceableError
            If an operand cannot be cropped.
        """
        steps = []
        for number in sorted(self._regions):
            if number == IMAGE:
                if self._first is None:
                    steps.append(self._conversion())
            elif self._nodes[self._folded.get(number, number)].kind == "convolution":
                if number not in self._folded.values():
                    steps.append(self._convolution(self._folded.get(number, number), number))
            else:
                steps.append(self._step(number, kept))
        return _with_spent(steps)

    def _conversion(self) -> Step:
        like = torch.zeros((), dtype=torch.float64)
        weight = self._hold("input.weight", self._convention.weight(like))
        bias = self._hold("input.bias", self._convention.bias(like))
        return Step(IMAGE, torch.conv2d, [Value(IMAGE), weight, bias])

    def _convolution(self, number: int, result: int) -> Step:
        node = self._nodes[number]
        a = node.arguments
        weight = self._constant(a["weight"])
        bias = weight.new_zeros(len(weight)) if a["bias"] is None else self._constant(a["bias"])
        if number == self._first:
            of_input = self._convention
            bias = bias + torch.einsum("oikl,i->o", weight, of_input.bias(weight))
            weight = torch.einsum("oikl,ic->ockl", weight, of_input.weight(weight)[..., 0, 0])
        if result != number:
            norm = self._nodes[result].arguments
            mean, variance, scale, shift = (
                None if norm[name] is None else self._constant(norm[name])
                for name in ("running_mean", "running_var", "weight", "bias")
            )
            by = (variance + norm.get("eps", norm.get("epsilon"))).rsqrt()
            by = by if scale is None else by * scale
            weight, bias = weight * by[:, None, None, None], (bias - mean) * by
            bias = bias if shift is None else bias + shift
        name = self._nodes[result].name
        held = [self._hold(f"{name}.weight", weight), self._hold(f"{name}.bias", bias)]
        taken = self._operand(node, number, a["input"])
        settings = [list(a["stride"]), [0, 0], list(a["dilation"]), a["groups"]]
        return Step(result, torch.conv2d, [taken, *held, *settings])

    def _step(self, number: int, kept: set[int]) -> Step:
        node = self._nodes[number]
        call, arguments = _unpadded(node, self._nodes, self._regions[number])
        placed = [self._placed(node, number, argument) for argument in arguments]
        if call is torch.relu and self._may_change(placed[0], kept):
            call = torch.relu_
        return Step(number, call, placed)

    def _may_change(self, operand: Value, kept: set[int]) -> bool:
        """Tell whether nobody else needs an operand, the gradient of what made it included."""
        node = self._nodes[operand.node]
        alone = len(self._users[operand.node]) == 1 and operand.node not in kept
        made = node.kind in ("convolution", "add", *BATCH_NORMS)
        return alone and made and operand.crop is None

    def _placed(self, node: Node, number: int, argument: Any) -> Any:
        if isinstance(argument, Ref):
            if not self._nodes[argument.node].constant:
                return self._operand(node, number, argument)
            made = self._nodes[argument.node].name
            return self._hold(f"{number}.{argument.output}.{made}", self._constant(argument))
        if isinstance(argument, list):
            return [self._placed(node, number, each) for each in argument]
        return argument

    def _operand(self, node: Node, number: int, ref: Ref) -> Value:
        need, have = needs(node, self._regions[number]), self._regions[ref.node]
        value = self.value(ref)
        if need == have:
            return value
        crop = []
        for factors in self._nodes[ref.node].layouts[ref.output].dimensions:
            (axis, *others) = axes(factors) or [""]
            if others or (axis and axis != IMAGES and len(factors) > 1):
                raise UntraceableError("takes a part of several axes that were made one")
            if axis in need:
                first = need[axis][0] - have[axis][0]
                crop.append(slice(first, first + _extent(need, axis)))
            else:
                crop.append(slice(None))
        return replace(value, crop=tuple(crop))

    def _hold(self, name: str, tensor: Tensor) -> Held:
        key = f"{len(self.held)} {name}".replace(".", "_")
        self.held[key] = tensor.detach().clone()
        return Held(key)

    def _constant(self, ref: Ref) -> Any:
        """Return a tensor that is the same for all patches, in float64."""
        node = self._nodes[ref.node]
        if ref.node not in self._constants:
            if node.operation is not None:
                arguments = {k: self._evaluated(v) for k, v in node.arguments.items()}
                if "device" in arguments:
                    arguments["device"] = torch.device("cpu")
                with torch.no_grad():
                    made = _called(node, arguments)
            elif node.value is None:
                made = _double(self._tensors[node.name])
            elif node.value.is_meta:
                raise UntraceableError("takes a tensor that forward makes")
            else:
                made = _double(node.value)
            self._constants[ref.node] = made
        value = self._constants[ref.node]
        return value[ref.output] if isinstance(value, tuple | list) else value

    def _evaluated(self, value: Any) -> Any:
        if isinstance(value, Ref):
            return self._constant(value)
        return [self._evaluated(v) for v in value] if isinstance(value, list) else value


_FIRST_OUTPUT = (*BATCH_NORMS, "max_pool2d_with_indices", "native_layer_norm")
"""Operations that are run by a function that returns the first of their outputs alone."""


def _called(node: Node, arguments: Mapping[str, Any]) -> Any:
    call, positional = _by_place(node, arguments)
    return call(*positional)


def _by_place(node: Node, arguments: Mapping[str, Any]) -> tuple[Callable[..., Any], list[Any]]:
    """Return an operation, its arguments without a place taken along, and those with one."""
    assert node.operation is not None  # noqa: S101 - tensors are not run
    schema = {a.name: a.kwarg_only for a in node.operation._schema.arguments}
    named = {name: value for name, value in arguments.items() if schema[name]}
    placed = [value for name, value in arguments.items() if not schema[name]]
    return (partial(node.operation, **named) if named else node.operation), placed


def _unpadded(
    node: Node, nodes: Sequence[Node], region: Region
) -> tuple[Callable[..., Any], list[Any]]:
    """Return a function that does what a node does, without padding, and its arguments."""
    a = node.arguments
    match node.kind:
        case "max_pool2d_with_indices":
            stride = list(a["stride"] or a["kernel_size"])
            return torch.max_pool2d, [a["self"], list(a["kernel_size"]), stride, 0, a["dilation"]]
        case "avg_pool2d":
            stride = list(a["stride"] or a["kernel_size"])
            settings = [list(a["kernel_size"]), stride, 0, False, True, a["divisor_override"]]
            return F.avg_pool2d, [a["self"], *settings]
        case kind if kind in BATCH_NORMS:
            names = ("input", "running_mean", "running_var", "weight", "bias")
            eps = a.get("eps", a.get("epsilon"))
            return F.batch_norm, [*(a[name] for name in names), False, 0.0, eps]
        case "native_layer_norm":
            names = ("input", "normalized_shape", "weight", "bias", "eps")
            return F.layer_norm, [a[name] for name in names]
        case "reflection_pad2d" | "replication_pad2d":
            return _same, [a["self"]]
        case "constant_pad_nd":
            layout = _layout(nodes, a["self"])
            pads = [
                0 if axes(layout.dimensions[-1 - i // 2]) else pad for i, pad in enumerate(a["pad"])
            ]
            return (_pad, [a["self"], pads, a["value"]]) if any(pads) else (_same, [a["self"]])
        case "slice" if axes(_layout(nodes, a["self"]).dimensions[a["dim"]]):
            rank = len(node.layouts[0].shape)
            steps = [slice(None)] * rank
            steps[a["dim"]] = slice(None, None, a["step"])
            return (_same, [a["self"]]) if a["step"] == 1 else (_at, [a["self"], tuple(steps)])
        case "view" | "_unsafe_view" | "reshape":
            return torch.reshape, [a["self"], _sizes(node.layouts[0], region)]
        case "expand":
            return torch.Tensor.expand, [a["self"], _sizes(node.layouts[0], region)]
        case "relu":
            return torch.relu, [a["self"]]
        case kind if kind in SAME:
            return _same, [a["self"]]
        case _:
            return _by_place(node, a)


def _is_batch_norm(node: Node) -> bool:
    return node.kind in BATCH_NORMS


def _layout(nodes: Sequence[Node], ref: Ref) -> Layout:
    return nodes[ref.node].layouts[ref.output]


def _sizes(layout: Layout, region: Region) -> list[int]:
    """Return a shape for a region of a node; -1 where it depends on the number of patches."""
    sizes = []
    for factors in layout.dimensions:
        size = 1
        for factor in factors:
            size *= _extent(region, factor.axis) if factor.axis in region else factor.size
        sizes.append(-1 if IMAGES in axes(factors) else size)
    return sizes


def _extent(region: Region, axis: str) -> int:
    first, last = region[axis]
    return last - first + 1


def _same(x: Tensor) -> Tensor:
    return x


def _at(x: Tensor, where: tuple[slice, ...]) -> Tensor:
    return x[where]


def _pad(x: Tensor, pads: list[int], value: float) -> Tensor:
    return F.pad(x, pads, value=value)


def _double(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu()
    return tensor.double() if tensor.is_floating_point() else tensor


def _with_spent(steps: Sequence[Step]) -> list[Step]:
    """Say after which step the result of each node is not needed any more."""
    last: dict[int, int] = {}
    for place, step in enumerate(steps):
        last |= dict.fromkeys(_nodes_of(step.arguments), place)
    spent: list[list[int]] = [[] for _ in steps]
    for node, place in last.items():
        spent[place].append(node)
    return [replace(step, spent=tuple(some)) for step, some in zip(steps, spent, strict=True)]


def _nodes_of(value: Any) -> list[int]:
    if isinstance(value, Value):
        return [value.node]
    return [n for each in value for n in _nodes_of(each)] if isinstance(value, list) else []
