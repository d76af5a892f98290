"""Figure 10: trained networks against their nulls, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.analysis.layers import ALL
from diversevis.analysis.names import MARK, parts_of
from diversevis.analysis.nulls import chosen
from diversevis.figures.distributions import median_key, median_mark, swarm
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
from diversevis.figures.transforms import column, ratio, stays
from diversevis.results.quantities import Registry

_LEFT, _RIGHT = 13.0, 3.0  # mm: beside the panels
_TOP, _PANEL, _BELOW, _LINE = 13.5, 40.0, 8.5, 3.0  # mm: names and deltas over panels, counts below
_SLOT, _KEY = 8.0, 9.0  # mm: the widest column of dots, the key
_ACROSS = 8  # layers in a line
_ROOM = 0.8  # of a column, for dots
_MARKERS = "sD^vP*X"


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Draw it from the tables ``units``, ``nulls``, ``quantities`` and ``networks``."""
    units, nulls = (pd.read_csv(reads[name]) for name in ("units", "nulls"))
    registry = Registry.load(reads["quantities"])
    with titles(read_titles(reads["networks"])):
        figure = draw(units, nulls, registry, criteria=criteria["second"]["C5"])
    save(figure, *writes.values())


def draw(
    units: pd.DataFrame,
    nulls: pd.DataFrame,
    registry: Registry,
    *,
    criteria: Mapping[str, Any],
) -> Figure:
    """Draw the units of trained layers beside those of their nulls, one row per quantity.

    One dot per unit, with medians and their intervals; those of trained networks are filled and
    have their network's colour, those of nulls are grey and open, all seeds together. Over each
    null stands Cliff's delta, bold where trained units exceed it; below each column the number of
    its units.

    Parameters
    ----------
    units, nulls
        The tables of units and of nulls.
    registry
        The quantities of the tables.
    criteria
        The section ``second.C5`` of ``config/criteria.yaml``.
    """
    rows = nulls[nulls["layer"] != ALL]
    quantities = [name for name in criteria["quantities"] if name in set(rows["quantity"])]
    kinds = list(dict.fromkeys(rows["null"]))
    layers = list(dict.fromkeys(zip(rows["network"], rows["layer"], strict=True)))
    lines = lines_of(layers, _ACROSS)
    columns = [(name, line) for name in quantities for line in lines]
    places = len(kinds) + 2  # a gap between layers
    longest = max((len(line) for line in lines), default=1) * places
    slot = min(_SLOT, (PAGE_WIDTH - _LEFT - _RIGHT) / longest)
    each = _TOP + _PANEL + _BELOW
    with theme():
        figure, page = new_page(max(1, len(columns)) * (each + _LINE) + _KEY)
        for number, (quantity, line) in enumerate(columns):
            top = number * (each + _LINE) + _TOP
            width = len(line) * places * slot
            axes = inset(figure, _LEFT, top, width, _PANEL)
            axes.patch.set_visible(False)  # texts of the page show through
            own = rows[rows["quantity"] == quantity]
            _scale(axes, units, quantity, len(line) * places)
            for at, (network, layer) in enumerate(line):
                shown = own[(own["network"] == network) & (own["layer"] == layer)]
                _layer(axes, page, at * places, slot, top, units, shown, kinds, quantity)
                x = _LEFT + (at * places + places / 2) * slot
                page.text(x, top + _PANEL + 6.0, layer, ha="center", va="center")
            _networks(page, line, top, places * slot, slot)
            title = registry.named(quantity).title.replace(", ", ",\n")
            style: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center"}
            page.text(4.2, top + _PANEL / 2, title, linespacing=1.3, **style)
        _key(page, len(columns) * (each + _LINE) + 1.0, kinds, layers, criteria)
    return figure


def _scale(axes: Axes, units: pd.DataFrame, quantity: str, places: int) -> None:
    values = column(units[stays(units)], quantity)
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    room = 0.06 * max(high - low, 0.1)
    axes.set(xlim=(0, places), ylim=(min(low, 0) - room, max(high, 0) + room), xticks=[])
    axes.axhline(0, color=FAINT, lw=0.5, zorder=0)


def _layer(
    axes: Axes,
    page: Axes,
    start: int,
    slot: float,
    top: float,
    units: pd.DataFrame,
    rows: pd.DataFrame,
    kinds: list[str],
    quantity: str,
) -> None:
    """Draw a layer's columns: the trained network's, then one of each null."""
    if start:
        axes.axvline(start, color=FAINT, lw=0.5)
    first = rows.iloc[0]
    named = [(first, "trained", "", network_colour(first["network"]), "o")]
    named += [
        (row, "null", row["null"], GREY, _MARKERS[kinds.index(row["null"]) % len(_MARKERS)])
        for _, row in rows.iterrows()
    ]
    for row, side, null, colour, marker in named:
        place = start + (1 + kinds.index(null) if null else 0) + 1.0
        values = _values(units, row["network"], row["layer"], null, quantity)
        interval = (row[f"{side}_{part}"] for part in ("median", "low", "high"))
        median_mark(axes, place, _ROOM, *interval)
        swarm(axes, place, values, width=_ROOM, colour=colour, filled=not null, marker=marker)
        x = _LEFT + place * slot
        small: dict[str, Any] = {"size": LABEL, "ha": "center"}
        count = int(row[f"{side}_units"])
        page.text(x, top + _PANEL + 2.5, f"{count}", color=GREY, va="center", **small)
        if not count:
            style = {"rotation": 90, "va": "center", "color": GREY, **small}
            page.text(x, top + _PANEL / 2, "not measured", **style)
        if null:
            weight = "bold" if row["exceeds"] else "normal"
            delta = ratio(row["cliffs_delta"])
            page.text(x, top - 1.0, delta, rotation=90, va="bottom", weight=weight, **small)


def _values(units: pd.DataFrame, network: str, layer: str, null: str, quantity: str) -> np.ndarray:
    """Return the values of one column of dots: the units that the table speaks of."""
    of = [parts_of(name)[:2] == (network, null) for name in units["network"]]
    own = units[np.array(of) & (units["layer"] == layer) & stays(units) & chosen(units)]
    return column(own, quantity).to_numpy(float)


def _networks(
    page: Axes, line: list[tuple[str, str]], top: float, width: float, slot: float
) -> None:
    """Write each network's name over its layers."""
    for network in dict.fromkeys(network for network, _ in line):
        places = [at for at, (name, _) in enumerate(line) if name == network]
        left = _LEFT + places[0] * width + 0.5 * slot
        style: dict[str, Any] = {"color": network_colour(network), "weight": "bold"}
        page.text(left, top - 10.0, network_title(network), va="center", **style)


def _key(
    page: Axes,
    top: float,
    kinds: list[str],
    layers: list[tuple[str, str]],
    criteria: Mapping[str, Any],
) -> None:
    """Explain marks, medians and numbers."""
    y, x = top + 1.5, _LEFT
    base = layers[0][0] if layers else ""
    entries = [("o", network_colour(base), network_colour(base), "trained")]
    entries += [
        (_MARKERS[at % len(_MARKERS)], "white", GREY, _title(base, kind))
        for at, kind in enumerate(kinds)
    ]
    for marker, face, edge, text in entries:
        page.plot(x, y, marker, ms=3, mfc=face, mec=edge, mew=0.5)
        page.text(x + 2, y, text, size=LABEL, va="center_baseline")
        x += 7 + 1.28 * len(text)
    median_key(page, x, y)
    page.text(x + 4, y, "median, 95 % interval", size=LABEL, va="center_baseline")
    p, delta = criteria["p"], criteria["cliffs_delta"]
    text = (
        f"Over each null: Cliff's δ, above 0 where trained units have more; bold: Holm p < {p:g} "
        f"and δ ≥ {delta:g}. Below: units, those of a null of all its seeds."
    )
    page.text(_LEFT, y + 4, text, size=LABEL, color=INK, va="center_baseline")


def _title(network: str, null: str) -> str:
    """Return what to call a null: its network's title without that of the trained one."""
    name = f"{network}{MARK}{null}"
    title = network_title(name)
    return null if title == name else title.removeprefix(f"{network_title(network)}, ")
