"""What a module does to images: every operation of its forward pass, written down as it runs.

The module runs as it is, on images without content (device "meta"), so that whatever its `forward`
reads, shapes included, is known. Operations are those of ATen, few and each with a rule.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from diversevis.networks.layouts import (
    COLUMNS,
    IMAGES,
    ROWS,
    Factor,
    Layout,
    UnboundedError,
    UntraceableError,
)
from diversevis.networks.operations import Windows, follow

IMAGES_SHOWN = 2
"""In every pass, so that a dimension of images is told from one that has one index."""


class Ref(NamedTuple):
    """One of the results of a node."""

    node: int
    output: int = 0


@dataclass(frozen=True)
class Trouble:
    """Why nothing behind an operation can be traced: the error, and the node that raised it."""

    node: int
    error: UntraceableError | UnboundedError


@dataclass(frozen=True)
class Node:
    """An operation, or one of the tensors that operations take.

    Parameters
    ----------
    name
        Module and operation, ``layer1.0.conv1.convolution``; of a tensor that a module holds, its
        name.
    operation
        In the form that changes nothing in place; None for images and for tensors of the module.
    arguments
        By the names of its schema, in that order, a `Ref` in place of each tensor.
    layouts
        Of its results; empty behind a trouble.
    windows
        What an index of its results needs of its input.
    constant
        Whether it is the same for all images.
    trouble
        None where it can be traced.
    value
        Of a tensor that is neither the images nor held by the module under a name.
    """

    name: str
    operation: OpOverload | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    layouts: tuple[Layout, ...] = ()
    windows: Windows = field(default_factory=dict)
    constant: bool = False
    trouble: Trouble | None = None
    value: Tensor | None = None

    @property
    def kind(self) -> str:
        """The operation's name; empty for tensors."""
        return "" if self.operation is None else _packet(self.operation)


@dataclass
class Recording:
    """What was written down.

    Parameters
    ----------
    nodes
        The images, the tensors that the module holds, then operations in the order they ran.
    layers
        By dotted name what a module gave; numbered from the second time it ran (``relu``,
        ``relu_1``). Additions that a module makes by itself are ``layer1.0.add``.
    others
        By dotted name the type of what a module gave, where it is no tensor.
    ended
        The error with which the module ended, if it did.
    """

    nodes: list[Node]
    layers: dict[str, Ref] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    ended: Exception | None = None


IMAGE = 0
"""The node of the images."""


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters and buffers of a module by name."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def operands(value: Any) -> Iterator[Ref]:
    """Yield all references in the arguments of a node."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        yield from operands(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from operands(each)


def record(
    module: nn.Module,
    images: Tensor,
    *,
    until: str | None = None,
    seen: Callable[[int, Any], None] | None = None,
) -> Recording:
    """Return what `module` does to images.

    Parameters
    ----------
    module
        Computes with copies of its tensors of the type and on the device of `images`, and is left
        as it is; on the device "meta" nothing is computed.
    images
        ``[2, C, side, side]``, in the network's own scale.
    until
        A layer after which to stop.
    seen
        Is told the number of each operation and its result.
    """
    held = {
        name: tensor.detach().to(images if tensor.is_floating_point() else images.device)
        for name, tensor in tensors_of(module).items()
    }
    recorder = _Recorder(images, held, until, seen)
    with recorder.hooks(module), torch.no_grad(), torch.device(images.device):
        try:
            with recorder:
                torch.func.functional_call(module, held, (images,))
        except _ReachedError:
            pass
        except Exception as error:  # whatever a module of a user raises
            recorder.recording.ended = error
    return recorder.recording


class _ReachedError(Exception):
    """The last layer that was asked for has been seen."""


class _Recorder(TorchDispatchMode):
    """Sees every operation that is run under it."""

    def __init__(
        self,
        images: Tensor,
        held: Mapping[str, Tensor],
        until: str | None,
        seen: Callable[[int, Any], None] | None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until, self.seen = until, seen
        count, channels, rows, columns = images.shape
        factors = ((IMAGES, count), ("", channels), (ROWS, rows), (COLUMNS, columns))
        layout = Layout.of([Factor(*factor)] for factor in factors)
        self.recording = Recording([Node("image", layouts=(layout,))])
        _mark(images, Ref(IMAGE))
        for name, tensor in held.items():
            self._add_tensor(name, tensor)
        self._where: list[str] = []
        self._times: dict[str, int] = {}

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operation and write it down."""
        given = {a.name: v for a, v in zip(func._schema.arguments, args, strict=False)}
        given |= kwargs or {}
        changes_view = func._schema.is_mutable and _is_view(given.get("self"))
        arguments = {name: self._refer(value) for name, value in given.items()}
        out = func(*args, **(kwargs or {}))
        results = out if isinstance(out, tuple | list) else [out]
        tensors = [t for t in results if isinstance(t, Tensor)]
        if not tensors:
            return out
        node = self._node(func, arguments, [tuple(t.shape) for t in tensors], changes_view)
        self.recording.nodes.append(node)
        number = len(self.recording.nodes) - 1
        for i, tensor in enumerate(tensors):
            _mark(tensor, Ref(number, i))
        if self.seen is not None:
            self.seen(number, out)
        if node.kind in ("add", "add_") and not node.constant:
            self._name(node.name, Ref(number))
        return out

    @contextlib.contextmanager
    def hooks(self, module: nn.Module) -> Iterator[None]:
        """Follow which module runs, and name what each gives."""
        handles = []
        for name, part in module.named_modules():
            if name:
                enter, leave = self._enter(name), self._leave(name)
                handles += [
                    part.register_forward_pre_hook(enter, prepend=True),
                    part.register_forward_hook(leave),
                ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, name: str) -> Callable[..., None]:
        return lambda _module, _inputs: self._where.append(name)

    def _leave(self, name: str) -> Callable[..., None]:
        def leave(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._where.pop()
            ref = getattr(output, _MARK, None)
            if ref is None:
                self.recording.others[name] = type(output).__name__
            else:
                self._name(name, ref)

        return leave

    def _name(self, name: str, ref: Ref) -> None:
        times = self._times[name] = self._times.get(name, 0) + 1
        name = name if times == 1 else f"{name}_{times - 1}"
        self.recording.layers[name] = ref
        if name == self.until:
            raise _ReachedError

    def _refer(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if not hasattr(value, _MARK):
                self._add_tensor("a tensor that forward makes", value, value)
            return getattr(value, _MARK)
        if isinstance(value, list | tuple):
            return [self._refer(each) for each in value]
        return value

    def _add_tensor(self, name: str, tensor: Tensor, value: Tensor | None = None) -> None:
        nodes = self.recording.nodes
        layouts = (Layout.plain(tensor.shape),)
        nodes.append(Node(name, layouts=layouts, constant=True, value=value))
        _mark(tensor, Ref(len(nodes) - 1))

    def _node(
        self,
        func: OpOverload,
        arguments: dict[str, Any],
        shapes: list[tuple[int, ...]],
        changes_view: bool,
    ) -> Node:
        nodes = self.recording.nodes
        kind = _packet(func)
        name = ".".join([*self._where[-1:], kind.rstrip("_")])
        used = [nodes[ref.node] for ref in operands(arguments)]
        troubles = [node.trouble for node in used if node.trouble]
        if troubles:
            # What sees everything cannot be run on a patch in any way: it is what to tell of.
            worst = sorted(troubles, key=lambda t: isinstance(t.error, UntraceableError))
            return Node(name, func, arguments, trouble=worst[0])
        constant = all(node.constant for node in used)
        windows: Windows = {}
        try:
            operation = _functional(func)
            arguments = _complete(operation, arguments)
            if constant:
                layouts = [Layout.plain(shape) for shape in shapes]
            elif changes_view:
                raise UntraceableError("changes part of a tensor in place")
            else:
                pointwise = torch.Tag.pointwise in operation.tags
                shown = _with_layouts(arguments, nodes)
                layouts, windows = follow(_packet(operation), pointwise, shown, shapes)
        except (UntraceableError, UnboundedError) as error:
            return Node(name, func, arguments, trouble=Trouble(len(nodes), error))
        return Node(name, operation, arguments, tuple(layouts), windows, constant)


_MARK = "_diversevis_ref"
"""The attribute of a tensor that says which result it is: it goes when the tensor goes."""


def _mark(tensor: Tensor, ref: Ref) -> None:
    setattr(tensor, _MARK, ref)


def _is_view(value: Any) -> bool:
    return isinstance(value, Tensor) and value._is_view()


def _packet(operation: OpOverload) -> str:
    return operation._schema.name.rpartition("::")[2]


def _functional(operation: OpOverload) -> OpOverload:
    """Return the form of an operation that changes nothing in place."""
    if not operation._schema.is_mutable:
        return operation
    packet = getattr(torch.ops.aten, _packet(operation).removesuffix("_"), None)
    found: OpOverload | None = getattr(packet, operation._overloadname, None)
    if found is None or found._schema.is_mutable:
        raise UntraceableError(f"{_packet(operation)} changes a tensor in place")
    return found


def _complete(operation: OpOverload, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an operation with its defaults, in the order of its schema."""
    return {
        a.name: given.get(a.name, a.default_value)
        for a in operation._schema.arguments
        if a.name in given or a.has_default_value()
    }


def _with_layouts(value: Any, nodes: list[Node]) -> Any:
    if isinstance(value, Ref):
        return nodes[value.node].layouts[value.output]
    if isinstance(value, Mapping):
        return {name: _with_layouts(each, nodes) for name, each in value.items()}
    return [_with_layouts(each, nodes) for each in value] if isinstance(value, list) else value
