"""Where images, rows and columns are in a tensor, whatever it was reshaped to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

IMAGES, ROWS, COLUMNS = "images", "rows", "columns"
SPACE = (ROWS, COLUMNS)


class UntraceableError(Exception):
    """An operation is not known, or treats positions unlike each other."""


class UnboundedError(Exception):
    """An operation sees all of its input, so that behind it no unit sees a bounded part."""


@dataclass(frozen=True)
class Factor:
    """A part of a dimension.

    Parameters
    ----------
    axis
        ``"images"``, ``"rows"``, ``"columns"``, or empty for what is none of them.
    size
        How many indices it has.
    """

    axis: str
    size: int


Dimension: TypeAlias = "tuple[Factor, ...]"
"""Slowest factor first; empty where a dimension has one index."""


@dataclass(frozen=True)
class Layout:
    """What the dimensions of a tensor are made of."""

    dimensions: tuple[Dimension, ...]

    @classmethod
    def of(cls, dimensions: Iterable[Sequence[Factor]]) -> Layout:
        """Return a layout in which neighbouring factors that are no axis are one."""
        return cls(tuple(_joined(factors) for factors in dimensions))

    @classmethod
    def plain(cls, shape: Iterable[int]) -> Layout:
        """Return the layout of a tensor that has nothing of the image."""
        return cls.of([Factor("", size)] for size in shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sides."""
        return tuple(math.prod(f.size for f in factors) for factors in self.dimensions)

    @property
    def axes(self) -> set[str]:
        """Its axes, all dimensions together."""
        return {axis for factors in self.dimensions for axis in axes(factors)}

    def size(self, axis: str) -> int:
        """Return how many rows, columns or images there are."""
        return next(f.size for factors in self.dimensions for f in factors if f.axis == axis)

    @property
    def is_map(self) -> bool:
        """Whether it has images, channels, rows and columns, in this order."""
        found = [axes(factors) for factors in self.dimensions]
        return found == [[IMAGES], [], [ROWS], [COLUMNS]]


def axes(factors: Sequence[Factor]) -> list[str]:
    """Return the axes in a dimension."""
    return [factor.axis for factor in factors if factor.axis]


def _joined(factors: Sequence[Factor]) -> Dimension:
    joined: list[Factor] = []
    for factor in factors:
        if not factor.axis and factor.size == 1:
            continue
        if joined and not factor.axis and not joined[-1].axis:
            factor = Factor("", joined.pop().size * factor.size)
        joined.append(factor)
    return tuple(joined)


def regroup(layout: Layout, shape: Sequence[int]) -> Layout:
    """Return the layout after a change of shape that keeps the order of elements.

    Raises
    ------
    UntraceableError
        If it would divide an axis.
    """
    left = list(_joined([factor for factors in layout.dimensions for factor in factors]))
    dimensions = []
    for size in shape:
        taken: list[Factor] = []
        while size > 1:
            factor = left.pop(0)
            if size % factor.size == 0:
                size //= factor.size
            elif not factor.axis and factor.size % size == 0:
                left.insert(0, Factor("", factor.size // size))
                factor, size = Factor("", size), 1
            else:
                raise UntraceableError("divides rows, columns or images")
            taken.append(factor)
        dimensions.append(taken)
    if left:
        raise UntraceableError("leaves one row or column of a map")
    return Layout.of(dimensions)
