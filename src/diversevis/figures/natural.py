"""Figure 9: best natural patches beside restarts and diverse sets, with what all of them drive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from diversevis.figures.style import (
    DIVERSE,
    FAINT,
    GREY,
    INK,
    LABEL,
    NATURAL,
    PAGE_WIDTH,
    RESTARTS,
    evenly,
    heading,
    network_colour,
    network_title,
    new_page,
    number,
    percent,
    read_titles,
    save,
    show_patches,
    strip,
    theme,
    titles,
)
from diversevis.results.shown import SetsAndNatural, load_with_natural

_PER_ROW = 6  # images of a set, before its next row begins
_MARGIN, _LABEL, _STRIP = 2.5, 14.0, 31.0  # mm: page margin, names, activations
_GAP, _APART, _LARGEST = 0.4, 2.6, 14.0
_HEADER, _FOOTER, _LINE, _BETWEEN = 9.5, 9.0, 2.8, 2.8
_WIDE = 54.0  # mm of images, below which their numbers take two lines
_FARTHEST = 3.0  # times the mean of restarts: natural patches may be more where restarts failed
_NOT_DRIVEN = "restart mean below zero"


def run(reads: Mapping[str, Any], writes: Mapping[str, Path], *, fraction: float) -> None:
    """Draw it from ``sweeps`` and ``natural``, arrays of layers."""
    with titles(read_titles(reads["networks"])):
        figure = draw(load_with_natural(reads["sweeps"], reads["natural"]), fraction=fraction)
    save(figure, *writes.values())


def draw(layers: Sequence[SetsAndNatural], *, fraction: float = 0.9, most: int = 12) -> Figure:
    """Draw natural patches, restarts and diverse sets of some units, one row per unit.

    Each row shows the best natural patch with its response, the restarts and the diverse set with
    mean activation and smallest distance, and all activations on one axis, relative to the mean of
    the unit's restarts. The units of a layer are evenly spaced in the order of how far natural
    patches drive them, relative to their restarts, the first and the last among them.

    Parameters
    ----------
    layers
        Layers of any number of networks.
    fraction
        Share of the restarts' mean activation that diverse sets were asked to keep.
    most
        Units in all, as far as every layer has one.
    """
    chosen = [(layer, unit) for layer in layers for unit in _choose(layer, most // len(layers))]
    n = max(layer.restarts.shape[1] for layer, _ in chosen)
    columns, rows = min(n, _PER_ROW), -(-n // _PER_ROW)
    room = PAGE_WIDTH - 2 * _MARGIN - _LABEL - _STRIP - 4 * _APART - 2 * (columns - 1) * _GAP
    size = min(_LARGEST, room / (2 * columns + 1))
    block, height = (count * (size + _GAP) - _GAP for count in (columns, rows))
    first = _MARGIN + _LABEL
    lefts = (first, first + size + _APART, first + size + block + 2 * _APART)
    separator, lines = (", ", 1) if block >= _WIDE else ("\n", 2)
    pitch = height + lines * _LINE + _BETWEEN
    tops = _HEADER + pitch * np.arange(len(chosen))
    bottom = tops[-1] + height + lines * _LINE + 0.8
    left = PAGE_WIDTH - _MARGIN - _STRIP
    with theme():
        figure, page = new_page(bottom + _FOOTER)
        for x, width, text, colour in (
            (_MARGIN, _LABEL - 1.5, "unit", INK),
            (lefts[0], size, "best\nnatural", NATURAL),
            (lefts[1], block, f"{n} random restarts", RESTARTS),
            (lefts[2], block, f"{n} diverse images", DIVERSE),
            (left, _STRIP, "activation", INK),
        ):
            heading(page, x, _HEADER - 1.5, width, text, colour)
        axes = strip(figure, left, _HEADER - 1, _STRIP, bottom - _HEADER + 1)
        for (layer, unit), top in zip(chosen, tops, strict=True):
            _row(page, layer, unit, lefts, top, size, height)
            below = (top + size, top + height, top + height)
            numbers = (separator.join(parts) for parts in _numbers(layer, unit, fraction))
            for x, y, text in zip(lefts, below, numbers, strict=True):
                page.text(x, y + 2.6, text, size=LABEL, linespacing=1.15)
            _activations(axes, layer, unit, top, height / 3)
        _scale(axes, tops[0], fraction)
        _key(page, _MARGIN, bottom + 6.2, fraction)
    return figure


def _choose(layer: SetsAndNatural, most: int) -> list[int]:
    """Return units by falling response to natural patches, those that restarts drive first."""
    means = layer.restart_activations.mean(1)
    ratio = np.where(means > 0, layer.natural_best / np.where(means > 0, means, 1), -np.inf)
    order = np.argsort(-ratio, kind="stable")
    driven = order[means[order] > 0]
    order = driven if len(driven) else order
    return [int(order[place]) for place in evenly(len(order), max(most, 1))]


def _row(
    page: Axes,
    layer: SetsAndNatural,
    unit: int,
    lefts: tuple[float, float, float],
    top: float,
    size: float,
    height: float,
) -> None:
    colour, middle = network_colour(layer.network), top + height / 2
    name = f"{network_title(layer.network)}\n{layer.layer}"
    style: dict[str, Any] = {"color": colour, "linespacing": 1.3}
    page.text(_MARGIN, middle + 0.8, name, size=LABEL, va="bottom", **style)
    page.text(_MARGIN, middle + 1.4, str(layer.channels[unit]), weight="bold", va="top", **style)
    show_patches(page, layer.natural[unit : unit + 1], lefts[0], top, size)
    repeated = not layer.selected[unit]
    for images, left, faded in (
        (layer.restarts, lefts[1], False),
        (layer.diverse, lefts[2], repeated),
    ):
        show_patches(page, images[unit], left, top, size, gap=_GAP, per_row=_PER_ROW, faded=faded)


def _numbers(
    layer: SetsAndNatural, unit: int, fraction: float
) -> tuple[list[str], list[str], list[str]]:
    """Return what is written below the natural patch, the restarts and the diverse set."""
    before = layer.restart_activations[unit].mean()
    after = layer.diverse_activations[unit].mean()
    near, far = layer.restart_distance[unit], layer.diverse_distance[unit]
    natural = [number(layer.natural_best[unit])]
    restarts = [f"activation {number(before)}", f"distance {number(near)}"]
    if not layer.selected[unit]:
        reason = f"no diverse set kept {percent(fraction)}" if before > 0 else _NOT_DRIVEN
        return natural, restarts, [reason, "restarts repeated"]
    return (
        natural,
        restarts,
        [
            f"activation {number(after)} ({percent(after / before)})",
            f"distance {number(far)} ({far / near:.1f} times)",
        ],
    )


def _activations(axes: Axes, layer: SetsAndNatural, unit: int, top: float, lane: float) -> None:
    """Draw the activations of a unit, relative to its restarts' mean, beside its images."""
    scale = layer.restart_activations[unit].mean()
    natural, restarts, diverse = top + lane * (np.arange(3) + 0.5)
    if scale <= 0:
        axes.annotate(
            _NOT_DRIVEN,
            (0, restarts),
            xycoords=("axes fraction", "data"),
            size=LABEL,
            color=GREY,
            va="center",
            bbox={"color": "white", "pad": 1},
        )
        return
    levels = (layer.natural_at(level)[unit] / scale for level in (0.01, 0.25, 0.75, 0.99))
    _distribution(axes, natural, *levels)
    best = layer.natural_best[unit] / scale
    if best <= _FARTHEST:
        axes.plot(best, natural, ".", color=NATURAL, ms=4)
    else:
        axes.annotate(
            f"best {best:.0f} →",
            (1, natural),
            xycoords=("axes fraction", "data"),
            size=LABEL,
            color=NATURAL,
            ha="right",
            va="center",
            bbox={"color": "white", "pad": 0.5},
        )
    _ticks(axes, restarts, lane, layer.restart_activations[unit] / scale, RESTARTS)
    if layer.selected[unit]:
        _ticks(axes, diverse, lane, layer.diverse_activations[unit] / scale, DIVERSE)


def _scale(axes: Axes, top: float, fraction: float) -> None:
    axes.axvline(0, color=FAINT, lw=0.5, zorder=0)
    axes.axvline(fraction, color=GREY, lw=0.5, ls=(0, (3, 2)), zorder=0)
    axes.update_datalim([(0, top), (1.05, top)])
    axes.autoscale_view(scaley=False)
    axes.set_xlim(right=min(axes.get_xlim()[1], _FARTHEST))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set(xlabel="relative to restarts' mean")


def _distribution(
    axes: Axes, y: float, low: float, lower: float, upper: float, high: float
) -> None:
    axes.plot([low, high], [y] * 2, color=NATURAL, lw=0.7, solid_capstyle="butt")
    axes.plot([lower, upper], [y] * 2, color=NATURAL, lw=3.5, solid_capstyle="butt")


def _ticks(axes: Axes, y: float, lane: float, values: np.ndarray, colour: str) -> None:
    axes.vlines(values, y - 0.4 * lane, y + 0.4 * lane, color=colour, lw=0.8)


def _key(page: Axes, left: float, y: float, fraction: float) -> None:
    """Explain the marks of the activations."""
    _distribution(page, y, left, left + 2, left + 4, left + 6)
    page.plot(left + 8, y, ".", color=NATURAL, ms=4)
    _ticks(page, y, 3, left + 63 + np.array([0, 1.2, 1.8]), RESTARTS)
    _ticks(page, y, 3, left + 80 + np.array([0, 0.6, 1.8]), DIVERSE)
    page.vlines(left + 103, y - 1.5, y + 1.5, color=GREY, lw=0.5, ls=(0, (3, 2)))
    for x, text in (
        (9.5, "natural patches: 1 to 99 %, quartiles, best"),
        (66.2, "restarts"),
        (83.2, "diverse images"),
        (104.4, f"{percent(fraction)} of restarts' mean"),
    ):
        page.text(left + x, y, text, size=LABEL, va="center_baseline")
