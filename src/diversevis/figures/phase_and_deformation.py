"""Figure: which units are invariant to phase, which to local deformations."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.analysis.invariance import (
    DEFORMATION_ABOVE,
    DEFORMATION_DELTA,
    PHASE_ABOVE,
    PHASE_INDEX,
    unit_kinds,
)
from diversevis.controls.units import NETWORK as CONTROLS
from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    inset,
    network_colour,
    network_title,
    page,
    theme,
)
from diversevis.figures.transforms import column, deltas_of, left_out_note, main_delta, stays

_LEFT, _TOP, _WIDTH, _HEIGHT, _BOTTOM = 13.0, 5.0, 112.0, 92.0, 10.5  # mm
_SIDE = 131.0  # left edge of the key
_MARKERS = "osD^vP*X"
_LABELLED = 3  # units with the most of either index
_LETTER, _LINE = 1.28, 2.2  # mm, about the width of a letter and the height of a line of labels
_LABEL_ROOM = 0.16  # of the axis, right of the last point, so that it can have a label
_MANY = 100  # units, from which on marks are smaller

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in mm."""


def draw(units: pd.DataFrame) -> Figure:
    """Draw phase index against deformation index, both above the linear stand-in's.

    One point a unit; the error bars are standard deviations between seeds. Dashed lines are the
    criteria of claims C2 and C3; points that also have the phase index that C2 asks for are filled.

    Parameters
    ----------
    units
        One row a unit, with the columns of `diversevis.analysis.invariance.invariance_table`.
    """
    units = units[units.network != CONTROLS].reset_index(drop=True)
    delta = main_delta(deltas_of(units, "deformation"))
    table = _points(units, delta)
    with theme():
        figure, canvas = page(_TOP + _HEIGHT + _BOTTOM)
        axes = inset(figure, _LEFT, _TOP, _WIDTH, _HEIGHT)
        axes.patch.set_visible(False)  # labels are text of the page, below
        _scatter(axes, table)
        strength = "" if delta is None else f" at δ = {delta:g} px per 24 px"
        axes.set_xlabel("phase index, less linear stand-in's")
        axes.set_ylabel(f"deformation index{strength}, less linear stand-in's")
        _criteria(canvas, axes)
        _label(canvas, axes, table, _taken(axes, table))
        _key(canvas, units, table)
    return figure


def _points(units: pd.DataFrame, delta: float | None) -> pd.DataFrame:
    """Return units that have both indices, with places ``x``, ``y`` and errors ``dx``, ``dy``."""
    strength = "" if delta is None else f"{delta:g}"
    index, surrogate = (
        column(units, f"deformation_{part}_{strength}") for part in ("index", "surrogate")
    )
    table = units.assign(
        x=column(units, "phase_index") - column(units, "phase_surrogate"),
        y=index - surrogate,
        dx=column(units, "phase_uncertainty"),
        dy=column(units, "deformation_uncertainty"),
        filled=column(units, "phase_index") >= PHASE_INDEX,
    )
    return table[stays(units)].dropna(subset=["x", "y"]).reset_index(drop=True)


def _markers(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the marker of each layer: by its place within its network."""
    pairs = list(dict.fromkeys(zip(table.network, table.layer, strict=True)))
    return {
        pair: _MARKERS[[p for p in pairs if p[0] == pair[0]].index(pair) % len(_MARKERS)]
        for pair in pairs
    }


def _style(network: str, marker: str, filled: bool, size: float = 4.0) -> dict:
    colour = network_colour(network)
    face = colour if filled else "white"
    return {"marker": marker, "ms": size, "mfc": face, "mec": colour, "mew": 0.8, "ls": ""}


def _scatter(axes: Axes, table: pd.DataFrame) -> None:
    axes.axhline(0, color=FAINT, lw=0.5, zorder=0)
    axes.axvline(0, color=FAINT, lw=0.5, zorder=0)
    axes.axvline(PHASE_ABOVE, color=GREY, lw=0.6, ls=(0, (3, 2)), zorder=0)
    axes.axhline(DEFORMATION_ABOVE, color=GREY, lw=0.6, ls=(0, (3, 2)), zorder=0)
    markers, size = _markers(table), 4.0 if len(table) < _MANY else 2.8
    for unit in table.itertuples():
        style = _style(unit.network, markers[unit.network, unit.layer], unit.filled, size)
        # No bar where a single seed tells no spread.
        axes.errorbar(
            unit.x,
            unit.y,
            xerr=None if np.isnan(unit.dx) else unit.dx,
            yerr=None if np.isnan(unit.dy) else unit.dy,
            ecolor=style["mec"],
            elinewidth=0.6,
            alpha=0.9,
            capsize=0,
            **style,
        )
    axes.update_datalim([(-0.05, -0.1), (0.65, 0.2)])
    axes.autoscale_view()
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + _LABEL_ROOM * (right - left))


def _criteria(canvas: Axes, axes: Axes) -> None:
    """Name the criteria's lines, at their ends."""
    ((x, y),) = _page(axes, np.array([[PHASE_ABOVE, DEFORMATION_ABOVE]]))
    canvas.text(x, _TOP - 0.8, "C2", size=LABEL, color=GREY, ha="center")
    canvas.text(_LEFT + _WIDTH + 0.8, y, "C3", size=LABEL, color=GREY, va="center")


def _taken(axes: Axes, table: pd.DataFrame) -> list[Box]:
    """Return where the criteria's lines, the points and their error bars are."""
    middle, error = table[["x", "y"]].to_numpy(), table[["dx", "dy"]].fillna(0).to_numpy()
    points, ends = _page(axes, middle), _page(axes, middle + error)
    bars = np.abs(ends - points)
    ((x, y),) = _page(axes, np.array([[PHASE_ABOVE, DEFORMATION_ABOVE]]))
    boxes: list[Box] = [(x, _TOP, x, _TOP + _HEIGHT), (_LEFT, y, _LEFT + _WIDTH, y)]
    boxes += [(x - 1, y - 1, x + 1, y + 1) for x, y in points]
    for (x, y), (dx, dy) in zip(points, bars, strict=True):
        boxes += [(x - dx, y - 0.2, x + dx, y + 0.2), (x - 0.2, y - dy, x + 0.2, y + dy)]
    return boxes


def _label(canvas: Axes, axes: Axes, table: pd.DataFrame, taken: list[Box]) -> None:
    """Write the names of the outstanding units beside their points, where there is room."""
    chosen = dict.fromkeys(
        [*table.nlargest(_LABELLED, "x").index, *table.nlargest(_LABELLED, "y").index]
    )
    places = _page(axes, table[["x", "y"]].to_numpy())
    for row in chosen:
        x, y = places[row]
        spots = [
            (x + 1.6 * across, y + 1.8 * down, "left" if across > 0 else "right", "center")
            for down in (-1, 1)
            for across in (1, -1)
        ]
        text = f"{table.layer[row]}, {table.channel[row]}"
        _write(canvas, text, spots, taken, color=network_colour(table.network[row]))


def _write(
    canvas: Axes,
    text: str,
    spots: list[tuple[float, float, str, str]],
    taken: list[Box],
    *,
    color: str,
) -> None:
    """Write a text at the first of these spots, in mm, that is free, if one is."""
    width = _LETTER * len(text)
    for x, y, ha, va in spots:
        left = x - (width if ha == "right" else 0)
        box = (left, y - _LINE / 2, left + width, y + _LINE / 2)
        inside = left >= _LEFT and box[2] <= _LEFT + _WIDTH
        if inside and not any(_overlap(box, other) for other in taken):
            canvas.text(x, y, text, size=LABEL, ha=ha, va=va, color=color)
            taken.append(box)
            return


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _page(axes: Axes, points: np.ndarray) -> np.ndarray:
    """Return where points lie on the page, in mm from its top left corner."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    x = _LEFT + (points[:, 0] - x0) / (x1 - x0) * _WIDTH
    y = _TOP + (y1 - points[:, 1]) / (y1 - y0) * _HEIGHT
    return np.column_stack([x, y])


def _key(canvas: Axes, units: pd.DataFrame, table: pd.DataFrame) -> None:
    """Explain colours, markers and lines, and count what satisfies the criteria."""
    y = _TOP + 2
    markers = _markers(table)
    for network in dict.fromkeys(units.network):
        title = network_title(network)
        canvas.text(_SIDE, y, title, weight="bold", color=network_colour(network), va="center")
        y += 4
        for (name, layer), marker in markers.items():
            if name == network:
                canvas.plot(_SIDE + 1.2, y, **_style(network, marker, True))
                count = int(((table.network == name) & (table.layer == layer)).sum())
                text = f"{layer}: {count} unit{'s' * (count != 1)}"
                canvas.text(_SIDE + 3.5, y, text, size=LABEL, va="center")
                y += 3.4
        for text in _counts(units, network):
            canvas.text(_SIDE, y - 1.1, text, size=LABEL, color=GREY, va="top", linespacing=1.3)
            y += 3.4 * (1 + text.count("\n"))
        y += 2.5
    for filled, text in ((True, f"phase index at least {PHASE_INDEX:g}"), (False, "below")):
        canvas.plot(_SIDE + 1.2, y, "o", ms=4, mfc=INK if filled else "white", mec=INK, mew=0.8)
        canvas.text(_SIDE + 3.5, y, text, size=LABEL, va="center")
        y += 3.4
    canvas.plot([_SIDE, _SIDE + 2.6], [y, y], color=GREY, lw=0.6, ls=(0, (3, 2)))
    for text in (
        f"C2: at least {PHASE_ABOVE:g} across",
        f"C3: at least {DEFORMATION_ABOVE:g} up, beyond the bar",
    ):
        canvas.text(_SIDE + 3.5, y, text, size=LABEL, va="center")
        y += 3.4


def _counts(units: pd.DataFrame, network: str) -> list[str]:
    own = units[units.network == network]
    lines = []
    needed = {
        "phase_index",
        "phase_surrogate",
        "deformation_uncertainty",
        *(f"deformation_{part}_{DEFORMATION_DELTA:g}" for part in ("index", "surrogate")),
    }
    if needed <= set(own.columns):
        kinds = unit_kinds(own.assign(left_out=np.where(stays(own), "", "left out")))
        phase, deformation = kinds.phase_invariant, kinds.deformation_invariant
        lines = [
            f"phase invariant: {phase.sum()}",
            f"deformation invariant: {deformation.sum()}",
            f"both: {(phase & deformation).sum()}",
        ]
    left_out = int((~stays(own)).sum())
    return [*lines, left_out_note(left_out)] if left_out else lines
