"""Figure 7: small shifts against smooth deformations, and what they leave of the response."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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
    new_page,
    panel_title,
    read_titles,
    save,
    show_patches,
    theme,
    thin,
    titles,
    units_text,
)
from diversevis.figures.transforms import (
    column,
    left_out_note,
    means_of,
    ratio,
    show_grid,
    stays,
)
from diversevis.results.quantities import ABOVE, INDEX, Quantity, Registry
from diversevis.results.tests import FamilyTests, LayerTests, load_tests

_LEFT, _RIGHT, _TOP, _LEGEND = 11.0, 3.0, 7.0, 14.0  # mm
_GAP, _BETWEEN, _HEIGHT = 4.0, 10.0, 34.0
_WIDEST = 82.0
_ONE_ROW, _ACROSS = 4, 5  # layers beside each other, of several networks or of one
_MARGIN, _PICTURE, _SPACE, _EACH = 2.5, 15.6, 0.5, 4
_NAME, _PITCH = 23.0, 20.0


def run(reads: Mapping[str, Any], writes: Mapping[str, Path]) -> None:
    """Draw it from ``tests``, arrays of layers, and tables."""
    with titles(read_titles(reads["networks"])):
        figure = draw(
            load_tests(reads["tests"]),
            pd.read_csv(reads["units"]),
            pd.read_csv(reads["indices"]),
            Registry.load(reads["quantities"]),
        )
    save(figure, *writes.values())


def draw(
    layers: Sequence[LayerTests], units: pd.DataFrame, indices: pd.DataFrame, registry: Registry
) -> Figure:
    """Draw the indices of families against displacement, and members of some units' canvases.

    One panel per layer, one row per network where they are many. Thin lines are units, bold ones
    their medians, dashed ones those of their linear surrogates. Below, the unit of each network
    whose deformation index lies furthest above its surrogate's, and the one whose lies furthest
    below: the deformations of its canvas that drive it most, and least, with the grid that they
    bend.

    Parameters
    ----------
    layers
        Tests of layers of any number of networks.
    units, indices
        The table of units, and the tidy one of indices.
    registry
        Its displaced families are drawn.
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
    families = [entry for entry in registry.having(INDEX) if entry.delta is not None]
    examples = _examples(layers, rows, registry.of("deformation", ABOVE))
    first = bottom + _LEGEND + 9
    height = first + len(examples) * _PITCH if examples else bottom + _LEGEND
    with theme():
        figure, page = new_page(height)
        shared = None
        for line, panels in enumerate(lines):
            top = _TOP + line * (_HEIGHT + _BETWEEN)
            for place, (network, name) in enumerate(panels):
                left = _LEFT + place * (width + _GAP)
                some = rows[(rows.network == network) & (rows.layer == name)]
                axes = inset(figure, left, top, width, _HEIGHT, sharey=shared)
                axes.patch.set_visible(False)  # text of the page shows through
                measured = indices[(indices.network == network) & (indices.layer == name)]
                _panel(axes, some, measured, families, first=place == 0)
                shared = shared or axes
                title = f"{network_title(network)} {name}"
                panel_title(page, left, top, width, title, _count(some))
            middle = top + _HEIGHT / 2
            page.text(3.5, middle, "index", rotation=90, ha="center", va="center")
        right = _LEFT + columns * (width + _GAP) - _GAP
        text = "root mean square displacement δ (px per 24 px of patch)"
        page.text(right, bottom + 6.5, text, ha="right", va="center")
        legend(page, _entries(families), (height - bottom - _LEGEND) / height)
        left_out = int((~stays(rows)).sum())
        if left_out:
            text = left_out_note(left_out).replace("\n", " ")
            page.text(_LEFT, bottom + 6.5, text, size=LABEL, color=GREY, va="center")
        if examples:
            _headings(page, first - 2)
        for line, example in enumerate(examples):
            _example(page, *example, first + line * _PITCH)
    return figure


def _count(units: pd.DataFrame) -> str:
    kept = int(stays(units).sum())
    if kept < len(units):
        return f"{kept} of {len(units)}"
    return units_text(kept)


def _panel(
    axes: Axes,
    units: pd.DataFrame,
    indices: pd.DataFrame,
    families: Sequence[Quantity],
    *,
    first: bool,
) -> None:
    """Draw the indices of a layer's units."""
    kept = units.channel[stays(units)]
    axes.axhline(0, color=FAINT, lw=0.5)
    ends: list[float] = []
    for entry in families:
        rows = means_of(indices, entry.family)
        index, surrogate = (
            rows.pivot(index="channel", columns="delta", values=name).reindex(kept)
            for name in ("value", "surrogate")
        )
        if index.isna().all(axis=None):
            continue
        deltas = index.columns.to_numpy(dtype=float)
        ends += deltas.tolist()
        axes.plot(deltas, index.T, color=entry.colour, **thin(len(kept)))
        style: dict[str, Any] = {"color": entry.colour, "zorder": 3}
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
    layers: Sequence[LayerTests], units: pd.DataFrame, above: Quantity | None
) -> list[tuple[LayerTests, FamilyTests, int]]:
    """Return of each network the units with the most, and the least, of the deformation index."""
    if above is None:
        return []
    measured = {(layer.network, layer.layer): layer for layer in layers}
    values = column(units, above.name)[stays(units)].dropna()
    found = []
    for network in dict.fromkeys(layer.network for layer in layers):
        own = values[units.network[values.index] == network]
        rows = own.nlargest(1).index.union(own.nsmallest(1).index, sort=False)
        chosen: Iterable[Any] = units.loc[rows].itertuples()
        for unit in chosen:
            layer = measured[network, unit.layer]
            tests, place = layer.find(above.family, above.delta), layer.place(unit.channel)
            if tests is not None and place is not None:
                found.append((layer, tests, place))
    return found


def _headings(page: Axes, bottom: float) -> None:
    block = _EACH * (_PICTURE + _SPACE) - _SPACE
    lefts = _lefts()
    for left, width, text in (
        (_MARGIN, _NAME - 1.5, "unit"),
        (lefts[0], _PICTURE, "undeformed"),
        (lefts[1], block, "deformations that drive the unit most"),
        (lefts[2], block, "deformations that drive it least"),
    ):
        heading(page, left, bottom, width, text, INK)


def _lefts() -> tuple[float, float, float]:
    block = _EACH * (_PICTURE + _SPACE) - _SPACE
    middle = _MARGIN + _NAME
    members = middle + _PICTURE + 3
    return middle, members, members + block + 3


def _example(page: Axes, layer: LayerTests, tests: FamilyTests, unit: int, top: float) -> None:
    """Draw members of a unit's canvas."""
    relative = layer.measured(tests)[unit]
    text = f"{network_title(layer.network)}\n{layer.layer}, {layer.channels[unit]}"
    page.text(_MARGIN, top + 2.2, text, weight="bold", va="center", linespacing=1.3)
    text = f"δ = {tests.delta:g} px\nindex {ratio(float(relative.mean()))}\n"
    text += f"surrogate {ratio(float(tests.surrogate[unit]))}"
    page.text(_MARGIN, top + 9.5, text, size=LABEL, color=GREY, va="center", linespacing=1.3)
    lefts, fields = _lefts(), np.asarray(tests.fields)[unit]
    show_patches(page, np.asarray(tests.unmoved)[[unit]], lefts[0], top, _PICTURE)
    show_grid(page, np.zeros_like(fields[0]), lefts[0], top, _PICTURE)
    for which, left in zip((tests.most, tests.least), lefts[1:], strict=True):
        show_patches(page, tests.patches[unit, which], left, top, _PICTURE, gap=_SPACE)
        members = zip(fields[which], relative[tests.shown[unit, which]], strict=True)
        for place, (field, value) in enumerate(members):
            x = left + place * (_PICTURE + _SPACE)
            show_grid(page, field, x, top, _PICTURE)
            middle, below = x + _PICTURE / 2, top + _PICTURE + 0.5
            page.text(middle, below, ratio(float(value)), size=LABEL, ha="center", va="top")


def _entries(families: Sequence[Quantity]) -> list[tuple[Line2D, str]]:
    entries = [
        (
            Line2D([], [], color=entry.colour, marker=".", lw=1.5, ms=3),
            f"{entry.family}: median of units",
        )
        for entry in families
    ]
    return [
        *entries,
        (Line2D([], [], color=GREY, lw=0.5, alpha=0.6), "one unit"),
        (Line2D([], [], color=GREY, lw=1.0, ls=(0, (3, 2))), "median of linear surrogates"),
    ]
