"""Figure 14: whether an index tells how stable a unit is on natural patches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.analysis.layers import ALL, second_edition
from diversevis.analysis.tables import read_frame, rows_of
from diversevis.figures.panels import Look, looks_of, say_missing, why_missing
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
    read_titles,
    save,
    theme,
    titles,
)
from diversevis.figures.transforms import column, ratio
from diversevis.results.quantities import Registry

_DEFORMATION = "deformation"
_LEFT, _RIGHT, _GAP = 13.0, 3.0, 5.0  # mm: beside and between the panels
_TOP, _PANEL, _BELOW = 12.0, 33.0, 5.0  # mm: title and numbers, panel, its axis
_LABEL, _OVER, _SUMMARY, _NAMES, _KEY = 4.0, 10.5, 38.0, 15.0, 6.0  # mm, downwards from there
_ACROSS = 4
_CROSS = "#A9A9A9"

_LEAST = -1.0
"""Stability drawn: units that undisturbed patches hardly drive have ratios far below zero."""


def run(reads: Mapping[str, Any], writes: Mapping[str, Path]) -> None:
    """Draw it from the tables ``units``, ``prediction``, ``quantities`` and ``networks``."""
    units, prediction = (read_frame(reads[name]) for name in ("units", "prediction"))
    with titles(read_titles(reads["networks"])):
        figure = draw(units, prediction, Registry.load(reads["quantities"]))
    save(figure, *writes.values())


def draw(units: pd.DataFrame, prediction: pd.DataFrame, registry: Registry) -> Figure:
    """Draw stability on natural patches against the deformation index, layer by layer.

    Over each panel stands the rank correlation with its interval, and the baseline: that of the
    linear surrogates' indices, which are the crosses. Below, these numbers of all layers, of each
    network, and over all, for each index that is held against natural patches.

    Parameters
    ----------
    units, prediction
        The tables of units, and of `diversevis.analysis.prediction.prediction_table`.
    registry
        The quantities of `units`.
    """
    kept = second_edition(units)
    looks = looks_of(units["network"])
    own = prediction[prediction["index"].str.startswith(_DEFORMATION)]
    rows = own[own["layer"] != ALL]
    lines = lines_of(list(rows_of(rows)), _ACROSS)
    width = (PAGE_WIDTH - _LEFT - _RIGHT - (_ACROSS - 1) * _GAP) / _ACROSS
    each = _TOP + _PANEL + _BELOW
    begin = len(lines) * each + _LABEL + _OVER
    with theme():
        figure, page = new_page(begin + _SUMMARY + _NAMES + _KEY)
        drawn = _points(kept, own)
        for number, line in enumerate(lines):
            for place, row in enumerate(line):
                left, top = _LEFT + place * (width + _GAP), number * each + _TOP
                axes = inset(figure, left, top, width, _PANEL)
                axes.patch.set_visible(False)
                _title(page, row, left, top)
                here = drawn[(drawn["network"] == row.network) & (drawn["layer"] == row.layer)]
                if here.empty:
                    say_missing(axes, why_missing(column(units, "withheld"), _DEFORMATION))
                    continue
                _layer(axes, here, drawn, looks[row.network])
                if place:
                    axes.set_yticklabels([])
        if len(rows):
            title = registry.named(rows["index"].iloc[0]).title
            y = len(lines) * each + 1
            text = f"{title}, of effective contrasts"
            page.text(PAGE_WIDTH / 2, y, text, ha="center", va="center")
            style: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center"}
            text = "natural patches deformed, over undisturbed (−1 or less: at the edge)"  # noqa: RUF001
            page.text(3.5, (len(lines) * each + _TOP - _BELOW) / 2, text, **style)
        _summaries(figure, page, prediction, registry, looks, begin)
        _key(page, begin + _SUMMARY + _NAMES + 2, looks)
    return figure


def _points(units: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return units with ``index``, ``linear`` and ``stability``: those that the table speaks of."""
    if rows.empty:
        return units.assign(index=np.nan, linear=np.nan, stability=np.nan).iloc[:0]
    name, stability = rows[["index", "stability"]].iloc[0]
    table = units[["network", "layer", "channel"]].assign(
        index=column(units, name),
        linear=column(units, name.replace("_index", "_surrogate")),
        stability=column(units, stability).clip(lower=_LEAST),
    )
    numbers = table[["index", "linear", "stability"]].to_numpy(float)
    return table[np.isfinite(numbers).all(axis=1)]


def _title(page: Axes, row: Any, left: float, top: float) -> None:
    """Name a layer, and write its correlations below."""
    colour = network_colour(row.network)
    name = f"{network_title(row.network)} {row.layer}"
    page.text(left, top - 7.6, name, weight="bold", color=colour)
    small: dict[str, Any] = {"size": LABEL}
    page.text(left, top - 4.4, f"ρ {_between(row, 'correlation', '')}, n = {row.units}", **small)  # noqa: RUF001
    text = f"surrogate's {_between(row, 'baseline', 'baseline_')}"
    page.text(left, top - 1.4, text, color=GREY, **small)


def _between(row: Any, name: str, start: str) -> str:
    value = getattr(row, name)
    if np.isnan(value):
        return "not known"
    low, high = (ratio(getattr(row, f"{start}{end}")) for end in ("low", "high"))
    return f"{ratio(value)} ({low} to {high})"


def _layer(axes: Axes, own: pd.DataFrame, every: pd.DataFrame, look: Look) -> None:
    """Draw a layer's units, on the scales of all layers."""
    x, y = every[["index", "linear"]].to_numpy(float), every["stability"].to_numpy(float)
    for name, values in (("x", x), ("y", y)):
        room = 0.05 * max(np.ptp(values), 0.1)
        axes.set(**{f"{name}lim": (values.min() - room, values.max() + room)})
    style: dict[str, Any] = {"color": _CROSS, "ms": 2.2, "mew": 0.5, "zorder": 1}
    axes.plot(own["linear"], own["stability"], "x", **style)
    axes.plot(own["index"], own["stability"], clip_on=False, **look.dots(3.0), zorder=2)


def _summaries(
    figure: Figure,
    page: Axes,
    prediction: pd.DataFrame,
    registry: Registry,
    looks: Mapping[str, Look],
    top: float,
) -> None:
    """Draw all correlations beside their baselines, one panel per index."""
    indices = [
        name
        for name, own in prediction.groupby("index", sort=False)
        if np.isfinite(own["correlation"]).any()
    ]
    if not indices:
        page.text(_LEFT, top + 2, "no index was held against natural patches", color=GREY)
        return
    width = (PAGE_WIDTH - _LEFT - _RIGHT - (len(indices) - 1) * _GAP) / len(indices)
    numbers = ["correlation", "low", "high", "baseline", "baseline_low", "baseline_high"]
    shown = prediction[numbers].to_numpy(float)
    low, high = min(0.0, np.nanmin(shown)) - 0.05, max(0.5, np.nanmax(shown)) + 0.05
    for place, name in enumerate(indices):
        left = _LEFT + place * (width + _GAP)
        axes = inset(figure, left, top, width, _SUMMARY)
        axes.patch.set_visible(False)
        own = prediction[prediction["index"] == name].reset_index(drop=True)
        against = "deformed" if "deformation" in own["stability"].iloc[0] else "shifted"
        page.text(left, top - 5, registry.named(str(name)).title, weight="bold")
        page.text(left, top - 2, f"against natural patches {against}", size=LABEL, color=GREY)
        axes.set(xlim=(-0.6, len(own) - 0.4), ylim=(low, high))
        axes.axhline(0, color=GREY, lw=0.5, zorder=0)
        for at, row in enumerate(rows_of(own)):
            _pair(axes, at, row, looks.get(row.network))
        first = own.index[own["layer"] == ALL]
        if len(first):
            axes.axvline(first[0] - 0.5, color=FAINT, lw=0.5, zorder=0)
        axes.set_xticks(range(len(own)), [_row_name(row) for row in rows_of(own)])
        axes.tick_params(axis="x", rotation=90, length=0)
        if place:
            axes.set_yticklabels([])
    style: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center", "linespacing": 1.2}
    page.text(4, top + _SUMMARY / 2, "Spearman's ρ with stability\non natural patches", **style)  # noqa: RUF001


def _pair(axes: Axes, at: float, row: Any, look: Look | None) -> None:
    """Draw a correlation with its interval, and its baseline's beside it."""
    colour = look.colour if look else INK
    left, right = at - 0.14, at + 0.2
    axes.vlines(right, row.baseline_low, row.baseline_high, color=_CROSS, lw=0.8, zorder=1)
    axes.plot(right, row.baseline, "x", color=GREY, ms=3.0, mew=0.8, zorder=2)
    axes.vlines(left, row.low, row.high, color=colour, lw=1.0, zorder=3)
    marker = look.dots(3.6) if look else {"marker": "D", "mfc": INK, "mec": INK, "ms": 3.2}
    axes.plot(left, row.correlation, **marker, zorder=4)


def _row_name(row: Any) -> str:
    if row.layer != ALL:
        return str(row.layer)
    return "all units" if row.network == ALL else network_title(row.network)


def _key(page: Axes, top: float, looks: Mapping[str, Look]) -> None:
    style: dict[str, Any] = {"size": LABEL, "va": "center_baseline"}
    x = _LEFT
    for look in looks.values():
        page.plot(x + 1, top, **look.dots(3.2))
        x += 3
    page.text(x, top, "unit, or its layer's correlation with its 95 % interval", **style)
    x += 68
    page.plot(x, top, "x", color=GREY, ms=2.8, mew=0.7)
    text = "the same of linear surrogates' indices: the baseline"
    page.text(x + 2, top, text, **style)
