"""Shapes of drawings: numbers in, coordinates for SVG out. Templates draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diversevis.results.formats import Array


@dataclass(frozen=True)
class Axis:
    """A linear scale: values from `low` to `high` lie from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a value lies, no further than the ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Return places and labels of round values, `count` or somewhat more."""
        raw = (self.high - self.low) / count
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(size * times for times in (1, 2, 5, 10) if size * times >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        values = [number * step for number in range(first, last + 1)]
        labels = [f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") for value in values]
        return [(self.at(v), label) for v, label in zip(values, labels, strict=True)]


def spanning(values: Any, start: float, end: float, *, including: Sequence[float] = ()) -> Axis:
    """Return the axis that spans finite values with a little room, and `including`."""
    known = np.append(np.asarray(values, float).ravel(), including)
    known = known[np.isfinite(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.5
    return Axis(low - room, high + room, start, end)


def path(x: Axis, y: Axis, xs: Any, ys: Any) -> str:
    """Return a line through points as SVG has it; points that are not finite break it."""
    parts, pen = [], "M"
    for a, b in zip(np.asarray(xs, float), np.asarray(ys, float), strict=True):
        if math.isfinite(a) and math.isfinite(b):
            parts.append(f"{pen}{x.at(a):g} {y.at(b):g}")
            pen = "L"
        else:
            pen = "M"
    return "".join(parts)


def scatter_row(values: Sequence[float], x: Axis, *, height: float, radius: float) -> list[Any]:
    """Return where dots lie on a strip, one above the other where they would overlap.

    Returns
    -------
    list of (x, y) or None
        None for values that are not known. ``y`` is measured from the middle.
    """
    placed: list[tuple[float, float]] = []
    found: list[Any] = [None] * len(values)
    most = int(height / 2 / radius)
    for index in sorted(
        (i for i, v in enumerate(values) if math.isfinite(v)), key=lambda i: values[i]
    ):
        at = x.at(values[index])
        near = {level for other, level in placed if abs(other - at) < 2 * radius}
        levels = sorted(range(-most, most + 1), key=abs)
        level = next((level for level in levels if level not in near), 0)
        placed.append((at, level))
        found[index] = (at, round(level * radius * 1.9, 1))
    return found


def histogram(values: Any, low: float, high: float, bins: int) -> Array:
    """Return how many finite values lie in each of equal bins, those beyond in the outer ones."""
    known = np.asarray(values, float)
    known = np.clip(known[np.isfinite(known)], low, high)
    return np.histogram(known, bins, (low, high))[0]
