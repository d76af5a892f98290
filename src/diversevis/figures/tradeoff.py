"""Figure 3: what diversity costs in activation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from diversevis.figures.style import (
    DIVERSE,
    FAINT,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    RESTARTS,
    inset,
    legend,
    lines_of,
    network_colour,
    network_title,
    new_page,
    panel_title,
    percent,
    ratio_scale,
    read_titles,
    save,
    theme,
    thin,
    titles,
    units_text,
)

_LEFT, _RIGHT, _TOP, _BOTTOM = 13.0, 3.0, 7.0, 17.0  # mm
_GAP, _BETWEEN, _HEIGHT = 5.0, 9.0, 42.0
_ACROSS = 5  # layers in a row, before the next begins
_MANY = 60  # units, from which on marks are smaller
_ALONG = "mean activation, relative to restarts"
_UP = "smallest distance,\nrelative to restarts"


def run(reads: Mapping[str, Any], writes: Mapping[str, Path], *, fraction: float) -> None:
    """Draw it from the table ``sweeps``."""
    with titles(read_titles(reads["networks"])):
        figure = draw(pd.read_csv(reads["sweeps"]), fraction=fraction)
    save(figure, *writes.values())


def draw(sweeps: pd.DataFrame, *, fraction: float) -> Figure:
    """Draw activation against distance, one panel per layer, a row or two per network.

    A thin line is a unit from its restarts, at (1, 1), to ever more diverse sets; the bold line
    joins the medians over units at each relative diversity. Panels of one network share their axes.
    Units whose restarts do not drive them above zero are left out, and counted in the panel.

    Parameters
    ----------
    sweeps
        One row per unit and level, with `diversevis.results.sets.SWEEP_COLUMNS`.
    fraction
        Share of the restarts' mean activation that the chosen set keeps.
    """
    table = relative(sweeps)
    networks = list(table.network.unique())
    lines = {
        network: lines_of(list(table[table.network == network].layer.unique()), _ACROSS)
        for network in networks
    }
    columns = max(len(line) for some in lines.values() for line in some)
    width = (PAGE_WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    rows = sum(map(len, lines.values()))
    height = _TOP + rows * (_HEIGHT + _BETWEEN) - _BETWEEN + _BOTTOM
    with theme():
        figure, page = new_page(height)
        top = _TOP
        for network, some in lines.items():
            own = table[table.network == network]
            _network(figure, page, own, some, top, width, fraction)
            top += len(some) * (_HEIGHT + _BETWEEN)
        middle = _LEFT + (columns * (width + _GAP) - _GAP) / 2
        page.text(middle, height - 9.5, _ALONG, ha="center", va="center")
        _legend(page, table, fraction)
    return figure


def relative(sweeps: pd.DataFrame) -> pd.DataFrame:
    """Return `sweeps` with ``activation`` and ``distance``, relative to each unit's restarts.

    Both are NaN for units whose restarts do not drive them above zero.
    """
    unit = ["network", "layer", "channel"]
    restarts = sweeps[sweeps.relative_diversity == 0].set_index(unit)
    restarts = restarts[["mean_activation", "min_distance"]]
    table = sweeps.join(restarts.add_prefix("restart_"), on=unit)
    driven = table.restart_mean_activation > 0
    return table.assign(
        activation=(table.mean_activation / table.restart_mean_activation).where(driven),
        distance=(table.min_distance / table.restart_min_distance).where(driven),
    )


def _network(
    figure: Figure,
    page: Axes,
    table: pd.DataFrame,
    lines: list[list[str]],
    top: float,
    width: float,
    fraction: float,
) -> None:
    """Draw the panels of one network, in lines."""
    network = table.network.iloc[0]
    first: Axes | None = None
    for row, layers in enumerate(lines):
        y = top + row * (_HEIGHT + _BETWEEN)
        for column, layer in enumerate(layers):
            left = _LEFT + column * (width + _GAP)
            axes = inset(figure, left, y, width, _HEIGHT, sharex=first, sharey=first)
            axes.patch.set_visible(False)  # text of the page shows through
            units = table[table.layer == layer]
            _panel(axes, units, fraction, network_colour(network))
            driven = units.dropna(subset=["activation"]).channel.nunique()
            title = f"{network_title(network)} {layer}"
            panel_title(page, left, y, width, title, units_text(driven))
            axes.tick_params(labelleft=column == 0)
            first = first or axes
        middle = y + _HEIGHT / 2
        page.text(4.5, middle, _UP, rotation=90, ha="center", va="center", linespacing=1.3)
    if first is not None:
        ratio_scale(first, table.distance.max())


def _panel(axes: Axes, table: pd.DataFrame, fraction: float, colour: str) -> None:
    drawn = table.dropna(subset=["activation"]).sort_values("relative_diversity")
    axes.axvline(fraction, color=GREY, lw=0.5, ls=(0, (3, 2)))
    axes.axhline(1, color=FAINT, lw=0.5)
    style: dict[str, Any] = thin(drawn.channel.nunique())
    for _, unit in drawn.groupby("channel"):
        axes.plot(unit.activation, unit.distance, color=GREY, **style)
    median = _medians(table)
    axes.plot(median.activation, median.distance, ".-", color=colour, lw=1.4, ms=3.5)
    chosen = drawn[drawn.selected == 1]
    style = {"ls": "", "mec": "white", "mew": 0.4, "clip_on": False, "zorder": 3}
    many = {"ms": 1.6, "mew": 0} if len(chosen) >= _MANY else {"ms": 4}
    axes.plot(chosen.activation, chosen.distance, "o", color=DIVERSE, **style | many)
    if len(drawn):
        axes.plot(1, 1, "s", color=RESTARTS, ms=4, **style)
    left_out = table.channel.nunique() - drawn.channel.nunique()
    if left_out:
        note = f"{left_out} left out:\nrestart mean\nbelow zero"
        axes.text(0.03, 0.12, note, transform=axes.transAxes, size=LABEL, color=GREY)


def _medians(table: pd.DataFrame) -> pd.DataFrame:
    return table.groupby("relative_diversity")[["activation", "distance"]].median()


def _legend(page: Axes, table: pd.DataFrame, fraction: float) -> None:
    networks = table.network.unique()
    grid = ", ".join(f"{c:g}" for c in sorted(table.relative_diversity.unique()))
    colour = network_colour(networks[0]) if len(networks) == 1 else INK
    marker: dict[str, Any] = {"ls": "", "mec": "white", "mew": 0.4, "ms": 4}
    entries = [
        (Line2D([], [], color=GREY, lw=0.5), "one unit"),
        (
            Line2D([], [], color=colour, marker=".", lw=1.4, ms=3.5),
            f"median of units at c = {grid}",
        ),
        (Line2D([], [], color=RESTARTS, marker="s", **marker), "restarts"),
        (Line2D([], [], color=DIVERSE, marker="o", **marker), "chosen diverse set"),
        (
            Line2D([], [], color=GREY, lw=0.5, ls=(0, (3, 2))),
            f"{percent(fraction)} of restart activation",
        ),
    ]
    legend(page, entries)
