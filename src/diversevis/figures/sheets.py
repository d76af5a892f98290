"""Supplement: contact sheets of every unit that was run, a PDF of many pages for each layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    new_page,
    number,
    read_titles,
    save_pages,
    show_patches,
    theme,
    titles,
)
from diversevis.figures.transforms import left_out_reason, ratio
from diversevis.results.quantities import INDEX, Quantity, Registry, column
from diversevis.results.sets import Sets, SweepResult

_PER_PAGE, _PER_ROW = 12, 6  # units on a page; images of a set, before its next row begins
_MARGIN, _LABEL, _INDICES, _APART, _GAP = 2.5, 9.0, 25.0, 2.6, 0.4  # mm
_HEADER, _BETWEEN, _LARGEST, _LINE = 15.5, 4.6, 14.0, 2.9
_LETTERS = 8  # of an index's name; longer ones are cut short
_COLOURS = 256  # of a set: a third of the size of exact ones, two levels off in the mean


def run(reads: Mapping[str, Any], writes: Mapping[str, Path]) -> None:
    """Draw those of a layer from ``sweep``, arrays, and tables."""
    sets, units = SweepResult.load(reads["sweep"]).shown, pd.read_csv(reads["units"])
    with titles(read_titles(reads["networks"])):
        save_pages(pages(sets, units, Registry.load(reads["quantities"])), *writes.values())


def pages(
    sets: Sets, units: pd.DataFrame, registry: Registry, *, per_page: int = _PER_PAGE
) -> Iterator[Figure]:
    """Yield pages with all units of a layer: restarts, diverse set and indices, one row per unit.

    Parameters
    ----------
    sets
        Restarts and diverse sets of the layer.
    units
        The table of units.
    registry
        Its quantities, whose indices are listed.
    per_page
        Units on a page.
    """
    own = units[(units.network == sets.network) & (units.layer == sets.layer)]
    own, indices = own.set_index("channel"), registry.having(INDEX)
    count = len(sets.channels)
    total = -(-count // per_page)
    for begin in range(0, count, per_page):
        some = range(begin, min(begin + per_page, count))
        yield _page(sets, own, indices, some, f"page {begin // per_page + 1} of {total}")


def _page(
    sets: Sets, units: pd.DataFrame, indices: Sequence[Quantity], some: range, which: str
) -> Figure:
    n = sets.restarts.shape[1]
    columns, rows = min(n, _PER_ROW), -(-n // _PER_ROW)
    room = PAGE_WIDTH - 2 * _MARGIN - _LABEL - _INDICES - 2 * _APART
    size = min(_LARGEST, (room / 2 + _GAP) / columns - _GAP)
    block, height = (times * (size + _GAP) - _GAP for times in (columns, rows))
    lefts = (_MARGIN + _LABEL, _MARGIN + _LABEL + block + _APART)
    right = lefts[1] + block + _APART
    pitch = max(height + _BETWEEN, _LINE * (len(indices) + 3))
    with theme():
        figure, page = new_page(_HEADER + len(some) * pitch + _MARGIN)
        title = f"{network_title(sets.network)} {sets.layer}"
        style: dict[str, Any] = {"va": "center", "color": network_colour(sets.network)}
        page.text(_MARGIN, 4, title, size=TITLE, weight="bold", **style)
        note = f"receptive field {sets.size} px; indices: mean effective contrast; {which}"
        page.text(PAGE_WIDTH - _MARGIN, 4, note, color=GREY, va="center", ha="right")
        for left, width, text, colour in (
            (_MARGIN, _LABEL - 1.5, "unit", INK),
            (lefts[0], block, f"{n} random restarts", RESTARTS),
            (lefts[1], block, f"{n} diverse images", DIVERSE),
            (right, PAGE_WIDTH - _MARGIN - right, "index (surrogate)", INK),
        ):
            heading(page, left, _HEADER - 1.5, width, text, colour)
        for row, unit in enumerate(some):
            top = _HEADER + row * pitch
            _unit(page, sets, unit, lefts, top, size, height)
            channel = int(sets.channels[unit])
            if channel in units.index:
                text = _text(units.loc[channel], indices)
                style = {"size": LABEL, "va": "center", "linespacing": 1.35}
                page.text(right, top + height / 2, text, **style)
    return figure


def _unit(
    page: Axes,
    sets: Sets,
    unit: int,
    lefts: tuple[float, float],
    top: float,
    size: float,
    height: float,
) -> None:
    name = str(sets.channels[unit])
    page.text(_MARGIN, top + height / 2, name, weight="bold", va="center")
    repeated = not sets.selected[unit]
    for images, activations, distance, left, faded in (
        (sets.restarts, sets.restart_activations, sets.restart_distance, lefts[0], False),
        (sets.diverse, sets.diverse_activations, sets.diverse_distance, lefts[1], repeated),
    ):
        show_patches(
            page,
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
        page.text(left, top + height + 2.6, text, size=LABEL)


def _text(unit: Any, indices: Sequence[Quantity]) -> str:
    """Return what the tests say of a unit, each index with its linear surrogate's."""
    lines = ["picked by hand"] if unit.get("hand_picked") == 1 else []
    if isinstance(unit.get("left_out"), str) and unit["left_out"]:
        reason = left_out_reason(unit["left_out"]).replace(" ", "\n", 1)
        return "\n".join([*lines, f"left out: {reason}"])
    for entry in indices:
        surrogate = column(entry.index, "surrogate", entry.delta)
        values = [float(unit.get(name, np.nan)) for name in (entry.name, surrogate)]
        if np.isfinite(values).all():
            lines.append(f"{_short(entry.index)} {ratio(values[0])} ({ratio(values[1])})")
    f1_f0 = float(unit.get("f1_f0", np.nan))
    return "\n".join([*lines, f"F1/F0 {ratio(f1_f0)}"] if np.isfinite(f1_f0) else lines)


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 2]}."
