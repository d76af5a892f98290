"""Figures 4 and 5: units of a network at a glance, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.style import (
    DIVERSE,
    FAINT,
    GREY,
    LABEL,
    NATURAL,
    PAGE_WIDTH,
    TEXT,
    TITLE,
    evenly,
    heading,
    network_colour,
    network_title,
    new_page,
    percent,
    read_titles,
    save,
    show_patches,
    theme,
    titles,
    units_text,
)
from diversevis.results.shown import SetsAndNatural, load_with_natural

_PER_ROW = 6  # images of a set, before its next row begins
_ACROSS = 2  # units side by side
_UNITS, _FEWER, _DEEP = 6, 4, 5  # units of a layer, fewer of networks that have more layers
_MARGIN, _GAP, _APART, _GUTTER, _LARGEST = 2.5, 0.4, 2.3, 6.0, 13.0  # mm
_HEADER, _BAND, _LABEL, _BETWEEN = 12.5, 6.5, 3.2, 1.8


def run(reads: Mapping[str, Any], writes: Mapping[str, Path], *, fraction: float) -> None:
    """Draw it from ``sweeps`` and ``natural``, arrays of one network's layers."""
    with titles(read_titles(reads["networks"])):
        figure = draw(load_with_natural(reads["sweeps"], reads["natural"]), fraction=fraction)
    save(figure, *writes.values())


def draw(
    layers: Sequence[SetsAndNatural], *, fraction: float = 0.9, most: int | None = None
) -> Figure:
    """Draw a gallery of one network: units in bands by layer, best natural patch first.

    Patches have the same printed size in all layers; a band's title tells their size in pixels. Of
    layers with more units than fit, those shown are evenly spaced by channel number.

    Parameters
    ----------
    layers
        Layers of one network, input side first.
    fraction
        Share of the restarts' mean activation that diverse sets were asked to keep.
    most
        Units of a layer; by default 6, or 4 of more than five layers.
    """
    across = _ACROSS
    most = most or (_UNITS if len(layers) <= _DEEP else _FEWER)
    shown = [evenly(len(layer.channels), most) for layer in layers]
    n = max(layer.diverse.shape[1] for layer in layers)
    columns, rows = min(n, _PER_ROW), -(-n // _PER_ROW)
    tile = (PAGE_WIDTH - 2 * _MARGIN - (across - 1) * _GUTTER) / across
    size = min(_LARGEST, (tile - _APART - (columns - 1) * _GAP) / (columns + 1))
    block = columns * (size + _GAP) - _GAP
    pitch = _LABEL + rows * (size + _GAP) - _GAP + _BETWEEN
    lefts = [_MARGIN + column * (tile + _GUTTER) for column in range(across)]
    bands = [_BAND + -(-len(some) // across) * pitch for some in shown]
    with theme():
        figure, page = new_page(_HEADER + sum(bands) + _MARGIN - _BETWEEN)
        title = network_title(layers[0].network)
        style: dict[str, Any] = {"va": "center", "color": network_colour(layers[0].network)}
        page.text(_MARGIN, 4, title, size=TITLE, weight="bold", **style)
        for left in lefts:
            for x, width, text, colour in (
                (left, size, "natural", NATURAL),
                (left + size + _APART, block, "diverse images", DIVERSE),
            ):
                heading(page, x, _HEADER - 1, width, text, colour, size=LABEL)
        top = _HEADER
        for layer, some, band in zip(layers, shown, bands, strict=True):
            _title(page, layer, len(some), top)
            for place, unit in enumerate(some):
                row, column = divmod(place, across)
                _unit(page, layer, unit, lefts[column], top + _BAND + row * pitch, size, fraction)
            top += band
    return figure


def _title(page: Axes, layer: SetsAndNatural, shown: int, top: float) -> None:
    middle, right = top + 3, PAGE_WIDTH - _MARGIN
    page.text(_MARGIN, middle, layer.layer, size=TEXT + 0.5, weight="bold", va="center")
    count = len(layer.channels)
    some = f"{shown} of {units_text(count)}, " if shown < count else ""
    text = f"{some}receptive field {layer.size} px"
    page.text(right, middle, text, color=GREY, va="center", ha="right")
    page.plot([_MARGIN + 16, right - (52 if some else 30)], [middle] * 2, color=FAINT, lw=0.5)


def _unit(
    page: Axes,
    layer: SetsAndNatural,
    unit: int,
    left: float,
    top: float,
    size: float,
    fraction: float,
) -> None:
    images, below = left + size + _APART, top + _LABEL
    page.text(left, below - 0.8, str(layer.channels[unit]), weight="bold", va="baseline")
    if not layer.selected[unit]:
        text = f"restarts: no diverse set kept {percent(fraction)}"
        if layer.restart_activations[unit].mean() <= 0:
            text = "restarts: their mean is below zero"
        page.text(images, below - 0.8, text, size=LABEL, color=GREY, va="baseline")
    show_patches(page, layer.natural[unit : unit + 1], left, below, size)
    show_patches(page, layer.diverse[unit], images, below, size, gap=_GAP, per_row=_PER_ROW)
