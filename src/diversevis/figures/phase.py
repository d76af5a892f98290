"""Figure: textures of the units that are most, and least, invariant to phase."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.invariance_data import MeasuredLayer
from diversevis.figures.style import (
    FAINT,
    GREY,
    LABEL,
    PAGE_WIDTH,
    TITLE,
    network_colour,
    network_title,
    page,
    theme,
)
from diversevis.figures.transforms import (
    colour_bar,
    column,
    left_out_note,
    ratio,
    show_canvas,
    show_map,
    stays,
)

_MARGIN, _GUTTER, _GAP = 2.5, 5.0, 0.8  # mm
_LARGEST, _BAND, _LABEL, _NUMBERS, _BETWEEN, _FOOTER = 28.0, 7.5, 5.0, 3.0, 2.5, 8.0
_MOST_ACROSS = 4  # units side by side


def draw(layers: Sequence[MeasuredLayer], units: pd.DataFrame, *, most: int = 3) -> Figure:
    """Draw the units of each network with the highest and with the lowest phase index.

    Each unit has its texture, with a square as large as a patch, beside the map of the responses to
    the texture's crops, all on one scale of colours.

    Parameters
    ----------
    layers
        Tests of layers of any number of networks; those without all shifts are passed over.
    units
        One row a unit, with the columns of `diversevis.analysis.invariance.invariance_table`.
    most
        Units to show of either kind, of each network; fewer where there are not twice as many.
    """
    networks = list(dict.fromkeys(layer.network for layer in layers))
    across = min(most, _MOST_ACROSS)
    width = (PAGE_WIDTH - 2 * _MARGIN - (across - 1) * _GUTTER) / across
    size = min(_LARGEST, (width - _GAP) / 2)
    pitch = _LABEL + size + _NUMBERS + _BETWEEN
    chosen = {network: _choose(layers, units, network, most) for network in networks}
    height = 1.0
    for kinds in chosen.values():
        height += _BAND + sum(-(-len(some) // across) for some in kinds) * pitch
    with theme():
        figure, canvas = page(height + _FOOTER)
        top = 1.0
        for network, kinds in chosen.items():
            _band(canvas, units, network, top)
            top += _BAND
            for some in kinds:
                for begin in range(0, len(some), across):
                    row = some[begin : begin + across]
                    for place, example in enumerate(row):
                        left = _MARGIN + place * (width + _GUTTER)
                        _unit(canvas, *example, left, top, size)
                    top += pitch
        colour_bar(canvas, _MARGIN, height + 1, 30, upright=False)
        text = "response relative to the unit's best patch, over the crops of its texture"
        canvas.text(_MARGIN + 34, height + 2, text, size=LABEL, va="center")
    return figure


def _choose(
    layers: Sequence[MeasuredLayer], units: pd.DataFrame, network: str, most: int
) -> list[list[tuple[MeasuredLayer, int, pd.Series, str]]]:
    """Return the most and the least invariant units of a network, each by falling index."""
    places = {
        (layer.layer, name): (layer, unit)
        for layer in layers
        if layer.network == network and layer.find("all-shifts") is not None
        for unit, name in enumerate(layer.names)
    }
    rows = _indexed(units, network).sort_values("phase_index", ascending=False, kind="stable")
    found = [
        (*places[row.layer, str(row.channel)], row, f"rank {rank} of {len(rows)}")
        for rank, (_, row) in enumerate(rows.iterrows(), start=1)
        if (row.layer, str(row.channel)) in places
    ]
    first = min(most, -(-len(found) // 2))
    last = min(most, len(found) - first)
    return [found[:first], found[len(found) - last :]]


def _indexed(units: pd.DataFrame, network: str) -> pd.DataFrame:
    """Return the rows of a network's units that have a phase index."""
    return units[(units.network == network) & stays(units) & column(units, "phase_index").notna()]


def _band(canvas: Axes, units: pd.DataFrame, network: str, top: float) -> None:
    """Write a network's title, and how many of its units are left out."""
    count = len(_indexed(units, network))
    text = f"{network_title(network)}: {count} unit{'s' * (count != 1)}"
    if count > 1:
        text += ", the most and the least invariant to phase"
    style = {"size": TITLE, "weight": "bold", "color": network_colour(network)}
    canvas.text(_MARGIN, top + 3, text, va="center", **style)
    left_out = int(((units.network == network) & ~stays(units)).sum())
    right = PAGE_WIDTH - _MARGIN
    if left_out:
        text = left_out_note(left_out).replace("\n", " ")
        canvas.text(right, top + 3, text, size=LABEL, color=GREY, va="center", ha="right")
    canvas.plot([_MARGIN, right], [top + 5.8] * 2, color=FAINT, lw=0.5)


def _unit(
    canvas: Axes,
    layer: MeasuredLayer,
    unit: int,
    numbers: pd.Series,
    rank: str,
    left: float,
    top: float,
    size: float,
) -> None:
    data = layer.find("all-shifts")
    below = top + _LABEL
    canvas.text(left, below - 1, f"{layer.layer}, {layer.names[unit]}", weight="bold")
    right = left + 2 * size + _GAP
    canvas.text(right, below - 1, rank, size=LABEL, color=GREY, ha="right")
    show_canvas(canvas, data.canvases[unit], layer.size, left, below, size)
    show_map(canvas, data, layer.relative(data)[unit], left + size + _GAP, below, size)
    parts = [
        f"{name} {ratio(float(numbers.get(key, float('nan'))))}"
        for name, key in (
            ("index", "phase_index"),
            ("stand-in", "phase_surrogate"),
            ("F1/F0", "f1_f0"),
        )
    ]
    canvas.text(left, below + size + 2.6, ", ".join(parts), size=LABEL)
