"""Figure 1: restarts against diverse sets, of units whose invariance is known, and of a network's.

Why invariance matters: restarts of a complex cell look like one pattern or a few, a diverse set
shows that any phase will do, and a simple cell's cannot be made to differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.controls import unit_indices
from diversevis.figures.data import Sets
from diversevis.figures.style import (
    DIVERSE,
    FAINT,
    GREY,
    INK,
    LABEL,
    RESTARTS,
    TITLE,
    heading,
    network_colour,
    network_title,
    number,
    page,
    percent,
    show_patches,
    strip,
    theme,
)
from diversevis.figures.transforms import column, deltas_of, main_delta, ratio, stays

_KNOWN = {
    "simple": ("simple cell", "a linear filter:\ninvariant to nothing"),
    "complex": ("complex cell", "the energy model:\ninvariant to phase"),
    "deformable": ("deformable template", "movable parts: invariant\nto local deformations"),
}
_MARGIN, _LABEL, _GAP, _APART = 2.5, 30.0, 0.4, 4.0  # mm
_PER_ROW, _MOST, _PICTURE = 3, 6, 11.4
_BLOCK = _PER_ROW * (_PICTURE + _GAP) - _GAP
_LEFTS = (_MARGIN + _LABEL, _MARGIN + _LABEL + _BLOCK + _APART)
_STRIP = 31.0
_STRIPS = (_LEFTS[1] + _BLOCK + _APART + 1, _LEFTS[1] + _BLOCK + _STRIP + 2 * _APART + 1)
_HEADER, _SECTION, _NUMBERS, _BETWEEN, _FOOTER = 10.5, 6.0, 3.2, 3.2, 14.5
_NOTES = (
    "activation: mean of the set; of diverse images in % of the restarts'",
    "distance: the smallest within the set; in pixels (controls) or features (network)",
)


@dataclass(frozen=True)
class _Row:
    sets: Sets
    unit: int
    name: str
    note: str
    indices: pd.Series
    colour: str


def draw(
    controls: Mapping[str, Sets],
    tests: pd.DataFrame,
    layers: Sequence[Sets],
    units: pd.DataFrame,
    *,
    fraction: float = 0.9,
) -> Figure:
    """Draw restarts beside diverse sets, with phase and deformation index, one row a unit.

    Above, the first unit of each kind of control; below, of the layers' network the unit whose
    phase index lies furthest above its linear stand-in's, and the one whose deformation index does.

    Parameters
    ----------
    controls
        Sets of control units by kind.
    tests
        Rows of `diversevis.invariance.indices.rows` for the controls.
    layers
        Restarts and diverse sets of layers of one network.
    units
        The table of units.
    fraction
        Share of the restarts' mean activation that diverse sets were asked to keep.
    """
    known = unit_indices(tests)
    delta = main_delta(deltas_of(known, "deformation"))
    first = [_control(kind, controls[kind], known) for kind in _KNOWN if kind in controls]
    second = _chosen(layers, units)
    sections = [("Units whose invariance is known", first)]
    if second:
        sections.append((f"Units of {network_title(layers[0].network)}", second))
    rows, tops, titles, y = [], [], [], _HEADER
    for title, some in sections:
        titles.append((y, title))
        y += _SECTION
        for row in some:
            height = _height(row)
            rows.append(row)
            tops.append(y)
            y += height + _NUMBERS + _BETWEEN
    bottom = y - _BETWEEN + 1
    with theme():
        figure, canvas = page(bottom + _FOOTER)
        n = max(row.sets.restarts.shape[1] for row in rows)
        deformed = "deformation index" if delta is None else f"deformation index, δ = {delta:g} px"
        for left, width, text, colour in (
            (_LEFTS[0], _BLOCK, f"{n} random restarts", RESTARTS),
            (_LEFTS[1], _BLOCK, f"{n} diverse images", DIVERSE),
            (_STRIPS[0], _STRIP, "phase index", INK),
            (_STRIPS[1], _STRIP, deformed.replace(", ", "\n"), INK),
        ):
            heading(canvas, left, _HEADER - 1.5, width, text, colour)
        for top, title in titles:
            canvas.text(_MARGIN, top + 2.2, title, size=TITLE, weight="bold", va="center")
        strips = [strip(figure, left, _HEADER, _STRIP, bottom - _HEADER) for left in _STRIPS]
        for axes in strips:
            axes.set(xlim=(-0.05, 1.05), xticks=[0, 0.5, 1])
            for at in (0, 0.5, 1):
                axes.axvline(at, color=FAINT, lw=0.4, zorder=0)
            for top, _ in titles:  # the sections' titles stand free
                axes.axhspan(top - 0.5, top + _SECTION - 1.2, color="white", zorder=1)
            axes.set_xlabel("relative to best response")
        for row, top in zip(rows, tops, strict=True):
            _draw_row(canvas, row, top, fraction)
            for axes, prefix in zip(strips, _prefixes(delta), strict=True):
                _index(axes, row, prefix, top + _height(row) / 2)
        _key(canvas, bottom + 10.5)
    return figure


def _control(kind: str, sets: Sets, known: pd.DataFrame) -> _Row:
    rows = known[(known.layer == kind) & (known.channel == sets.channels[0])]
    indices = rows.iloc[0] if len(rows) else pd.Series(dtype=float)
    return _Row(sets, 0, *_KNOWN[kind], indices, INK)


def _chosen(layers: Sequence[Sets], units: pd.DataFrame) -> list[_Row]:
    """Return the units that are most invariant to phase, and to deformations, above stand-ins.

    Where neither is known, the unit whose diverse set differs most from its restarts.
    """
    places = {(layer.layer, int(c)): layer for layer in layers for c in layer.channels}
    own = units[stays(units)]
    if layers:
        own = own[own.network == layers[0].network]
    own = own[[place in places for place in zip(own.layer, own.channel, strict=True)]]
    rows: list[_Row] = []
    taken: set[int] = set()
    for quantity, note in (
        ("phase_above", "phase index furthest\nabove its stand-in"),
        ("deformation_above", "deformation index furthest\nabove its stand-in"),
        ("distance_ratio", "most distinct images\nbeside its restarts"),
    ):
        values = column(own, quantity).drop(index=list(taken)).dropna()
        if values.empty or (quantity == "distance_ratio" and rows):
            continue
        best = values.idxmax()
        taken.add(best)
        row = own.loc[best]
        sets = places[row.layer, int(row.channel)]
        name = f"{row.layer}, {row.channel}"
        colour = network_colour(sets.network)
        rows.append(_Row(sets, sets.place(row.channel), name, note, row, colour))
    return rows


def _height(row: _Row) -> float:
    count = min(row.sets.restarts.shape[1], _MOST)
    return -(-count // _PER_ROW) * (_PICTURE + _GAP) - _GAP


def _prefixes(delta: float | None) -> tuple[tuple[str, str], tuple[str, str]]:
    strength = "" if delta is None else f"_{delta:g}"
    return (
        ("phase_index", "phase_surrogate"),
        (f"deformation_index{strength}", f"deformation_surrogate{strength}"),
    )


def _draw_row(canvas: Axes, row: _Row, top: float, fraction: float) -> None:
    sets, unit, middle = row.sets, row.unit, top + _height(row) / 2
    canvas.text(_MARGIN, middle - 1.6, row.name, weight="bold", color=row.colour, va="bottom")
    style = {"size": LABEL, "color": GREY, "va": "top", "linespacing": 1.25}
    canvas.text(_MARGIN, middle - 0.6, row.note, **style)
    repeated = not sets.selected[unit]
    for images, left, faded in (
        (sets.restarts, _LEFTS[0], False),
        (sets.diverse, _LEFTS[1], repeated),
    ):
        shown = images[unit][:_MOST]
        show_patches(canvas, shown, left, top, _PICTURE, gap=_GAP, per_row=_PER_ROW, faded=faded)
    before, near = sets.restart_activations[unit].mean(), sets.restart_distance[unit]
    after, far = sets.diverse_activations[unit].mean(), sets.diverse_distance[unit]
    # Restarts of a linear unit coincide to rounding, which is no distance.
    near = 0.0 if near < 1e-3 * far else near
    below = top + _height(row) + 2.6
    text = f"activation {number(before)}, distance {number(near)}"
    canvas.text(_LEFTS[0], below, text, size=LABEL)
    text = f"activation {percent(after / before)}, distance {number(far)}"
    if repeated:
        text = f"no diverse set kept {percent(fraction)}: restarts"
    canvas.text(_LEFTS[1], below, text, size=LABEL)


def _index(axes: Axes, row: _Row, names: tuple[str, str], y: float) -> None:
    """Draw an index and its linear stand-in's, with their numbers."""
    index, surrogate = (float(row.indices.get(name, np.nan)) for name in names)
    if np.isnan(index):
        axes.text(0.5, y, "not reported", size=LABEL, color=GREY, ha="center", va="center")
        return
    axes.hlines(y, surrogate, index, color=GREY, lw=0.7)
    axes.plot(surrogate, y, "o", mfc="white", mec=GREY, mew=0.8, ms=6)
    axes.plot(index, y, "o", color=row.colour, ms=4.5, clip_on=False)
    text = f"{ratio(index)}, stand-in {ratio(surrogate)}"
    axes.text(0.5, y + 4.5, text, size=LABEL, ha="center", va="center")


def _key(canvas: Axes, y: float) -> None:
    left = _MARGIN
    canvas.plot(left + 1, y, "o", color=INK, ms=4.5)
    canvas.plot(left + 12, y, "o", mfc="white", mec=GREY, mew=0.8, ms=6)
    for x, text in ((2.8, "unit"), (14.2, "its linear stand-in")):
        canvas.text(left + x, y, text, size=LABEL, va="center_baseline")
    for place, text in enumerate(_NOTES):
        canvas.text(_LEFTS[0] + 9, y - 1.5 + 3 * place, text, size=LABEL, va="center_baseline")
