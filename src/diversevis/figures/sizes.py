"""Figure 13: what indices have above surrogates, against the size of the receptive field."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.analysis.layers import second_edition
from diversevis.analysis.sizes import DIFFERENCE, MEDIAN, PAIR
from diversevis.analysis.tables import read_frame, rows_of
from diversevis.figures.distributions import swarm
from diversevis.figures.panels import Look, looks_of, say_missing, why_missing
from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    inset,
    network_title,
    new_page,
    panel_title,
    read_titles,
    save,
    theme,
    titles,
)
from diversevis.figures.transforms import column
from diversevis.results.quantities import ABOVE, Registry

_LEFT, _RIGHT, _GAP = 14.0, 3.0, 15.0  # mm: beside and between the panels
_TOP, _PANEL, _BETWEEN, _LOWER, _BELOW, _KEY = 7.0, 52.0, 5.0, 24.0, 10.0, 14.0  # mm, downwards
_ROOM = 0.11  # of an octave: for the dots of a layer
_NEAR = 3.5  # mm: labels nearer to each other than that move apart
_SIGN = {"kept": "o", "reversed": "X", "undecided": "o"}


def run(reads: Mapping[str, Any], writes: Mapping[str, Path]) -> None:
    """Draw it from the tables ``units``, ``sizes``, ``quantities`` and ``networks``."""
    units, sizes = (read_frame(reads[name]) for name in ("units", "sizes"))
    with titles(read_titles(reads["networks"])):
        figure = draw(units, sizes, Registry.load(reads["quantities"]))
    save(figure, *writes.values())


def draw(units: pd.DataFrame, sizes: pd.DataFrame, registry: Registry) -> Figure:
    """Draw each index above its surrogate against size, both networks; below, their difference.

    Faint dots are units; medians with their intervals are joined as the comparison interpolates
    them, linearly in the logarithm of the size. The lower panel has the difference of two curves
    with its interval, and marks where a pair of layers would meet.

    Parameters
    ----------
    units, sizes
        The tables of units, and of `diversevis.analysis.sizes.size_table`.
    registry
        The quantities of the tables.
    """
    quantities = [entry for entry in registry.having(ABOVE) if entry.name in set(sizes["quantity"])]
    looks = looks_of(units["network"])
    kept = second_edition(units)
    of_two = bool((sizes["kind"] == DIFFERENCE).any())
    width = (PAGE_WIDTH - _LEFT - _RIGHT - _GAP) / 2
    each = _TOP + _PANEL + (_BETWEEN + _LOWER if of_two else 0) + _BELOW
    with theme():
        figure, page = new_page(-(-max(len(quantities), 1) // 2) * each + _KEY)
        for number, quantity in enumerate(quantities):
            left = _LEFT + number % 2 * (width + _GAP)
            top = number // 2 * each + _TOP
            own = sizes[sizes["quantity"] == quantity.name]
            upper = inset(figure, left, top, width, _PANEL)
            upper.patch.set_visible(False)
            panel_title(page, left, top, width, quantity.title.split(",")[0])
            upper.set_ylabel("index less its linear surrogate's")
            medians = own[own["kind"] == MEDIAN]
            if medians.empty:
                say_missing(upper, why_missing(column(units, "withheld"), quantity.index))
                continue
            _curves(upper, kept, medians, quantity.name, looks)
            last = upper
            if of_two:
                lower = inset(figure, left, top + _PANEL + _BETWEEN, width, _LOWER)
                _differences(lower, own, upper)
                upper.set_xticklabels([])
                last = lower
            last.set_xlabel("receptive field, px")
            _apart(last, width)
        if not quantities:
            page.text(_LEFT, _TOP, "no index was measured", size=LABEL, color=GREY)
        _key(page, -(-max(len(quantities), 1) // 2) * each + 1, looks, sizes, of_two)
    return figure


def _curves(
    axes: Axes,
    units: pd.DataFrame,
    medians: pd.DataFrame,
    quantity: str,
    looks: Mapping[str, Look],
) -> None:
    every = np.log2(np.unique(medians["size"]))
    values = column(units, quantity).to_numpy(float)
    values = values[np.isfinite(values)]
    room = 0.05 * max(np.ptp(values), 0.1)
    axes.set(
        xlim=(every.min() - 0.15, every.max() + 0.15),
        ylim=(min(values.min(), 0) - room, max(values.max(), 0) + room),
    )
    axes.set_xticks(every, [f"{2**at:g}" for at in every])
    axes.axhline(0, color=FAINT, lw=0.5, zorder=0)
    for network, look in looks.items():
        own = medians[medians["network"] == network].sort_values("size")
        for row in rows_of(own):
            here = units[(units["network"] == network) & (units["layer"] == row.layer)]
            shown = column(here, quantity).to_numpy(float)
            before = len(axes.lines)
            swarm(
                axes,
                np.log2(row.size),
                shown,
                width=_ROOM,
                colour=look.colour,
                filled=look.filled,
                marker=look.marker,
            )
            for line in axes.lines[before:]:
                line.set(alpha=0.4, zorder=1)
        x = np.log2(own["size"])
        axes.plot(x, own["value"], color=look.colour, lw=1.2, ls=look.line, zorder=3)
        axes.vlines(x, own["low"], own["high"], color=look.colour, lw=1.6, zorder=4)
        face = look.colour if look.filled else "white"
        style: dict[str, Any] = {"mfc": face, "mec": look.colour, "mew": 1.0, "ms": 3.6}
        axes.plot(x, own["value"], look.marker, ls="", zorder=5, **style)


def _differences(axes: Axes, rows: pd.DataFrame, above: Axes) -> None:
    """Draw the difference of curves with its interval, and where pairs of layers would meet."""
    axes.axhline(0, color=GREY, lw=0.5, zorder=0)
    own = rows[rows["kind"] == DIFFERENCE].sort_values("size")
    for _, part in own.groupby(["network", "other_network"], sort=False):
        x = np.log2(part["size"])
        axes.fill_between(x, part["low"], part["high"], color="#E3E3E3", lw=0, zorder=0.5)
        axes.plot(x, part["value"], color=INK, lw=0.8, zorder=2)
    for row in rows_of(rows[rows["kind"] == PAIR]):
        face = INK if row.sign == "kept" else "white"
        style: dict[str, Any] = {"mfc": face, "mec": INK, "mew": 0.7, "ms": 4.0}
        axes.plot(np.log2(row.size), row.value, _SIGN[row.sign], zorder=4, **style)
    axes.set(xlim=above.get_xlim(), xticks=above.get_xticks())
    axes.set_xticklabels([text.get_text() for text in above.get_xticklabels()])
    axes.set_ylabel("difference\nat equal size", linespacing=1.2)


def _apart(axes: Axes, width: float) -> None:
    """Move labels apart that are too near to each other on axes so wide, in mm."""
    low, high = axes.get_xlim()
    places = [(at - low) / (high - low) * width for at in axes.get_xticks()]
    labels = axes.get_xticklabels()
    for at, (one, other) in enumerate(pairwise(places)):
        if other - one < _NEAR:
            labels[at].set_horizontalalignment("right")
            labels[at + 1].set_horizontalalignment("left")


def _key(
    page: Axes, top: float, looks: Mapping[str, Look], sizes: pd.DataFrame, of_two: bool
) -> None:
    style: dict[str, Any] = {"size": LABEL, "va": "center_baseline"}
    x, y = _LEFT, top + 1
    medians = sizes[sizes["kind"] == MEDIAN]
    for network, look in looks.items():
        page.plot([x, x + 8], [y, y], color=look.colour, lw=1.2, ls=look.line)
        face = look.colour if look.filled else "white"
        page.plot(x + 4, y, look.marker, mfc=face, mec=look.colour, mew=1.0, ms=3.6)
        title = network_title(network)
        page.text(x + 9.5, y, title, color=look.colour, weight="bold", **style)
        own = medians[medians["network"] == network].sort_values("size")
        layers = ", ".join(dict.fromkeys(own["layer"]))
        page.text(x + 11 + 1.35 * len(title), y, layers, color=look.colour, **style)
        x += 17 + 1.35 * len(title) + 1.08 * len(layers)
    y += 4.2
    text = "large: median of a layer with its 95 % interval, joined as interpolated; faint: units"
    page.text(_LEFT, y, text, **style)
    if not of_two:
        return
    first = sizes[sizes["kind"] == DIFFERENCE].iloc[0]
    names = [network_title(first[name]) for name in ("network", "other_network")]
    x, y = _LEFT, y + 4.2
    page.fill_between([x, x + 6], y - 1.2, y + 1.2, color="#E3E3E3", lw=0)
    page.plot([x, x + 6], [y, y], color=INK, lw=0.8)
    page.text(x + 7.5, y, f"{names[0]} less {names[1]}, 95 % interval; a pair's sign:", **style)
    x += 12 + 1.08 * len(f"{names[0]} less {names[1]}, 95 % interval; a pair's sign:")
    for face, marker, words in (
        (INK, "o", "kept at equal size"),
        ("white", "o", "undecided"),
        ("white", "X", "reversed"),
    ):
        page.plot(x, y, marker, mfc=face, mec=INK, mew=0.7, ms=4.0)
        page.text(x + 2, y, words, **style)
        x += 6 + 1.08 * len(words)
