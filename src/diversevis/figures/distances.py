"""Figure 2: what diversity in pixels gives, and what diversity in features gives."""

from __future__ import annotations

from collections.abc import Mapping
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
    PAGE_WIDTH,
    PIXELS,
    RESTARTS,
    TITLE,
    evenly,
    heading,
    inset,
    network_title,
    new_page,
    number,
    panel_title,
    percent,
    ratio_scale,
    read_titles,
    save,
    show_patches,
    theme,
    titles,
    units_text,
)
from diversevis.results.sets import Sets, load_sets

_KINDS = {"restarts": RESTARTS, "pixels": PIXELS, "features": DIVERSE}
_QUANTITIES = (
    ("activation_ratio", "mean activation"),
    ("pixel_ratio", "smallest distance in pixels"),
    ("feature_ratio", "smallest distance in features"),
)
_MARGIN, _LABEL, _GAP, _APART = 2.5, 8.0, 0.4, 3.0  # mm
_MOST, _LARGEST = 6, 12.0  # images of a set that are shown
_HEADER, _NUMBERS, _BETWEEN = 15.5, 6.0, 2.4
_PANELS, _PANEL_LEFT, _PANEL_WIDTH = 8.0, 13.0, 45.0
_PANEL_GAP, _PANEL_HEIGHT, _FOOTER = 13.0, 34.0, 7.0


def run(reads: Mapping[str, Any], writes: Mapping[str, Path], *, fraction: float) -> None:
    """Draw it from ``features`` and ``pixels``, arrays of sweeps, and their ``table``."""
    features, pixels = load_sets([reads["features"], reads["pixels"]])
    with titles(read_titles(reads["networks"])):
        figure = draw(features, pixels, pd.read_csv(reads["table"]), fraction=fraction)
    save(figure, *writes.values())


def draw(
    features: Sets, pixels: Sets, table: pd.DataFrame, *, fraction: float = 0.9, most: int = 4
) -> Figure:
    """Draw restarts and both kinds of diverse sets of the same units, with their numbers.

    Above, the images of some units: of those in both, evenly spaced by channel number. Below, of
    all units, mean activation and both distances relative to the restarts; a line is a unit.

    Parameters
    ----------
    features, pixels
        Sets of the same layer, made with distances in a feature map and in pixels.
    table
        Rows of `diversevis.study.steps.distances.distance_rows`.
    fraction
        Share of the restarts' mean activation that diverse sets were asked to keep.
    most
        Units whose images are shown.
    """
    common = [int(c) for c in features.channels if c in set(pixels.channels.tolist())]
    shown = [common[i] for i in evenly(len(common), most)]
    n = min(_MOST, features.restarts.shape[1])
    room = PAGE_WIDTH - 2 * _MARGIN - _LABEL - 2 * _APART
    size = min(_LARGEST, (room / 3 + _GAP) / n - _GAP)
    block = room / 3
    lefts = [_MARGIN + _LABEL + place * (block + _APART) for place in range(3)]
    pitch = size + _NUMBERS + _BETWEEN
    below = _HEADER + len(shown) * pitch + _PANELS
    space = table.features.iloc[0] if len(table) else "features"
    with theme():
        figure, page = new_page(below + _PANEL_HEIGHT + _FOOTER)
        title = f"{network_title(features.network)} {features.layer}"
        page.text(_MARGIN, 4, title, size=TITLE, weight="bold", va="center")
        note = f"receptive field {features.size} px"
        page.text(PAGE_WIDTH - _MARGIN, 4, note, color=GREY, va="center", ha="right")
        heading(page, _MARGIN, _HEADER - 1.5, _LABEL - 1.5, "unit", INK)
        texts = ("random restarts", "distinct in pixels", f"distinct in features ({space})")
        for left, text, colour in zip(lefts, texts, _KINDS.values(), strict=True):
            heading(page, left, _HEADER - 1.5, block, text, colour)
        for row, channel in enumerate(shown):
            top = _HEADER + row * pitch
            page.text(_MARGIN, top + size / 2, str(channel), weight="bold", va="center")
            _sets(page, features, pixels, table, channel, lefts, top, size, n)
        for place, (quantity, title) in enumerate(_QUANTITIES):
            left = _PANEL_LEFT + place * (_PANEL_WIDTH + _PANEL_GAP)
            note = units_text(len(common)) if place == 0 else ""
            panel_title(page, left, below, _PANEL_WIDTH, title, note)
            axes = inset(figure, left, below, _PANEL_WIDTH, _PANEL_HEIGHT)
            _panel(axes, table, quantity, fraction)
        middle = below + _PANEL_HEIGHT / 2
        page.text(3.5, middle, "relative to restarts", rotation=90, ha="center", va="center")
    return figure


def _sets(
    page: Axes,
    features: Sets,
    pixels: Sets,
    table: pd.DataFrame,
    channel: int,
    lefts: list[float],
    top: float,
    size: float,
    n: int,
) -> None:
    at, other = features.place(channel), pixels.place(channel)
    own = table[table.channel == channel].set_index("set")
    for left, kind, images, selected in (
        (lefts[0], "restarts", features.restarts[at], True),
        (lefts[1], "pixels", pixels.diverse[other], pixels.selected[other]),
        (lefts[2], "features", features.diverse[at], features.selected[at]),
    ):
        show_patches(page, images[:n], left, top, size, gap=_GAP, faded=not selected)
        if kind not in own.index:
            continue
        row: Any = own.loc[kind]
        ratio = row.activation_ratio
        share = "" if kind == "restarts" or np.isnan(ratio) else f" ({percent(ratio)})"
        text = f"activation {number(row.mean_activation)}{share}\n"
        text += f"distance: {number(row.pixel_distance)} in pixels, "
        text += f"{number(row.feature_distance)} in features"
        if not selected:
            text = "no diverse set kept its activation\nrestarts repeated"
        page.text(left, top + size + 0.7, text, size=LABEL, va="top", linespacing=1.3)


def _panel(axes: Axes, table: pd.DataFrame, quantity: str, fraction: float) -> None:
    """Draw a quantity of all units, a line each, and the medians."""
    kinds = list(_KINDS)
    wide = table.pivot(index="channel", columns="set", values=quantity).reindex(columns=kinds)
    wide = wide.dropna(how="all")
    axes.axhline(1, color=FAINT, lw=0.5)
    axes.plot(range(3), wide.T.to_numpy(), color=GREY, lw=0.5, alpha=0.6)
    for place, (kind, colour) in enumerate(_KINDS.items()):
        values = wide[kind].to_numpy()
        axes.plot(np.full(len(values), place), values, "o", color=colour, ms=2.6, mew=0)
        if np.isfinite(values).any():
            middle = float(np.nanmedian(values))
            axes.plot([place - 0.18, place + 0.18], [middle] * 2, color=INK, lw=1.4, zorder=4)
            axes.annotate(
                f"{middle:.2f}",
                (place + 0.22, middle),
                size=LABEL,
                va="center",
                bbox={"color": "white", "pad": 0.4, "alpha": 0.8},
            )
    axes.set(xlim=(-0.3, 2.55), xticks=range(3), xticklabels=["restarts", "pixels", "features"])
    if quantity == "activation_ratio":
        axes.axhline(fraction, color=GREY, lw=0.5, ls=(0, (3, 2)), zorder=0)
        low = np.nanmin([fraction - 0.05, *wide.min()])
        axes.set_ylim(low - 0.02, np.nanmax([1.05, *wide.max()]) + 0.02)
        return
    ratio_scale(axes, float(np.nanmax([1.0, *wide.max()])))
