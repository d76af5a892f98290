"""Figure (b): what diversity costs in activation."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from diversevis.figures.style import (
    DIVERSE,
    FAINT,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    RESTARTS,
    inset,
    network_colour,
    network_title,
    page,
    percent,
    theme,
)

_LEFT, _RIGHT, _TOP, _BOTTOM = 13.0, 3.0, 7.0, 17.0  # mm
_GAP, _BETWEEN, _HEIGHT = 5.0, 9.0, 42.0
_LINEAR = 6.0  # distances of up to so many restart distances need no logarithmic axis
_ACROSS = "mean activation, relative to restarts"
_UP = "smallest distance,\nrelative to restarts"


def draw(sweeps: pd.DataFrame, *, fraction: float) -> Figure:
    """Draw the trade-off of activation against distance, one panel a layer, one row a network.

    A thin line is a unit from its restarts, at (1, 1), to ever more diverse sets; the bold line
    joins the medians over units at each relative diversity. Panels of one network share their axes.
    Units whose restarts do not drive them above zero are left out, and counted in the panel.

    Parameters
    ----------
    sweeps
        One row a unit and level, with the columns of
        `diversevis.synthesis.output.sweep_metrics`.
    fraction
        Share of the restarts' mean activation that the chosen set keeps.
    """
    table = relative(sweeps)
    networks = list(table.network.unique())
    columns = table.groupby("network").layer.nunique().max()
    width = (PAGE_WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    height = _TOP + len(networks) * (_HEIGHT + _BETWEEN) - _BETWEEN + _BOTTOM
    with theme():
        figure, canvas = page(height)
        for row, network in enumerate(networks):
            top = _TOP + row * (_HEIGHT + _BETWEEN)
            _row(figure, canvas, table[table.network == network], top, width, fraction)
        middle = _LEFT + (columns * (width + _GAP) - _GAP) / 2
        canvas.text(middle, height - 9.5, _ACROSS, ha="center", va="center")
        _legend(canvas, table, fraction)
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


def _row(
    figure: Figure, canvas: Axes, table: pd.DataFrame, top: float, width: float, fraction: float
) -> None:
    """Draw the panels of one network."""
    network, first = table.network.iloc[0], None
    for column, layer in enumerate(table.layer.unique()):
        left = _LEFT + column * (width + _GAP)
        axes = inset(figure, left, top, width, _HEIGHT, sharex=first, sharey=first)
        units = table[table.layer == layer]
        _panel(axes, units, fraction, network_colour(network))
        title, note = f"{network_title(network)} {layer}", _count(units)
        canvas.text(left, top - 2, title, weight="bold")
        canvas.text(left + width, top - 2, note, size=LABEL, color=GREY, ha="right")
        axes.tick_params(labelleft=first is None)
        first = first or axes
    _scale(first, table.distance.max())
    middle = top + _HEIGHT / 2
    canvas.text(4.5, middle, _UP, rotation=90, ha="center", va="center", linespacing=1.3)


def _panel(axes: Axes, table: pd.DataFrame, fraction: float, colour: str) -> None:
    drawn = table.dropna(subset=["activation"]).sort_values("relative_diversity")
    axes.axvline(fraction, color=GREY, lw=0.5, ls=(0, (3, 2)))
    axes.axhline(1, color=FAINT, lw=0.5)
    for _, unit in drawn.groupby("channel"):
        axes.plot(unit.activation, unit.distance, color=GREY, lw=0.5, alpha=0.6)
    median = _medians(table)
    axes.plot(median.activation, median.distance, ".-", color=colour, lw=1.4, ms=3.5)
    chosen = drawn[drawn.selected == 1]
    style = {"ls": "", "mec": "white", "mew": 0.4, "clip_on": False, "zorder": 3}
    axes.plot(chosen.activation, chosen.distance, "o", color=DIVERSE, ms=4, **style)
    if len(drawn):
        axes.plot(1, 1, "s", color=RESTARTS, ms=4, **style)
    left_out = table.channel.nunique() - drawn.channel.nunique()
    if left_out:
        note = f"{left_out} left out:\nrestart mean\nbelow zero"
        axes.text(0.03, 0.12, note, transform=axes.transAxes, size=LABEL, color=GREY)


def _medians(table: pd.DataFrame) -> pd.DataFrame:
    return table.groupby("relative_diversity")[["activation", "distance"]].median()


def _count(table: pd.DataFrame) -> str:
    units = table.dropna(subset=["activation"]).channel.nunique()
    return f"{units} unit{'s' * (units != 1)}"


def _scale(axes: Axes, largest: float) -> None:
    """Scale a vertical axis of ratios, logarithmically where they span a lot."""
    if largest > _LINEAR:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _legend(canvas: Axes, table: pd.DataFrame, fraction: float) -> None:
    networks = table.network.unique()
    grid = ", ".join(f"{c:g}" for c in sorted(table.relative_diversity.unique()))
    colour = network_colour(networks[0]) if len(networks) == 1 else INK
    marker = {"ls": "", "mec": "white", "mew": 0.4, "ms": 4}
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
    canvas.legend(
        *zip(*entries, strict=True),
        loc="lower center",
        ncols=len(entries),
        fontsize=LABEL,
        frameon=False,
        handlelength=2,
        columnspacing=1.5,
        borderaxespad=0.2,
    )
