"""What one position of a layer needs of every operation before it.

Backwards from the position, in the whole padded network, every node gets the interval of rows and
columns that is needed of it: the union over the nodes that take it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from diversevis.networks.layouts import COLUMNS, IMAGES, ROWS, SPACE, UntraceableError, axes
from diversevis.networks.operations import Interval, Window
from diversevis.networks.recording import IMAGE, Node, Recording, Ref, operands

Region: TypeAlias = "dict[str, Interval]"
"""The rows and columns of a node that are needed."""


class OutsideError(Exception):
    """A position needs more than there is of the image: rows or columns in the padding."""


@dataclass(frozen=True)
class Field:
    """What one position of a layer needs of every node.

    Parameters
    ----------
    position
        Row and column in the layer's map.
    regions
        By node, those that the layer does not need left out; that of the image is square.
    stride
        Pixels between the fields of neighbouring rows; zero where it is not known.
    """

    position: tuple[int, int]
    regions: Mapping[int, Region]
    stride: int = 0

    @property
    def size(self) -> int:
        """Side of the receptive field in pixels."""
        first, last = self.regions[IMAGE][SPACE[0]]
        return last - first + 1

    def crop(self, images: Tensor) -> Tensor:
        """Return what the position sees of images ``[..., side, side]``."""
        rows, columns = (self.regions[IMAGE][axis] for axis in SPACE)
        return images[..., rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]


def response_of(recording: Recording, layer: str) -> Ref:
    """Return what units of a layer respond with: before its ReLU, where it ends in one."""
    ref = recording.layers[layer]
    while is_relu(recording.nodes[ref.node]):
        ref = next(operands(recording.nodes[ref.node].arguments))
    return ref


def field_of(recording: Recording, target: Ref) -> Field:
    """Return what the position in the middle of a layer's map needs of every node.

    Parameters
    ----------
    recording
        Of a module up to the layer.
    target
        The layer's response.

    Raises
    ------
    UntraceableError, UnboundedError
        If an operation before the layer cannot be traced.
    OutsideError
        If the images are too small for the position to see no padding.
    """
    nodes = recording.nodes
    if (trouble := nodes[target.node].trouble) is not None:
        raise trouble.error
    layout = nodes[target.node].layouts[target.output]
    if not layout.axes >= {IMAGES, *SPACE} or axes(layout.dimensions[0]) != [IMAGES]:
        raise UntraceableError("gives no map")
    middle = {axis: layout.size(axis) // 2 for axis in SPACE}
    regions = _regions(nodes, target, middle)
    for number, region in regions.items():
        for axis, (first, last) in region.items():
            if first < 0 or last >= nodes[number].layouts[0].size(axis):
                raise OutsideError(nodes[number].name)
    before = _regions(nodes, target, {axis: at - 1 for axis, at in middle.items()})
    stride = regions[IMAGE][ROWS][0] - before[IMAGE][ROWS][0]
    return Field((middle[ROWS], middle[COLUMNS]), regions, stride)


def _regions(nodes: Sequence[Node], target: Ref, at: Mapping[str, int]) -> dict[int, Region]:
    """Return what of each node a position needs, in rows and columns that may not be there."""
    regions: dict[int, Region] = {target.node: {axis: (at[axis], at[axis]) for axis in SPACE}}
    for number in range(target.node, IMAGE, -1):
        if number not in regions:
            continue
        node = nodes[number]
        for ref in operands(node.arguments):
            if not nodes[ref.node].constant:
                known = regions.setdefault(ref.node, {})
                for axis, need in needs(node, regions[number]).items():
                    first, last = known.get(axis, need)
                    known[axis] = min(first, need[0]), max(last, need[1])
    regions[IMAGE] = square(regions[IMAGE])
    return regions


def needs(node: Node, region: Region) -> Region:
    """Return what a node needs of each operand, for a region of its own."""
    return {axis: node.windows.get(axis, Window()).needs(region[axis]) for axis in SPACE}


def square(region: Region) -> Region:
    """Return the smallest square around a region, of the image."""
    size = max(last - first + 1 for first, last in region.values())
    grown = {}
    for axis, (first, last) in region.items():
        first -= (size - (last - first + 1)) // 2
        grown[axis] = first, first + size - 1
    return grown


def is_relu(node: Node) -> bool:
    """Tell whether a node sets what is below zero to zero."""
    a = node.arguments
    return (
        node.kind in ("relu", "relu_")
        or (node.kind in ("hardtanh", "hardtanh_") and a.get("min_val") == 0)
        or (node.kind in ("clamp", "clamp_min") and a.get("min") == 0)
    )
