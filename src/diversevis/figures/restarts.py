"""Figure (a): the images that restarts find beside those of a diverse set, unit by unit."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.data import Layer
from diversevis.figures.style import (
    DIVERSE,
    FAINT,
    GREY,
    INK,
    LABEL,
    NATURAL,
    PAGE_WIDTH,
    RESTARTS,
    TEXT,
    TITLE,
    inset,
    network_title,
    number,
    page,
    show_patches,
    theme,
)

_PER_ROW = 6  # images of a set, before its next row begins
_MARGIN, _LABEL, _STRIP = 2.5, 8.5, 37.0  # mm: page margin, channel numbers, activations
_GAP, _APART, _LARGEST = 0.4, 3.0, 12.0
_HEADER, _FOOTER, _NUMBERS, _BETWEEN = 16.5, 9.0, 3.6, 2.2


def draw(layer: Layer, *, fraction: float = 0.9) -> Figure:
    """Draw restarts against diverse sets, one row a unit.

    Parameters
    ----------
    layer
        What to draw.
    fraction
        Share of the restarts' mean activation that diverse sets were asked to keep.
    """
    units, n = layer.restart_activations.shape
    columns, rows = min(n, _PER_ROW), -(-n // _PER_ROW)
    room = PAGE_WIDTH - 2 * _MARGIN - _LABEL - _STRIP - 3 * _APART - 2 * (columns - 1) * _GAP
    size = min(_LARGEST, room / (2 * columns + 1))
    block = columns * (size + _GAP) - _GAP
    left = _MARGIN + _LABEL
    lefts = (left, left + size + _APART, left + size + block + 2 * _APART)
    height = rows * (size + _GAP) - _GAP
    pitch = height + _NUMBERS + _BETWEEN
    tops = _HEADER + pitch * np.arange(units)
    strip = lefts[2] + block + _APART + 1.5
    with theme():
        figure, canvas = page(_HEADER + units * pitch - _BETWEEN + _FOOTER)
        title = f"{network_title(layer.network)}  {layer.layer}"
        canvas.text(_MARGIN, 4.5, title, size=TITLE, weight="bold", va="center")
        note = f"receptive field {layer.size} px"
        canvas.text(PAGE_WIDTH - _MARGIN, 4.5, note, color=GREY, va="center", ha="right")
        widths = (size, block, block)
        heads = ("natural", f"{n} random restarts", f"{n} diverse images")
        for x, width, head, colour in zip(
            lefts, widths, heads, (NATURAL, RESTARTS, DIVERSE), strict=True
        ):
            _head(canvas, x, width, head, colour)
        _head(canvas, strip, PAGE_WIDTH - _MARGIN - strip, "activation", INK)
        for unit, top in enumerate(tops):
            _row(canvas, layer, unit, lefts, top, size, height, fraction)
        axes = inset(figure, strip, _HEADER, PAGE_WIDTH - _MARGIN - strip, units * pitch - _BETWEEN)
        _activations(axes, layer, tops - _HEADER, height, fraction)
    return figure


def _head(canvas: Axes, left: float, width: float, text: str, colour: str) -> None:
    canvas.plot(
        [left, left + width], [_HEADER - 1.6] * 2, color=colour, lw=1.2, solid_capstyle="butt"
    )
    canvas.text(left, _HEADER - 2.6, text, color=colour, weight="bold", va="bottom")


def _row(
    canvas: Axes,
    layer: Layer,
    unit: int,
    lefts: tuple[float, float, float],
    top: float,
    size: float,
    height: float,
    fraction: float,
) -> None:
    canvas.text(
        _MARGIN, top + height / 2, str(layer.channels[unit]), size=TEXT, weight="bold", va="center"
    )
    show_patches(canvas, layer.natural[unit : unit + 1], lefts[0], top, size)
    for images, left in ((layer.restarts, lefts[1]), (layer.diverse, lefts[2])):
        show_patches(canvas, images[unit], left, top, size, gap=_GAP, per_row=_PER_ROW)
    texts = (number(layer.natural_best[unit]), *_numbers(layer, unit, fraction))
    for left, text in zip(lefts, texts, strict=True):
        canvas.text(left, top + height + 0.7, text, size=LABEL, va="top")


def _numbers(layer: Layer, unit: int, fraction: float) -> tuple[str, str]:
    activation = layer.restart_activations[unit].mean(), layer.diverse_activations[unit].mean()
    distance = layer.restart_distance[unit], layer.diverse_distance[unit]
    texts = [
        f"activation {number(a)}, distance {number(d)}"
        for a, d in zip(activation, distance, strict=True)
    ]
    if layer.relative_diversity[unit] == 0:
        texts[1] = f"no diverse set kept {fraction:.0%}: restarts again"
    return texts[0], texts[1]


def _activations(
    axes: Axes, layer: Layer, tops: np.ndarray, height: float, fraction: float
) -> None:
    """Draw all units' activations, as shares of their restarts' mean, in rows that begin at tops."""
    lane = height / 3
    for unit, top in enumerate(tops):
        scale = layer.restart_activations[unit].mean()
        if scale <= 0:
            continue
        y = top + lane * (np.arange(3) + 0.5)
        low, lower, middle, upper, high = (
            layer.natural_at(level)[unit] / scale for level in (0.01, 0.25, 0.5, 0.75, 0.99)
        )
        axes.plot([low, high], [y[0]] * 2, color=NATURAL, lw=0.7)
        axes.plot([lower, upper], [y[0]] * 2, color=NATURAL, lw=3, solid_capstyle="butt")
        axes.plot(layer.natural_best[unit] / scale, y[0], ".", color=NATURAL, ms=3.5)
        for values, where, colour in (
            (layer.restart_activations, y[1], RESTARTS),
            (layer.diverse_activations, y[2], DIVERSE),
        ):
            x = values[unit] / scale
            axes.vlines(x, where - 0.4 * lane, where + 0.4 * lane, color=colour, lw=0.9)
    axes.axvline(fraction, color=GREY, lw=0.5, ls=(0, (3, 2)))
    axes.axvline(0, color=FAINT, lw=0.5)
    axes.set(ylim=(tops[-1] + height, 0), yticks=[], xlabel="relative to mean of restarts")
    axes.spines["left"].set_visible(False)
