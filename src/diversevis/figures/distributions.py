"""Distributions over units: one dot per unit, with the median and its interval from the tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from diversevis.figures.style import INK, LABEL

_MANY = 60  # units, from which on dots are smaller

BAND = "#E3E3E3"
"""Colour of intervals."""


def dot_size(count: int) -> float:
    """Return the diameter of one of `count` dots, in points."""
    return 2.6 if count < _MANY else 1.6


def swarm(
    axes: Axes,
    at: float,
    values: np.ndarray,
    *,
    width: float,
    colour: str,
    filled: bool = True,
    marker: str = "o",
    ringed: np.ndarray | None = None,
) -> None:
    """Draw a dot for every value, beside each other where they would lie on each other.

    The axes have their final place and limits already. Values that are not finite have no dot.

    Parameters
    ----------
    axes
        Where to draw.
    at
        Middle of the dots on the horizontal axis.
    values
        ``[units]``.
    width
        Room for them on the horizontal axis.
    colour
        Of the dots.
    filled
        Or open.
    marker
        Its shape, as Matplotlib calls it.
    ringed
        ``[units]``, which dots have a ring around them: units that were picked by hand.
    """
    (finite,) = np.nonzero(np.isfinite(values))
    order = finite[np.argsort(values[finite])]
    values = values[order]
    size = dot_size(len(values))
    offsets = _offsets(axes, values, size, width)
    style: dict[str, Any] = (
        {"mfc": colour, "mew": 0} if filled else {"mfc": "white", "mec": colour, "mew": 0.5}
    )
    axes.plot(at + offsets, values, marker, ls="", ms=size, clip_on=False, **style)
    if ringed is not None and (rings := ringed[order]).any():
        _ring(axes, (at + offsets)[rings], values[rings], size)


def _ring(axes: Axes, x: Any, y: Any, size: float) -> None:
    """Draw rings around marks of a size, in points."""
    style: dict[str, Any] = {"mfc": "none", "mec": INK, "mew": 0.6, "clip_on": False, "zorder": 5}
    axes.plot(x, y, "o", ls="", ms=size + 2.4, **style)


def ring_key(page: Axes, left: float, y: float, text: str = "ringed: picked by hand") -> float:
    """Draw what rings of `swarm` mean, for a key; return the width in mm."""
    page.plot(left, y, "o", color=INK, ms=2.6, mew=0)
    _ring(page, left, y, 2.6)
    page.text(left + 2.3, y, text, size=LABEL, va="center_baseline")
    return 2.3 + 1.15 * len(text)


def _offsets(axes: Axes, values: np.ndarray, size: float, width: float) -> np.ndarray:
    """Return how far from the middle each of the sorted values goes."""
    across, up = np.array(axes.bbox.size) / axes.figure.dpi * 72  # points
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    pitch = 1.05 * size / across * (right - left)
    row = np.floor((values - low) / (high - low) * up / size)
    offsets = np.zeros(len(values))
    for level in np.unique(row):
        (here,) = np.nonzero(row == level)
        places = (np.arange(len(here)) - (len(here) - 1) / 2) * pitch
        reach = np.abs(places).max()
        offsets[here] = places * min(1.0, width / 2 / reach) if reach else 0.0
    return offsets


def median_mark(axes: Axes, at: float, width: float, value: float, low: float, high: float) -> None:
    """Draw a median as a bar across, on its interval as a band behind the dots; nothing for NaN."""
    if np.isnan(value):
        return
    left, right = at - width / 2, at + width / 2
    axes.fill_between([left, right], low, high, color=BAND, lw=0, zorder=0.5)
    axes.plot([left, right], [value] * 2, color=INK, lw=1.4, zorder=4, solid_capstyle="butt")


def median_key(page: Axes, left: float, y: float) -> None:
    """Draw what `median_mark` does, 3 mm wide, for a key."""
    page.fill_between([left, left + 3], y - 1.3, y + 1.3, color=BAND, lw=0)
    page.plot([left, left + 3], [y, y], color=INK, lw=1.4, solid_capstyle="butt")


def median_of(
    layers: pd.DataFrame, network: str, layer: str, quantity: str
) -> tuple[float, float, float]:
    """Return a layer's median with its interval, from the table of layers; NaN if it has none."""
    found = layers[
        (layers.network == network)
        & (layers.layer == layer)
        & (layers.quantity == quantity)
        & (layers.statistic == "median")
    ]
    if found.empty:
        return (np.nan,) * 3
    value, low, high = found[["value", "low", "high"]].iloc[0].astype(float)
    return value, low, high
