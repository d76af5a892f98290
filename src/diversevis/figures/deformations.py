"""Figure 7: small shifts against smooth deformations, and what they leave of the response."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from diversevis.figures.invariance_data import FamilyData, MeasuredLayer
from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    heading,
    inset,
    legend,
    lines_of,
    network_title,
    page,
    panel_title,
    show_patches,
    theme,
    thin,
    units_text,
)
from diversevis.figures.transforms import (
    DEFORMATIONS,
    SHIFTS,
    column,
    deltas_of,
    extremes,
    left_out_note,
    main_delta,
    member_patches,
    ratio,
    show_grid,
    stays,
    unmoved_patch,
)

_LEFT, _RIGHT, _TOP, _LEGEND = 11.0, 3.0, 7.0, 14.0  # mm
_GAP, _BETWEEN, _HEIGHT = 4.0, 10.0, 34.0
_WIDEST = 82.0
_ONE_ROW, _ACROSS = 4, 5  # layers beside each other, of several networks or of one
_MARGIN, _PICTURE, _SPACE, _EACH = 2.5, 15.6, 0.5, 4
_NAME, _PITCH = 23.0, 20.0
_FAMILIES = (("shift", "shifts", SHIFTS), ("deformation", "deformations", DEFORMATIONS))


def draw(layers: Sequence[MeasuredLayer], units: pd.DataFrame) -> Figure:
    """Draw shift and deformation index against displacement, and members of some units' canvases.

    One panel a layer, one row a network where they are many. Thin lines are units, bold ones their
    medians, dashed ones those of their linear stand-ins. Below, the unit of each network whose
    deformation index lies furthest above its stand-in's, and the one whose lies furthest below: the
    deformations of its canvas that drive it most, and least, with the grid that they bend.

    Parameters
    ----------
    layers
        Tests of layers of any number of networks.
    units
        One row a unit, with the columns of `diversevis.analysis.units.unit_table`.
    """
    places = [(layer.network, layer.layer) for layer in layers]
    rows = units[[place in places for place in zip(units.network, units.layer, strict=True)]]
    lines = [places]
    if len(places) > _ONE_ROW:
        networks = dict.fromkeys(network for network, _ in places)
        own = ([place for place in places if place[0] == network] for network in networks)
        lines = [line for some in own for line in lines_of(some, _ACROSS)]
    columns = max(map(len, lines))
    width = min(_WIDEST, (PAGE_WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns)
    bottom = _TOP + len(lines) * (_HEIGHT + _BETWEEN) - _BETWEEN
    examples = _examples(layers, rows)
    first = bottom + _LEGEND + 9
    height = first + len(examples) * _PITCH if examples else bottom + _LEGEND
    with theme():
        figure, canvas = page(height)
        shared = None
        for line, panels in enumerate(lines):
            top = _TOP + line * (_HEIGHT + _BETWEEN)
            for place, (network, name) in enumerate(panels):
                left = _LEFT + place * (width + _GAP)
                some = rows[(rows.network == network) & (rows.layer == name)]
                axes = inset(figure, left, top, width, _HEIGHT, sharey=shared)
                axes.patch.set_visible(False)  # text of the page shows through
                _panel(axes, some, first=place == 0)
                shared = shared or axes
                title = f"{network_title(network)} {name}"
                panel_title(canvas, left, top, width, title, _count(some))
            middle = top + _HEIGHT / 2
            canvas.text(3.5, middle, "index", rotation=90, ha="center", va="center")
        right = _LEFT + columns * (width + _GAP) - _GAP
        text = "root mean square displacement δ (px per 24 px of patch)"
        canvas.text(right, bottom + 6.5, text, ha="right", va="center")
        legend(canvas, _entries(), (height - bottom - _LEGEND) / height)
        left_out = int((~stays(rows)).sum())
        if left_out:
            text = left_out_note(left_out).replace("\n", " ")
            canvas.text(_LEFT, bottom + 6.5, text, size=LABEL, color=GREY, va="center")
        if examples:
            _headings(canvas, first - 2)
        for line, example in enumerate(examples):
            _example(canvas, *example, first + line * _PITCH)
    return figure


def _count(units: pd.DataFrame) -> str:
    kept = int(stays(units).sum())
    if kept < len(units):
        return f"{kept} of {len(units)}"
    return units_text(kept)


def _panel(axes: Axes, units: pd.DataFrame, *, first: bool) -> None:
    """Draw the indices of a layer's units."""
    kept = units[stays(units)]
    axes.axhline(0, color=FAINT, lw=0.5)
    ends: list[float] = []
    for prefix, _, colour in _FAMILIES:
        deltas = deltas_of(kept, prefix)
        index, surrogate = (
            kept.reindex(columns=[f"{prefix}_{name}_{delta:g}" for delta in deltas])
            for name in ("index", "surrogate")
        )
        if index.isna().all(axis=None):
            continue
        ends += deltas
        axes.plot(deltas, index.T, color=colour, **thin(len(kept)))
        style = {"color": colour, "zorder": 3}
        axes.plot(deltas, surrogate.median(), lw=1.0, ls=(0, (3, 2)), **style)
        axes.plot(deltas, index.median(), ".-", lw=1.5, ms=3, clip_on=False, **style)
    axes.update_datalim([(1, 0), (1, 1.02)])
    axes.autoscale_view(scalex=False)
    axes.set(yticks=[0, 0.5, 1], xticks=sorted(set(ends)))
    if ends:
        axes.set_xlim(min(ends) - 0.15, max(ends) + 0.15)
    else:
        style = {"size": LABEL, "color": GREY, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, **style)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(labelleft=first)


def _examples(
    layers: Sequence[MeasuredLayer], units: pd.DataFrame
) -> list[tuple[MeasuredLayer, FamilyData, int]]:
    """Return of each network the units with the most, and the least, of the deformation index."""
    delta = main_delta(deltas_of(units, "deformation"))
    if delta is None:
        return []
    above = column(units, f"deformation_index_{delta:g}")
    above = (above - column(units, f"deformation_surrogate_{delta:g}"))[stays(units)].dropna()
    found = []
    for network in dict.fromkeys(layer.network for layer in layers):
        own = above[units.network[above.index] == network]
        for row in dict.fromkeys((own.idxmax(), own.idxmin()) if len(own) else ()):
            for layer in layers:
                data = layer.find("deformations", delta)
                name = str(units.channel[row])
                here = (layer.network, layer.layer) == (network, units.layer[row])
                if here and data is not None and name in layer.names:
                    found.append((layer, data, layer.names.index(name)))
    return found


def _headings(canvas: Axes, bottom: float) -> None:
    block = _EACH * (_PICTURE + _SPACE) - _SPACE
    lefts = _lefts()
    for left, width, text in (
        (_MARGIN, _NAME - 1.5, "unit"),
        (lefts[0], _PICTURE, "undeformed"),
        (lefts[1], block, "deformations that drive the unit most"),
        (lefts[2], block, "deformations that drive it least"),
    ):
        heading(canvas, left, bottom, width, text, INK)


def _lefts() -> tuple[float, float, float]:
    block = _EACH * (_PICTURE + _SPACE) - _SPACE
    canvas = _MARGIN + _NAME
    members = canvas + _PICTURE + 3
    return canvas, members, members + block + 3


def _example(canvas: Axes, layer: MeasuredLayer, data: FamilyData, unit: int, top: float) -> None:
    """Draw members of a unit's canvas."""
    relative = layer.relative(data)[unit]
    text = f"{network_title(layer.network)}\n{layer.layer}, {layer.names[unit]}"
    canvas.text(_MARGIN, top + 2.2, text, weight="bold", va="center", linespacing=1.3)
    text = f"δ = {data.delta:g} px\nindex {ratio(float(relative.mean()))}\n"
    text += f"stand-in {ratio(float(data.surrogate[unit]))}"
    canvas.text(_MARGIN, top + 9.5, text, size=LABEL, color=GREY, va="center", linespacing=1.3)
    lefts = _lefts()
    show_patches(canvas, unmoved_patch(layer, data, unit), lefts[0], top, _PICTURE)
    show_grid(canvas, layer, data, None, lefts[0], top, _PICTURE)
    for which, left in zip(extremes(relative, _EACH), lefts[1:], strict=True):
        patches = member_patches(layer, data, unit, which)
        show_patches(canvas, patches, left, top, _PICTURE, gap=_SPACE)
        for place, member in enumerate(which):
            x = left + place * (_PICTURE + _SPACE)
            show_grid(canvas, layer, data, int(member), x, top, _PICTURE)
            text = ratio(float(relative[member]))
            canvas.text(
                x + _PICTURE / 2, top + _PICTURE + 0.5, text, size=LABEL, ha="center", va="top"
            )


def _entries() -> list[tuple[Line2D, str]]:
    entries = [
        (Line2D([], [], color=colour, marker=".", lw=1.5, ms=3), f"{family}: median of units")
        for _, family, colour in _FAMILIES
    ]
    return [
        *entries,
        (Line2D([], [], color=GREY, lw=0.5, alpha=0.6), "one unit"),
        (Line2D([], [], color=GREY, lw=1.0, ls=(0, (3, 2))), "median of linear stand-ins"),
    ]
