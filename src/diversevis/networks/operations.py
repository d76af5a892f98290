"""What each operation does to the axes of a map, and what it needs of its input.

A rule for each operation of ATen, of which all others are made: in which dimensions of the result
rows and columns lie, and which interval of the input an interval of the result needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from diversevis.networks.layouts import (
    IMAGES,
    SPACE,
    Dimension,
    Factor,
    Layout,
    UnboundedError,
    UntraceableError,
    axes,
    regroup,
)

Interval: TypeAlias = "tuple[int, int]"
"""First and last index, both included."""


@dataclass(frozen=True)
class Window:
    """Index `i` of a result needs ``i * stride + start`` and the ``reach - 1`` indices after it."""

    reach: int = 1
    stride: int = 1
    start: int = 0

    def needs(self, interval: Interval) -> Interval:
        """Return which interval of the input an interval of the result needs."""
        first, last = interval
        return first * self.stride + self.start, last * self.stride + self.start + self.reach - 1


Windows: TypeAlias = "dict[str, Window]"
"""By axis; where there is none, an index needs the same index."""

Arguments: TypeAlias = "Mapping[str, Any]"
"""Of an operation by the names of its schema, a `Layout` in place of each tensor."""

Shapes: TypeAlias = "Sequence[tuple[int, ...]]"
"""Of the results of an operation."""

Followed: TypeAlias = "tuple[list[Layout], Windows]"

SAME = ("clone", "detach", "alias", "_to_copy", "lift_fresh", "dropout")
"""Operations that give what they take."""

BATCH_NORMS = ("native_batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm")

PADDINGS = ("constant_pad_nd", "reflection_pad2d", "replication_pad2d")


def follow(operation: str, pointwise: bool, arguments: Arguments, shapes: Shapes) -> Followed:
    """Return the layouts of an operation's results, and what an index of them needs.

    Parameters
    ----------
    operation
        Name of an operation of ATen, in the form that changes nothing in place.
    pointwise
        Whether it treats every element by itself.
    arguments, shapes
        See there.

    Raises
    ------
    UntraceableError, UnboundedError
        If the units behind it cannot be traced.
    """
    if pointwise or operation in _POINTWISE or operation in SAME:
        return [_broadcast(_layouts(arguments))], {}
    if "attention" in operation or operation in _GLOBAL:
        raise UnboundedError("sees the whole map")
    if operation not in _RULES:
        raise UntraceableError(f"{operation} is not known")
    return _RULES[operation](arguments, shapes)


def _layouts(value: Any) -> list[Layout]:
    if isinstance(value, Layout):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [each for v in value for each in _layouts(v)] if isinstance(value, list | tuple) else []


def _broadcast(layouts: Sequence[Layout]) -> Layout:
    rank = max(len(layout.dimensions) for layout in layouts)
    dimensions: list[Dimension] = []
    for i in range(-rank, 0):
        found = {x.dimensions[i] for x in layouts if len(x.dimensions) >= -i and x.dimensions[i]}
        if len(found) > 1:
            raise UntraceableError("joins positions with others, or with numbers for each position")
        dimensions.append(found.pop() if found else ())
    return Layout(tuple(dimensions))


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    values = [value] if isinstance(value, int) else list(value)
    return values[0], values[-1]


def _slid(layout: Layout, shape: Sequence[int], windows: Windows) -> Followed:
    """Return what follows when windows slide over a map."""
    if not layout.is_map:
        raise UntraceableError("slides over something that is no map")
    for axis, after in zip(SPACE, shape[-2:], strict=True):
        if after == 1 and layout.size(axis) > 1:
            raise UnboundedError("sees the whole map")
    rows, columns = (Factor(axis, size) for axis, size in zip(SPACE, shape[-2:], strict=True))
    dimensions = [layout.dimensions[0], [Factor("", shape[1])], [rows], [columns]]
    return [Layout.of(dimensions)], windows


def _convolution(a: Arguments, shapes: Shapes) -> Followed:
    weight: Layout = a["weight"]
    if a["transposed"] or weight.axes or len(weight.shape) != 4:
        raise UntraceableError("is another convolution than one of maps with fixed weights")
    windows = {}
    for i, axis in enumerate(SPACE):
        stride, padding, dilation = (
            _pair(a[name])[i] for name in ("stride", "padding", "dilation")
        )
        windows[axis] = Window(dilation * (weight.shape[2 + i] - 1) + 1, stride, -padding)
    return _slid(a["input"], shapes[0], windows)


def _pooling(a: Arguments, shapes: Shapes) -> Followed:
    windows = {}
    for i, axis in enumerate(SPACE):
        kernel, stride, padding, dilation = (
            _pair(value)[i]
            for value in (
                a["kernel_size"],
                a["stride"] or a["kernel_size"],
                a["padding"],
                a.get("dilation", 1),
            )
        )
        windows[axis] = Window(dilation * (kernel - 1) + 1, stride, -padding)
    followed, windows = _slid(a["self"], shapes[0], windows)
    return followed * len(shapes), windows


def _padding(a: Arguments, shapes: Shapes) -> Followed:
    layout: Layout = a["self"]
    dimensions: list[Sequence[Factor]] = list(layout.dimensions)
    windows: Windows = {}
    for i, (before, after) in enumerate(zip(a["pad"][::2], a["pad"][1::2], strict=True), start=1):
        if not before and not after:
            continue
        found = axes(dimensions[-i])
        if found and (IMAGES in found or len(dimensions[-i]) > 1):
            raise UntraceableError("pads images, or several axes together")
        dimensions[-i] = [Factor(found[0] if found else "", shapes[0][-i])]
        if found:
            windows[found[0]] = Window(start=-before)
    return [Layout.of(dimensions)], windows


def _edge_padding(a: Arguments, shapes: Shapes) -> Followed:
    return _padding({"self": a["self"], "pad": a["padding"]}, shapes)


def _slice(a: Arguments, shapes: Shapes) -> Followed:
    layout: Layout = a["self"]
    at = a["dim"] % len(layout.shape)
    size, found = layout.shape[at], axes(layout.dimensions[at])
    start, step = a["start"] or 0, a["step"]
    if shapes[0][at] == size:
        return [layout], {}
    if found and (IMAGES in found or len(layout.dimensions[at]) > 1):
        raise UntraceableError("takes some images, or parts of several axes together")
    axis = found[0] if found else ""
    dimensions = [*layout.dimensions]
    dimensions[at] = (Factor(axis, shapes[0][at]),)
    first = max(0, start + size if start < 0 else start)
    return [Layout.of(dimensions)], {axis: Window(1, step, first)} if found else {}


def _parts(a: Arguments, shapes: Shapes) -> Followed:
    """Follow what divides a dimension that is no axis, or takes some of its indices."""
    layout: Layout = a["self"]
    at = a["dim"] % len(layout.shape)
    if axes(layout.dimensions[at]):
        raise UntraceableError("takes some rows, columns or images")
    dimensions = [list(factors) for factors in layout.dimensions]
    results = []
    for shape in shapes:
        dimensions[at] = [Factor("", shape[at])] if len(shape) == len(dimensions) else []
        results.append(Layout.of(dimensions))
    if len(shapes[0]) < len(layout.shape):
        results = [Layout((*x.dimensions[:at], *x.dimensions[at + 1 :])) for x in results]
    return results, {}


def _cat(a: Arguments, shapes: Shapes) -> Followed:
    layouts = _layouts(a["tensors"])
    at = a["dim"] % len(shapes[0])
    if any(axes(layout.dimensions[at]) for layout in layouts):
        raise UntraceableError("puts rows, columns or images beside each other")
    others = [Layout((*x.dimensions[:at], (), *x.dimensions[at + 1 :])) for x in layouts]
    dimensions: list[Sequence[Factor]] = list(_broadcast(others).dimensions)
    dimensions[at] = [Factor("", shapes[0][at])]
    return [Layout.of(dimensions)], {}


def _stack(a: Arguments, shapes: Shapes) -> Followed:
    dimensions: list[Sequence[Factor]] = list(_broadcast(_layouts(a["tensors"])).dimensions)
    dimensions.insert(a["dim"] % len(shapes[0]), [Factor("", len(a["tensors"]))])
    return [Layout.of(dimensions)], {}


def _view(a: Arguments, shapes: Shapes) -> Followed:
    return [regroup(a["self"], shapes[0])], {}


def _permute(a: Arguments, _: Shapes) -> Followed:
    dimensions = a["self"].dimensions
    return [Layout(tuple(dimensions[i] for i in a["dims"]))], {}


def _transpose(a: Arguments, shapes: Shapes) -> Followed:
    order = list(range(len(shapes[0])))
    i, j = a.get("dim0", 0), a.get("dim1", -1)
    order[i], order[j] = order[j], order[i]
    return _permute({"self": a["self"], "dims": order}, shapes)


def _unsqueeze(a: Arguments, shapes: Shapes) -> Followed:
    dimensions = list(a["self"].dimensions)
    dimensions.insert(a["dim"] % len(shapes[0]), ())
    return [Layout(tuple(dimensions))], {}


def _squeeze(a: Arguments, _: Shapes) -> Followed:
    layout: Layout = a["self"]
    rank = len(layout.shape)
    dims = a.get("dim", range(rank))
    asked = {i % rank for i in ([dims] if isinstance(dims, int) else dims)}
    kept = [f for i, f in enumerate(layout.dimensions) if f or i not in asked]
    return [Layout(tuple(kept))], {}


def _expand(a: Arguments, shapes: Shapes) -> Followed:
    layout: Layout = a["self"]
    new = [()] * (len(shapes[0]) - len(layout.shape))
    dimensions = [
        factors or [Factor("", size)]
        for factors, size in zip([*new, *layout.dimensions], shapes[0], strict=True)
    ]
    return [Layout.of(dimensions)], {}


def _batch_norm(a: Arguments, shapes: Shapes) -> Followed:
    if a.get("training"):
        raise UnboundedError("normalises by statistics of the map that it is given")
    if axes(a["input"].dimensions[1]):
        raise UntraceableError("has numbers for each position")
    return [a["input"], *map(Layout.plain, shapes[1:])], {}


def _layer_norm(a: Arguments, shapes: Shapes) -> Followed:
    layout: Layout = a["input"]
    _reduced(layout, range(-len(a["normalized_shape"]), 0))
    return [layout, *map(Layout.plain, shapes[1:])], {}


def _reduced(layout: Layout, dims: Iterable[int]) -> None:
    found = {axis for i in dims for axis in axes(layout.dimensions[i])}
    if found & set(SPACE):
        raise UnboundedError("sees the whole map")
    if found:
        raise UntraceableError("sees other images")


def _reduction(a: Arguments, shapes: Shapes) -> Followed:
    layout: Layout = a["self"]
    rank, dims = len(layout.shape), a.get("dim")
    asked = range(rank) if dims in (None, []) else [dims] if isinstance(dims, int) else dims
    asked = {i % rank for i in asked}
    _reduced(layout, asked)
    kept = len(shapes[0]) == rank
    dimensions = [
        () if i in asked else factors
        for i, factors in enumerate(layout.dimensions)
        if kept or i not in asked
    ]
    return [Layout(tuple(dimensions))] * len(shapes), {}


def _along(a: Arguments, _: Shapes) -> Followed:
    """Follow what sees all of one dimension, and keeps the shape."""
    _reduced(a["self"], [a["dim"]])
    return [a["self"]], {}


def _product(left: Layout, right: Layout) -> Layout:
    """Return the layout of matrix products, ``[..., m, k]`` by ``[..., k, n]``."""
    _reduced(left, [-1])
    _reduced(right, [-2])
    batch = _broadcast([Layout(x.dimensions[:-2]) for x in (left, right)]).dimensions
    dimensions = (*batch, left.dimensions[-2], right.dimensions[-1])
    found = [axis for factors in dimensions for axis in axes(factors)]
    if len(found) > len(set(found)):
        raise UnboundedError("compares positions with each other")
    return Layout(dimensions)


def _mm(a: Arguments, _: Shapes) -> Followed:
    return [_product(a["self"], a["mat2"])], {}


def _addmm(a: Arguments, _: Shapes) -> Followed:
    left, right = (a[name] for name in (("mat1", "mat2") if "mat1" in a else ("batch1", "batch2")))
    return [_broadcast([_product(left, right), a["self"]])], {}


_POINTWISE = ("leaky_relu", "_prelu_kernel", "hardswish", "hardtanh", "hardsigmoid", "threshold")
"""Treat every element by itself, without saying so in each version of PyTorch."""

_GLOBAL = (
    "_adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "native_group_norm",
    "_fft_r2c",
)

_RULES: dict[str, Callable[[Arguments, Shapes], Followed]] = {
    "convolution": _convolution,
    **dict.fromkeys(("max_pool2d_with_indices", "avg_pool2d"), _pooling),
    "constant_pad_nd": _padding,
    **dict.fromkeys(("reflection_pad2d", "replication_pad2d"), _edge_padding),
    "slice": _slice,
    **dict.fromkeys(
        ("select", "split", "split_with_sizes", "unbind", "index_select", "glu"), _parts
    ),
    "cat": _cat,
    "stack": _stack,
    **dict.fromkeys(("view", "_unsafe_view", "reshape"), _view),
    "permute": _permute,
    **dict.fromkeys(("transpose", "t"), _transpose),
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "expand": _expand,
    **dict.fromkeys(BATCH_NORMS, _batch_norm),
    "native_layer_norm": _layer_norm,
    **dict.fromkeys(
        ("mean", "sum", "var", "std", "var_mean", "amax", "amin", "max", "min", "logsumexp"),
        _reduction,
    ),
    **dict.fromkeys(("linalg_vector_norm", "norm"), _reduction),
    **dict.fromkeys(("_softmax", "_log_softmax", "cumsum"), _along),
    **dict.fromkeys(("mm", "bmm"), _mm),
    **dict.fromkeys(("addmm", "baddbmm"), _addmm),
}
