"""Figure (b): what diversity costs in activation."""

from __future__ import annotations

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
    inset,
    network_colour,
    network_title,
    page,
    theme,
)

_LEFT, _TOP, _BOTTOM, _RIGHT = 14.0, 8.0, 11.0, 3.0
_GAP, _BETWEEN, _HEIGHT = 5.0, 12.0, 40.0


def draw(sweeps: pd.DataFrame, *, fraction: float) -> Figure:
    """Draw the trade-off of activation against distance, one panel a layer, one row a network.

    Parameters
    ----------
    sweeps
        One row a unit and level, with the columns of
        `diversevis.synthesis.output.sweep_metrics`.
    fraction
        Share of the restarts' mean activation that the chosen set keeps.
    """
    table = relative(sweeps)
    networks = list(dict.fromkeys(table.network))
    panels = {name: list(dict.fromkeys(table.layer[table.network == name])) for name in networks}
    columns = max(map(len, panels.values()))
    width = (PAGE_WIDTH - _LEFT - _RIGHT - (columns - 1) * _GAP) / columns
    with theme():
        figure, canvas = page(_TOP + len(networks) * (_HEIGHT + _BETWEEN) + _BOTTOM - _BETWEEN + 4)
        for row, network in enumerate(networks):
            for column, layer in enumerate(panels[network]):
                left, top = _LEFT + column * (width + _GAP), _TOP + row * (_HEIGHT + _BETWEEN)
                axes = inset(figure, left, top, width, _HEIGHT)
                of_layer = (table.network == network) & (table.layer == layer)
                _panel(axes, table[of_layer], fraction, network_colour(network))
                canvas.text(left, top - 2, f"{network_title(network)} {layer}", size=TITLE)
                axes.set(xlabel="activation / restarts", ylabel="distance / restarts")
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


def _panel(axes: Axes, table: pd.DataFrame, fraction: float, colour: str) -> None:
    drawn = table.dropna(subset=["activation"])
    left_out = table.channel.nunique() - drawn.channel.nunique()
    for _, unit in drawn.sort_values("relative_diversity").groupby("channel"):
        axes.plot(unit.activation, unit.distance, color=GREY, lw=0.5, alpha=0.7)
    chosen = drawn[drawn.selected == 1]
    axes.plot(chosen.activation, chosen.distance, "o", color=DIVERSE, ms=3, mew=0)
    median = drawn.groupby("relative_diversity")[["activation", "distance"]].median()
    axes.plot(median.activation, median.distance, color=colour, lw=1.5)
    axes.axvline(fraction, color=INK, lw=0.5, ls="--")
    axes.plot(1, 1, "s", color=RESTARTS, ms=3)
    axes.set_yscale("log")
    note = f"{drawn.channel.nunique()} units"
    if left_out:
        note += f"\n{left_out} left out: restarts\ndo not drive them"
    axes.text(0.03, 0.03, note, transform=axes.transAxes, size=LABEL, va="bottom")
