"""Figure 1: restarts against diverse sets, of units whose invariance is known, and of a network's.

Why invariance matters: restarts of a complex cell look like one pattern or a few, a diverse set
shows that any phase will do, and a simple cell's cannot be made to differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from diversevis.figures.transforms import (
    at_delta,
    column,
    means_of,
    picked,
    ratio,
    stays,
    with_index,
)
from diversevis.results.quantities import ABOVE, Quantity, Registry
from diversevis.results.sets import Sets, load_sets

_COMPARED = ("phase", "deformation")  # indices
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
    indices: Sequence[tuple[float, float]]  # with the surrogate's, NaN if not reported
    colour: str


def run(reads: Mapping[str, Any], writes: Mapping[str, Path], *, fraction: float) -> None:
    """Draw it from arrays of sweeps, ``controls`` and ``sweeps`` of one network, and tables."""
    with titles(read_titles(reads["networks"])):
        figure = draw(
            load_sets(reads["controls"]),
            pd.read_csv(reads["control_indices"]),
            load_sets(reads["sweeps"]),
            pd.read_csv(reads["units"]),
            Registry.load(reads["quantities"]),
            fraction=fraction,
        )
    save(figure, *writes.values())


def draw(
    controls: Sequence[Sets],
    indices: pd.DataFrame,
    layers: Sequence[Sets],
    units: pd.DataFrame,
    registry: Registry,
    *,
    fraction: float = 0.9,
) -> Figure:
    """Draw restarts beside diverse sets, with phase and deformation index, one row per unit.

    Above, the first unit of each kind of control; below, of the layers' network the unit whose
    phase index lies furthest above its linear surrogate's, and the one whose deformation index
    does.

    Parameters
    ----------
    controls
        Sets of each kind of control units.
    indices
        The tidy table of the controls' indices.
    layers
        Restarts and diverse sets of layers of one network.
    units
        The table of units.
    registry
        Its quantities.
    fraction
        Share of the restarts' mean activation that diverse sets were asked to keep.
    """
    compared = [registry.of(index) for index in _COMPARED]
    first = [_control(sets, indices, compared) for sets in controls]
    second = _chosen(layers, units, registry, compared)
    sections = [("Units whose invariance is known", first)]
    if second:
        sections.append((f"Units of {network_title(layers[0].network)}", second))
    rows, tops, sections_at, y = [], [], [], _HEADER
    for title, some in sections:
        sections_at.append((y, title))
        y += _SECTION
        for row in some:
            height = _height(row)
            rows.append(row)
            tops.append(y)
            y += height + _NUMBERS + _BETWEEN
    bottom = y - _BETWEEN + 1
    with theme():
        figure, page = new_page(bottom + _FOOTER)
        n = max(row.sets.restarts.shape[1] for row in rows)
        phase, deformation = map(_title, _COMPARED, compared)
        for left, width, text, colour in (
            (_LEFTS[0], _BLOCK, f"{n} random restarts", RESTARTS),
            (_LEFTS[1], _BLOCK, f"{n} diverse images", DIVERSE),
            (_STRIPS[0], _STRIP, phase, INK),
            (_STRIPS[1], _STRIP, deformation, INK),
        ):
            heading(page, left, _HEADER - 1.5, width, text, colour)
        for top, title in sections_at:
            page.text(_MARGIN, top + 2.2, title, size=TITLE, weight="bold", va="center")
        strips = [strip(figure, left, _HEADER, _STRIP, bottom - _HEADER) for left in _STRIPS]
        for axes in strips:
            axes.set(xlim=(-0.05, 1.05), xticks=[0, 0.5, 1])
            for at in (0, 0.5, 1):
                axes.axvline(at, color=FAINT, lw=0.4, zorder=0)
            for top, _ in sections_at:  # the sections' titles stand free
                axes.axhspan(top - 0.5, top + _SECTION - 1.2, color="white", zorder=1)
            axes.set_xlabel("mean effective contrast")
        for row, top in zip(rows, tops, strict=True):
            _draw_row(page, row, top, fraction)
            for axes, values in zip(strips, row.indices, strict=True):
                _index(axes, *values, row.colour, top + _height(row) / 2)
        _key(page, bottom + 10.5)
    return figure


def _title(index: str, measured: Quantity | None) -> str:
    """Return an index's name, and in a second line its displacement."""
    delta = measured.delta if measured else None
    return f"{index} index" + ("" if delta is None else f"\nδ = {delta:g} px")


def _control(sets: Sets, indices: pd.DataFrame, compared: Sequence[Quantity | None]) -> _Row:
    own = indices[(indices.layer == sets.layer) & (indices.channel == sets.channels[0])]
    values = []
    for measured in compared:
        rows = at_delta(means_of(own, measured.family), measured.delta) if measured else own[:0]
        values.append(_first(rows))
    return _Row(sets, 0, *_KNOWN[sets.layer], values, INK)


def _first(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the first row's index and the surrogate's; NaN without any."""
    return next(rows[["value", "surrogate"]].itertuples(index=False, name=None), (np.nan, np.nan))


def _chosen(
    layers: Sequence[Sets],
    units: pd.DataFrame,
    registry: Registry,
    compared: Sequence[Quantity | None],
) -> list[_Row]:
    """Return the units whose phase, and whose deformation index is furthest above its surrogate's.

    Where neither is known, the unit whose diverse set differs most from its restarts.
    """
    places = {
        (layer.layer, int(channel)): (layer, place)
        for layer in layers
        for place, channel in enumerate(layer.channels)
    }
    own = units[stays(units)]
    if layers:
        own = own[own.network == layers[0].network]
    own = own[[place in places for place in zip(own.layer, own.channel, strict=True)]]
    wanted = [
        (registry.of(index, ABOVE), f"{index} index furthest\nabove its surrogate")
        for index in _COMPARED
    ]
    wanted.append((registry.named("distance_ratio"), "most distinct images\nbeside its restarts"))
    rows: list[_Row] = []
    for measured, note in wanted:
        if measured is None or (rows and not measured.index):
            continue
        values = column(own, measured.name).dropna()
        if values.empty:
            continue
        best = own.loc[[values.idxmax()]]
        own = own.drop(index=best.index)
        layer, channel = best.layer.item(), int(best.channel.item())
        known = [_first(with_index(best, index)) for index in compared]
        sets, place = places[layer, channel]
        note += "\n(picked by hand)" if picked(best).item() else ""
        style = f"{layer}, {channel}", note, known, network_colour(sets.network)
        rows.append(_Row(sets, place, *style))
    return rows


def _height(row: _Row) -> float:
    count = min(row.sets.restarts.shape[1], _MOST)
    return -(-count // _PER_ROW) * (_PICTURE + _GAP) - _GAP


def _draw_row(page: Axes, row: _Row, top: float, fraction: float) -> None:
    sets, unit, middle = row.sets, row.unit, top + _height(row) / 2
    page.text(_MARGIN, middle - 1.6, row.name, weight="bold", color=row.colour, va="bottom")
    style: dict[str, Any] = {"size": LABEL, "color": GREY, "va": "top", "linespacing": 1.25}
    page.text(_MARGIN, middle - 0.6, row.note, **style)
    repeated = not sets.selected[unit]
    for images, left, faded in (
        (sets.restarts, _LEFTS[0], False),
        (sets.diverse, _LEFTS[1], repeated),
    ):
        shown = images[unit][:_MOST]
        show_patches(page, shown, left, top, _PICTURE, gap=_GAP, per_row=_PER_ROW, faded=faded)
    before, near = sets.restart_activations[unit].mean(), sets.restart_distance[unit]
    after, far = sets.diverse_activations[unit].mean(), sets.diverse_distance[unit]
    # Restarts of a linear unit coincide to rounding, which is no distance.
    near = 0.0 if near < 1e-3 * far else near
    below = top + _height(row) + 2.6
    text = f"activation {number(before)}, distance {number(near)}"
    page.text(_LEFTS[0], below, text, size=LABEL)
    text = f"activation {percent(after / before)}, distance {number(far)}"
    if repeated:
        text = f"no diverse set kept {percent(fraction)}: restarts"
    page.text(_LEFTS[1], below, text, size=LABEL)


def _index(axes: Axes, index: float, surrogate: float, colour: str, y: float) -> None:
    """Draw an index and its linear surrogate's, with their numbers."""
    if np.isnan(index):
        axes.text(0.5, y, "not reported", size=LABEL, color=GREY, ha="center", va="center")
        return
    axes.hlines(y, surrogate, index, color=GREY, lw=0.7)
    axes.plot(surrogate, y, "o", mfc="white", mec=GREY, mew=0.8, ms=6)
    axes.plot(index, y, "o", color=colour, ms=4.5, clip_on=False)
    text = f"{ratio(index)}, surrogate {ratio(surrogate)}"
    axes.text(0.5, y + 4.5, text, size=LABEL, ha="center", va="center")


def _key(page: Axes, y: float) -> None:
    left = _MARGIN
    page.plot(left + 1, y, "o", color=INK, ms=4.5)
    page.plot(left + 12, y, "o", mfc="white", mec=GREY, mew=0.8, ms=6)
    for x, text in ((2.8, "unit"), (14.2, "its linear surrogate")):
        page.text(left + x, y, text, size=LABEL, va="center_baseline")
    for place, text in enumerate(_NOTES):
        page.text(_LEFTS[0] + 9, y - 1.5 + 3 * place, text, size=LABEL, va="center_baseline")
