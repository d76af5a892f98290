"""Supplement: contact sheets of every unit that was run, a PDF of many pages for each layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.data import Sets
from diversevis.figures.style import (
    DIVERSE,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    RESTARTS,
    TITLE,
    heading,
    network_colour,
    network_title,
    number,
    page,
    show_patches,
    theme,
)
from diversevis.figures.transforms import deltas_of, main_delta, ratio

_PER_PAGE, _PER_ROW = 12, 6  # units on a page; images of a set, before its next row begins
_MARGIN, _LABEL, _INDICES, _APART, _GAP = 2.5, 9.0, 25.0, 2.6, 0.4  # mm
_HEADER, _BETWEEN, _LARGEST = 15.5, 4.6, 14.0
_COLOURS = 256  # of a set: a third of the size of exact ones, two levels off in the mean


def pages(sets: Sets, units: pd.DataFrame, *, per_page: int = _PER_PAGE) -> Iterator[Figure]:
    """Yield pages with all units of a layer: restarts, diverse set and indices, one row a unit.

    Parameters
    ----------
    sets
        Restarts and diverse sets of the layer.
    units
        The table of units.
    per_page
        Units on a page.
    """
    own = units[(units.network == sets.network) & (units.layer == sets.layer)]
    own = own.set_index("channel")
    delta = main_delta(deltas_of(own, "deformation"))
    count = len(sets.channels)
    total = -(-count // per_page)
    for begin in range(0, count, per_page):
        some = range(begin, min(begin + per_page, count))
        yield _page(sets, own, delta, some, f"page {begin // per_page + 1} of {total}")


def _page(sets: Sets, units: pd.DataFrame, delta: float | None, some: range, which: str) -> Figure:
    n = sets.restarts.shape[1]
    columns, rows = min(n, _PER_ROW), -(-n // _PER_ROW)
    room = PAGE_WIDTH - 2 * _MARGIN - _LABEL - _INDICES - 2 * _APART
    size = min(_LARGEST, (room / 2 + _GAP) / columns - _GAP)
    block, height = (times * (size + _GAP) - _GAP for times in (columns, rows))
    lefts = (_MARGIN + _LABEL, _MARGIN + _LABEL + block + _APART)
    right = lefts[1] + block + _APART
    pitch = height + _BETWEEN
    with theme():
        figure, canvas = page(_HEADER + len(some) * pitch + _MARGIN)
        title = f"{network_title(sets.network)} {sets.layer}"
        style = {"va": "center", "color": network_colour(sets.network)}
        canvas.text(_MARGIN, 4, title, size=TITLE, weight="bold", **style)
        note = f"receptive field {sets.size} px; {which}"
        canvas.text(PAGE_WIDTH - _MARGIN, 4, note, color=GREY, va="center", ha="right")
        for left, width, text, colour in (
            (_MARGIN, _LABEL - 1.5, "unit", INK),
            (lefts[0], block, f"{n} random restarts", RESTARTS),
            (lefts[1], block, f"{n} diverse images", DIVERSE),
            (right, PAGE_WIDTH - _MARGIN - right, "index (stand-in)", INK),
        ):
            heading(canvas, left, _HEADER - 1.5, width, text, colour)
        for row, unit in enumerate(some):
            top = _HEADER + row * pitch
            _unit(canvas, sets, unit, lefts, top, size, height)
            channel = int(sets.channels[unit])
            if channel in units.index:
                text = _indices(units.loc[channel], delta)
                style = {"size": LABEL, "va": "center", "linespacing": 1.35}
                canvas.text(right, top + height / 2, text, **style)
    return figure


def _unit(
    canvas: Axes,
    sets: Sets,
    unit: int,
    lefts: tuple[float, float],
    top: float,
    size: float,
    height: float,
) -> None:
    name = str(sets.channels[unit])
    canvas.text(_MARGIN, top + height / 2, name, weight="bold", va="center")
    repeated = not sets.selected[unit]
    for images, activations, distance, left, faded in (
        (sets.restarts, sets.restart_activations, sets.restart_distance, lefts[0], False),
        (sets.diverse, sets.diverse_activations, sets.diverse_distance, lefts[1], repeated),
    ):
        show_patches(
            canvas,
            images[unit],
            left,
            top,
            size,
            gap=_GAP,
            per_row=_PER_ROW,
            faded=faded,
            colours=_COLOURS,
        )
        text = f"activation {number(activations[unit].mean())}, distance {number(distance[unit])}"
        text = "no diverse set kept its activation: restarts repeated" if faded else text
        canvas.text(left, top + height + 2.6, text, size=LABEL)


def _indices(row: pd.Series, delta: float | None) -> str:
    """Return what the tests say of a unit, each index with its linear stand-in's."""
    if isinstance(row.get("left_out"), str) and row["left_out"]:
        return "left out: not\ndriven above zero"
    strength = "" if delta is None else f"_{delta:g}"
    lines = []
    for title, index, surrogate in (
        ("phase", "phase_index", "phase_surrogate"),
        ("shifts", f"shift_index{strength}", f"shift_surrogate{strength}"),
        ("deform.", f"deformation_index{strength}", f"deformation_surrogate{strength}"),
    ):
        values = [float(row.get(name, np.nan)) for name in (index, surrogate)]
        if np.isfinite(values).all():
            lines.append(f"{title} {ratio(values[0])} ({ratio(values[1])})")
    f1_f0 = float(row.get("f1_f0", np.nan))
    return "\n".join([*lines, f"F1/F0 {ratio(f1_f0)}"] if np.isfinite(f1_f0) else lines)
