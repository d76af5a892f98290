"""Figure 12: how much a unit varies over all shifts, against its phase index."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import NullFormatter

from diversevis.analysis.conditions import NEAR_PERFECT, NO, UNDECIDED, YES
from diversevis.analysis.tables import groups_of, rows_of
from diversevis.figures.panels import say_missing, why_missing
from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    inset,
    lines_of,
    network_colour,
    network_title,
    new_page,
    panel_title,
    read_titles,
    save,
    theme,
    titles,
)
from diversevis.figures.transforms import column, judged, picked, stays
from diversevis.measures import CONTRAST
from diversevis.results.quantities import column as column_name
from diversevis.results.tests import FIXED

_INDEX, _VARIATION = "phase", "variation"
_LEFT, _RIGHT, _GAP = 13.0, 3.0, 6.0  # mm: beside the panels, between them
_TOP, _PANEL, _BELOW, _KEY = 7.0, 58.0, 10.0, 15.5  # mm: title, panel, its axis, the key
_ACROSS = 3  # panels in a line
_LEAST, _MOST = 0.01, 10.0  # of variation: what lies beyond is drawn at the edge
_REGION, _LINEAR = "#ECECEC", "#A9A9A9"
_LETTER = 1.08  # mm, about the width of a letter in the key
_UP = (0, (3, 2))

_KINDS = {
    "simple": ("simple cells", "^"),
    "rectified": ("half-rectified simple cells", "v"),
    "complex": ("complex cells", "o"),
    "complex-s5": ("envelope s/5", "s"),
    "complex-s6": ("s/6", "D"),
    "complex-s8": ("s/8", "P"),
}
"""Controls by what the index may not depend on: plain kinds and envelopes, with their markers."""

_RINGS = {
    "": ("none", 2.4),
    "squared": ("square", 4.2),
    "soft": ("soft threshold", 6.0),
    "offset": ("offset root", 7.8),
}
"""Output nonlinearities, with the size of their markers: filled, then rings around it, which lie on
one middle where the nonlinearity changes nothing."""


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Draw it from the tables ``units``, ``control_indices`` and ``networks``."""
    units, controls = (pd.read_csv(reads[name]) for name in ("units", "control_indices"))
    with titles(read_titles(reads["networks"])):
        figure = draw(units, controls, criteria=criteria["second"])
    save(figure, *writes.values())


def draw(
    units: pd.DataFrame,
    controls: pd.DataFrame,
    *,
    criteria: Mapping[str, Any],
) -> Figure:
    """Draw variation over all shifts against the phase index, one panel per network and controls.

    The region of C2 is shaded: units that meet all it asks for are filled, those picked by hand
    have a ring and their channel. Linear surrogates are crosses behind.

    Parameters
    ----------
    units, controls
        The table of units, and that of the controls' indices.
    criteria
        The section ``second`` of ``config/criteria.yaml``.
    """
    kept = _points(units, criteria)
    networks = list(dict.fromkeys(units["network"]))
    panels = [*networks, None]  # the last is that of controls
    lines = lines_of(panels, _ACROSS)
    width = (PAGE_WIDTH - _LEFT - _RIGHT - (_ACROSS - 1) * _GAP) / _ACROSS
    each = _TOP + _PANEL + _BELOW
    shown = _controls(controls)
    low = min([-0.05, *kept["x"], *kept["linear_x"].dropna(), *shown["x"]])
    with theme():
        figure, page = new_page(len(lines) * each + _KEY)
        for row, line in enumerate(lines):
            for place, network in enumerate(line):
                left, top = _LEFT + place * (width + _GAP), row * each + _TOP
                axes = inset(figure, left, top, width, _PANEL)
                axes.patch.set_visible(False)
                _frame(axes, low, criteria["C2"], labelled=place == 0)
                if network is None:
                    panel_title(page, left, top, width, "Controls")
                    _draw_controls(axes, shown)
                    continue
                own = kept[kept["network"] == network]
                panel_title(page, left, top, width, network_title(network), _note(own))
                if own.empty:
                    say_missing(axes, why_missing(column(units, "withheld"), _INDEX))
                    continue
                _draw_units(axes, own, network, criteria["uncertainties"])
            page.text(
                _LEFT + (len(line) * (width + _GAP) - _GAP) / 2,
                row * each + _TOP + _PANEL + 7.0,
                "phase index: mean effective contrast over all shifts",
                ha="center",
                va="center",
            )
        _key(page, len(lines) * each + 1.5, criteria)
    return figure


def _points(units: pd.DataFrame, criteria: Mapping[str, Any]) -> pd.DataFrame:
    """Return the units that have both: ``x``, ``y``, those of surrogates, what they meet."""
    variation = column(units, column_name(_INDEX, _VARIATION))
    index = column(units, column_name(_INDEX, "index"))
    table = units[["network", "layer", "channel"]].assign(
        x=index,
        y=variation,
        dx=column(units, column_name(_INDEX, "uncertainty")),
        dy=column(units, column_name(_INDEX, f"{_VARIATION}_uncertainty")),
        linear_x=column(units, column_name(_INDEX, "surrogate")),
        linear_y=column(units, column_name(_INDEX, f"surrogate_{_VARIATION}")),
        met=judged(units, criteria)[NEAR_PERFECT],
        picked=picked(units),
    )
    return table[stays(units) & np.isfinite(index) & np.isfinite(variation)]


def _controls(indices: pd.DataFrame) -> pd.DataFrame:
    """Return every control unit that is shown: its ``kind``, ``nonlinearity``, ``x`` and ``y``."""
    rows = indices[
        (indices["family"] == "all-shifts")
        & (indices["mask"] == FIXED)
        & (indices["measure"] == CONTRAST)
    ]
    wide = rows.pivot_table(index=["layer", "channel"], columns="statistic", values="value")
    wide = wide.reindex(columns=["mean", _VARIATION]).dropna().reset_index()
    parts = [_kind_of(name) for name in wide["layer"]]
    wide["kind"], wide["nonlinearity"] = zip(*parts, strict=True) if parts else ((), ())
    return wide[wide["kind"].isin(_KINDS)].rename(columns={"mean": "x", _VARIATION: "y"})


def _kind_of(name: str) -> tuple[str, str]:
    """Return a control's plain kind, with its envelope, and its output nonlinearity."""
    plain, _, rest = name.partition("-")
    return (plain, rest) if rest in _RINGS else (name, "")


def _frame(axes: Axes, low: float, limits: Mapping[str, float], *, labelled: bool) -> None:
    """Scale a panel, and shade the region of C2."""
    axes.set_yscale("log")
    axes.set(xlim=(low - 0.03, 1.04), ylim=(_LEAST * 0.85, _MOST * 1.18))
    names = [f"≤ {_LEAST:g}", "0.03", "0.1", "0.3", "1", "3", f"≥ {_MOST:g}"]
    axes.set_yticks([_LEAST, 0.03, 0.1, 0.3, 1, 3, _MOST], names if labelled else [""] * 7)
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    if labelled:
        axes.set_ylabel("variation over all shifts (deviation over mean)")
    corner = limits["phase_index"], limits[_VARIATION]
    bottom = axes.get_ylim()[0]
    axes.fill_between([corner[0], 1.04], bottom, corner[1], color=_REGION, lw=0, zorder=0)
    edge: dict[str, Any] = {"color": GREY, "lw": 0.5, "ls": _UP, "zorder": 0.1}
    axes.plot([corner[0], corner[0], 1.04], [bottom, corner[1], corner[1]], **edge)
    axes.axvline(0, color=FAINT, lw=0.5, zorder=0)


def _inside(values: pd.Series) -> pd.Series:
    return values.clip(_LEAST, _MOST)


def _draw_units(axes: Axes, own: pd.DataFrame, network: str, errors: float) -> None:
    colour = network_colour(network)
    linear = own.dropna(subset=["linear_x"])
    # A surrogate whose mean is not above zero has no variation: it counts as the largest.
    heights = _inside(linear["linear_y"].fillna(_MOST))
    axes.plot(linear["linear_x"], heights, "x", color=_LINEAR, ms=2.2, mew=0.5, zorder=1)
    for met, face in (("", "white"), (NO, "white"), (UNDECIDED, FAINT), (YES, colour)):
        some = own[own["met"] == met]
        style: dict[str, Any] = {"mfc": face, "mec": colour, "mew": 0.6, "ms": 3.0, "zorder": 3}
        axes.plot(some["x"], _inside(some["y"]), "o", clip_on=False, **style)
    for unit in rows_of(own[own["met"].isin([YES, UNDECIDED])]):
        bar: dict[str, Any] = {"color": colour, "lw": 0.5, "alpha": 0.5, "zorder": 2}
        dx, dy = (errors * np.nan_to_num(getattr(unit, name)) for name in ("dx", "dy"))
        y = max(unit.y, _LEAST)
        axes.plot([unit.x - dx, unit.x + dx], [y, y], **bar)
        axes.plot([unit.x, unit.x], [max(unit.y - dy, _LEAST), max(unit.y + dy, _LEAST)], **bar)
    for unit in rows_of(own[own["picked"]]):
        at = unit.x, float(np.clip(unit.y, _LEAST, _MOST))
        axes.plot(*at, "o", mfc="none", mec=INK, mew=0.7, ms=5.6, zorder=4)
        axes.annotate(
            f"{unit.channel}",
            at,
            (-4.5, 0),
            textcoords="offset points",
            size=LABEL,
            ha="right",
            va="center",
            zorder=5,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )


def _draw_controls(axes: Axes, shown: pd.DataFrame) -> None:
    if shown.empty:
        say_missing(axes, "not measured")
        return
    for (kind, nonlinearity), own in groups_of(shown, "kind", "nonlinearity"):
        style = _control_style(_KINDS[kind][1], nonlinearity)
        axes.plot(own["x"], _inside(own["y"]), zorder=3, clip_on=False, **style)


def _control_style(marker: str, nonlinearity: str = "") -> dict[str, Any]:
    face = "none" if nonlinearity else INK
    style: dict[str, Any] = {"marker": marker, "ls": "", "mfc": face, "mec": INK, "mew": 0.5}
    return style | {"ms": _RINGS[nonlinearity][1]}


def _note(own: pd.DataFrame) -> str:
    counted = own[~own["picked"]]
    if counted.empty:
        return ""
    yes, open_ = (int((counted["met"] == met).sum()) for met in (YES, UNDECIDED))
    return f"{yes} of {len(counted)} near perfect, {open_} undecided"


def _key(page: Axes, top: float, criteria: Mapping[str, Any]) -> None:
    """Explain marks of units, then those of controls."""
    points: dict[str, Any] = {"marker": "o", "mec": INK, "mew": 0.6}
    above = criteria["C2"]["above"]
    kinds = [(_control_style(marker), words) for words, marker in _KINDS.values()]
    rings = [(_control_style("o", name), words) for name, (words, _) in _RINGS.items()]
    units: list[tuple[Any, str]] = [
        (points | {"mfc": "white", "ms": 3}, "unit"),
        (
            points | {"mfc": INK, "ms": 3},
            f"near perfect: in the region, {above:g} above surrogate",
        ),
        (points | {"mfc": FAINT, "ms": 3}, "undecided"),
        ({"marker": "x", "mec": _LINEAR, "mew": 0.6, "ms": 2.6}, "surrogate"),
        (points | {"mfc": "none", "ms": 5.6}, "picked by hand"),
        (None, f"bars: \N{PLUS-MINUS SIGN} {criteria['uncertainties']:g} uncertainties"),
    ]
    rows = {"Units:": units, "Controls:": kinds, "Output nonlinearity of controls:": rings}
    for row, (title, entries) in enumerate(rows.items()):
        x, y = _LEFT, top + 4.2 * row
        style: dict[str, Any] = {"size": LABEL, "va": "center_baseline"}
        page.text(x, y, title, color=GREY, **style)
        x += 3 + _LETTER * len(title)
        for mark, words in entries:
            if mark:
                page.plot(x + 1, y, ls="", **{k: v for k, v in mark.items() if k != "ls"})
            page.text(x + 3.5, y, words, **style)
            x += 6 + _LETTER * len(words)
