"""Figure (c): all units of a network at a glance, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.data import Layer
from diversevis.figures.style import (
    GREY,
    LABEL,
    NATURAL,
    PAGE_WIDTH,
    TITLE,
    network_title,
    page,
    show_patches,
    theme,
)

_PER_ROW = 6
_MARGIN, _GAP, _APART, _GUTTER = 2.5, 0.4, 1.8, 6.0
_HEADER, _BAND, _LABEL, _BETWEEN = 9.0, 7.0, 3.2, 2.0


def draw(layers: Sequence[Layer], *, fraction: float = 0.9) -> Figure:
    """Draw a gallery of one network: units in bands by layer, best natural patch first.

    Parameters
    ----------
    layers
        Layers of one network, input side first.
    fraction
        Share of the restarts' mean activation that diverse sets were asked to keep.
    """
    across = 2 if max(len(layer.channels) for layer in layers) <= 12 else 3
    n = max(layer.diverse.shape[1] for layer in layers)
    columns, rows = min(n, _PER_ROW), -(-n // _PER_ROW)
    tile = (PAGE_WIDTH - 2 * _MARGIN - (across - 1) * _GUTTER) / across
    size = min(13.0, (tile - _APART - (columns - 1) * _GAP) / (columns + 1))
    pitch = _LABEL + rows * (size + _GAP) + _BETWEEN
    bands = [_BAND + -(-len(layer.channels) // across) * pitch for layer in layers]
    with theme():
        figure, canvas = page(_HEADER + sum(bands) + _MARGIN)
        title = network_title(layers[0].network)
        canvas.text(_MARGIN, 4.5, title, size=TITLE, weight="bold", va="center")
        top = _HEADER
        for layer, band in zip(layers, bands, strict=True):
            text = f"{layer.layer}   receptive field {layer.size} px"
            canvas.text(_MARGIN, top + 2, text, weight="bold", va="center")
            for unit in range(len(layer.channels)):
                row, column = divmod(unit, across)
                left = _MARGIN + column * (tile + _GUTTER)
                _unit(canvas, layer, unit, left, top + _BAND + row * pitch, size, fraction)
            top += band
    return figure


def _unit(
    canvas: Axes, layer: Layer, unit: int, left: float, top: float, size: float, fraction: float
) -> None:
    canvas.text(left, top, str(layer.channels[unit]), size=LABEL, weight="bold", va="top")
    images = left + size + _APART
    if layer.relative_diversity[unit] == 0:
        text = f"restarts: no diverse set kept {fraction:.0%}"
        canvas.text(images, top, text, size=LABEL, va="top", color=GREY)
    show_patches(canvas, layer.natural[unit : unit + 1], left, top + _LABEL, size)
    show_patches(
        canvas, layer.diverse[unit], images, top + _LABEL, size, gap=_GAP, per_row=_PER_ROW
    )
