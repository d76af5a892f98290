"""Figure 7: small shifts against smooth deformations, and what they leave of the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from diversevis.figures.canvases import Canvas, best_canvases, load_tests_of
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
    picked,
    ratio,
    show_grid,
    stays,
    with_index,
)
from diversevis.results.quantities import ABOVE, INDEX, Quantity, Registry
from diversevis.results.quantities import column as column_name
from diversevis.results.tests import LayerTests

_LEFT, _RIGHT, _TOP, _LEGEND = 11.0, 3.0, 7.0, 14.0  # mm
_GAP, _BETWEEN, _HEIGHT = 4.0, 10.0, 34.0
_WIDEST = 82.0
_ONE_ROW, _ACROSS = 4, 5  # layers beside each other, of several networks or of one
_MARGIN, _PICTURE, _SPACE, _EACH = 2.5, 15.6, 0.5, 4
_NAME, _PITCH = 23.0, 20.0
_STROKE = 0.1  # px, to either side of a single displacement


def run(reads: Mapping[str, Any], writes: Mapping[str, Path]) -> None:
    """Draw it from ``arrays``, tests of layers with all seeds, and tables."""
    registry = Registry.load(reads["quantities"])
    with titles(read_titles(reads["networks"])):
        figure = draw(
            load_tests_of(reads["arrays"], registry.of("deformation")),
            pd.read_csv(reads["tests"]),
            pd.read_csv(reads["units"]),
            pd.read_csv(reads["indices"]),
            registry,
        )
    save(figure, *writes.values())


def draw(
    layers: Sequence[LayerTests],
    tests: pd.DataFrame,
    units: pd.DataFrame,
    indices: pd.DataFrame,
    registry: Registry,
) -> Figure:
    """Draw the indices of families against displacement, and members of some units' canvases.

    One panel per layer, one row per network where they are many. Thin lines are units, bold ones
    their medians, dashed ones those of their linear surrogates, both without units that were picked
    by hand; of a single displacement they are short strokes. Below, the unit of each network whose
    deformation index lies furthest above its surrogate's, and the one whose lies furthest below: of
    the canvas that the index is of, the deformations that drive it most, and least, with the grid
    that they bend.

    Parameters
    ----------
    layers
        Tests of layers of any number of networks, of all seeds.
    tests, units, indices
        The tables of tests and of units, and the tidy one of indices.
    registry
        Its displaced families are drawn.
    """
    places = list(dict.fromkeys((layer.network, layer.layer) for layer in layers))
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
    bent = registry.of("deformation")
    canvases = best_canvases(layers, tests, bent)
    examples = _examples(canvases, with_index(rows, bent), registry.of("deformation", ABOVE))
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
            style: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center"}
            page.text(3.2, middle, "index\n(mean effective contrast)", linespacing=1.2, **style)
        right = _LEFT + columns * (width + _GAP) - _GAP
        text = "root mean square displacement δ (px per 24 px of patch)"
        page.text(right, bottom + 6.5, text, ha="right", va="center")
        legend(page, _entries(families), (height - bottom - _LEGEND) / height)
        text = left_out_note(rows).replace("\n", " ")
        page.text(_LEFT, bottom + 6.5, text, size=LABEL, color=GREY, va="center")
        if examples:
            _headings(page, first - 2)
        for line, example in enumerate(examples):
            _example(page, *example, first + line * _PITCH)
    return figure


def _count(units: pd.DataFrame) -> str:
    kept = units[stays(units)]
    own, by_hand = len(kept[~picked(kept)]), int(picked(kept).sum())
    text = f"{len(kept)} of {len(units)}" if len(kept) < len(units) else units_text(own)
    return f"{text}, {by_hand} by hand" if by_hand else text


def _panel(
    axes: Axes,
    units: pd.DataFrame,
    indices: pd.DataFrame,
    families: Sequence[Quantity],
    *,
    first: bool,
) -> None:
    """Draw the indices of a layer's units."""
    kept, own = units.channel[stays(units)], units.channel[stays(units) & ~picked(units)]
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
        if len(deltas) == 1:  # a line of one point would not be seen
            deltas = deltas + np.array([-_STROKE, _STROKE])
            index, surrogate = (pd.concat([values] * 2, axis=1) for values in (index, surrogate))
        axes.plot(deltas, index.T, color=entry.colour, **thin(len(kept)))
        style: dict[str, Any] = {"color": entry.colour, "zorder": 3}
        axes.plot(deltas, surrogate.loc[own].median(), lw=1.0, ls=(0, (3, 2)), **style)
        axes.plot(deltas, index.loc[own].median(), ".-", lw=1.5, ms=3, clip_on=False, **style)
    axes.update_datalim([(1, 0), (1, 1.02)])
    axes.autoscale_view(scalex=False)
    axes.set(yticks=[0, 0.5, 1], xticks=sorted(set(ends)))
    if ends:
        axes.set_xlim(min(ends) - 0.15, max(ends) + 0.15)
    else:
        style = {"size": LABEL, "color": GREY, "ha": "center", "va": "center"}
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, **style)
    _cycles(axes, units[stays(units) & ~picked(units)], families)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(labelleft=first)


def _cycles(axes: Axes, units: pd.DataFrame, families: Sequence[Quantity]) -> None:
    """Write how far the main displacement is, in cycles of the units' best patches."""
    for delta in dict.fromkeys(entry.delta for entry in families):
        middle = column(units, column_name("displacement", "cycles", delta)).median()
        if np.isfinite(middle):
            text = f"{delta:g} px: {middle:.2f} cycles"
            axes.text(0.02, 0.08, text, size=LABEL, color=GREY, transform=axes.transAxes)


def _examples(
    canvases: Mapping[Any, Canvas], units: pd.DataFrame, above: Quantity | None
) -> list[tuple[Canvas, pd.Series]]:
    """Return of each network the units with the most, and the least, of the deformation index."""
    if above is None:
        return []
    values = column(units, above.name)[stays(units)].dropna()
    found = []
    for network in dict.fromkeys(network for network, _, _ in canvases):
        own = values[units.network[values.index] == network]
        rows = own.nlargest(1).index.union(own.nsmallest(1).index, sort=False)
        for _, unit in units.loc[rows].iterrows():
            canvas = canvases.get((network, unit.layer, unit.channel))
            if canvas is not None:
                found.append((canvas, unit))
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


def _example(page: Axes, canvas: Canvas, numbers: pd.Series, top: float) -> None:
    """Draw members of a unit's canvas."""
    tests, unit, contrasts = canvas.tests, canvas.place, canvas.contrasts
    network, layer, channel = canvas.name
    text = f"{network_title(network)}\n{layer}, {channel}"
    page.text(_MARGIN, top + 2.2, text, weight="bold", va="center", linespacing=1.3)
    text = f"δ = {tests.delta:g} px\nindex {ratio(numbers.value)}\n"
    text += f"surrogate {ratio(numbers.surrogate)}"
    text += "\npicked by hand" if numbers.get("hand_picked") == 1 else ""
    page.text(_MARGIN, top + 5.4, text, size=LABEL, color=GREY, va="top", linespacing=1.3)
    lefts, fields = _lefts(), np.asarray(tests.fields)[unit]
    show_patches(page, np.asarray(tests.unmoved)[[unit]], lefts[0], top, _PICTURE)
    show_grid(page, np.zeros_like(fields[0]), lefts[0], top, _PICTURE)
    for which, left in zip((tests.most, tests.least), lefts[1:], strict=True):
        show_patches(page, tests.patches[unit, which], left, top, _PICTURE, gap=_SPACE)
        members = zip(fields[which], contrasts[tests.shown[unit, which]], strict=True)
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
