"""Figure 6: textures of the units that are most, and least, invariant to phase, and all indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.canvases import Canvas, Unit, best_canvases, load_tests_of
from diversevis.figures.distributions import (
    median_key,
    median_mark,
    median_of,
    ring_key,
    swarm,
)
from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    TITLE,
    inset,
    network_colour,
    network_title,
    new_page,
    read_titles,
    save,
    theme,
    titles,
    units_text,
)
from diversevis.figures.transforms import (
    colour_bar,
    left_out_note,
    picked,
    ratio,
    show_canvas,
    show_map,
    stays,
    unit_name,
    with_index,
)
from diversevis.results.quantities import Quantity, Registry
from diversevis.results.tests import LayerTests

_MARGIN, _GUTTER, _GAP = 2.5, 5.0, 0.8  # mm
_LARGEST, _BAND, _LABEL, _NUMBERS, _BETWEEN, _FOOTER = 28.0, 7.5, 5.0, 3.0, 2.5, 8.0
_MOST_ACROSS = 3  # units side by side
_LEFT, _TITLE, _PANEL, _BOTTOM = 14.0, 6.0, 46.0, 12.5  # of the distributions
_ASIDE, _ROOM = 0.2, 0.34  # on their horizontal axis


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Draw it from ``arrays``, tests of layers with all seeds, and tables."""
    registry = Registry.load(reads["quantities"])
    with titles(read_titles(reads["networks"])):
        figure = draw(
            load_tests_of(reads["arrays"], registry.of("phase")),
            pd.read_csv(reads["tests"]),
            pd.read_csv(reads["units"]),
            pd.read_csv(reads["layers"]),
            registry,
            criteria=criteria["second"]["C2"],
        )
    save(figure, *writes.values())


def draw(
    layers: Sequence[LayerTests],
    tests: pd.DataFrame,
    units: pd.DataFrame,
    medians: pd.DataFrame,
    registry: Registry,
    *,
    criteria: Mapping[str, Any],
    most: int = 3,
) -> Figure:
    """Draw the units of each network with the highest and with the lowest phase index, then all.

    Each unit has its texture, with a square as large as a patch, beside the map of the effective
    contrasts of the texture's crops, all on one scale of colours: those of the seed whose texture
    the index is of. Below, the phase indices of all units by layer with the median and its
    interval, beside those of their linear surrogates.

    Parameters
    ----------
    layers
        Tests of layers of any number of networks, of all seeds; those without all shifts are passed
        over.
    tests, units, medians
        The tables of tests, of units and of layers.
    registry
        The quantities of `units`; among them the phase index, if it was measured.
    criteria
        The section ``second.C2`` of ``config/criteria.yaml``.
    most
        Units to show of either kind, of each network; fewer where there are not twice as many.
    """
    phase = registry.of("phase")
    units = with_index(units, phase)
    examples = best_canvases(layers, tests, phase)
    networks = list(dict.fromkeys(layer.network for layer in layers))
    across = min(most, _MOST_ACROSS)
    width = (PAGE_WIDTH - 2 * _MARGIN - (across - 1) * _GUTTER) / across
    size = min(_LARGEST, (width - _GAP) / 2)
    pitch = _LABEL + size + _NUMBERS + _BETWEEN
    chosen = {network: _choose(examples, units, network, most) for network in networks}
    height = 1.0
    for kinds in chosen.values():
        height += _BAND + sum(-(-len(some) // across) for some in kinds) * pitch
    places = _places(layers, units)
    panel = height + _FOOTER + _TITLE
    with theme():
        figure, page = new_page(panel + _PANEL + _BOTTOM if places else height + _FOOTER)
        top = 1.0
        for network, kinds in chosen.items():
            _band(page, units, network, top)
            top += _BAND
            for some in kinds:
                for begin in range(0, len(some), across):
                    row = some[begin : begin + across]
                    for place, example in enumerate(row):
                        left = _MARGIN + place * (width + _GUTTER)
                        _unit(page, *example, left, top, size)
                    top += pitch
        colour_bar(page, _MARGIN, height + 1, 30, upright=False)
        text = "effective contrast of the crops of a texture (1: the unit's best patch); "
        text += "in brackets: index of the linear surrogate"
        page.text(_MARGIN + 34, height + 2, text, size=LABEL, va="center")
        if places and phase:
            axes = inset(figure, _LEFT, panel, PAGE_WIDTH - _LEFT - _MARGIN, _PANEL)
            _distributions(axes, places, units, medians, phase, criteria["phase_index"])
            _panel_texts(page, places, units, panel, criteria)
    return figure


def _places(layers: Sequence[LayerTests], units: pd.DataFrame) -> list[tuple[str, str]]:
    """Return networks and layers that have any phase index."""
    indexed = units[stays(units) & units.value.notna()]
    found = set(zip(indexed.network, indexed.layer, strict=True))
    names = dict.fromkeys((layer.network, layer.layer) for layer in layers)
    return [name for name in names if name in found]


def _distributions(
    axes: Axes,
    places: list[tuple[str, str]],
    units: pd.DataFrame,
    medians: pd.DataFrame,
    phase: Quantity,
    criterion: float,
) -> None:
    """Draw all phase indices, and those of the linear surrogates, by layer."""
    kept = units[stays(units)]
    values = kept[["value", "surrogate"]].to_numpy(dtype=float)
    low = np.nanmin(values, initial=-0.02) - 0.03
    axes.set(xlim=(-0.5, len(places) - 0.5), ylim=(low, max(1.0, np.nanmax(values) + 0.03)))
    axes.axhline(0, color=FAINT, lw=0.5, zorder=0)
    axes.axhline(criterion, color=GREY, lw=0.5, ls=(0, (3, 2)), zorder=0)
    for at, (network, layer) in enumerate(places):
        own = kept[(kept.network == network) & (kept.layer == layer)]
        by_hand = picked(own)
        style: dict[str, Any] = {"width": _ROOM, "colour": network_colour(network)}
        swarm(axes, at - _ASIDE, own.value.to_numpy(), ringed=by_hand.to_numpy(), **style)
        style["colour"] = GREY
        swarm(axes, at + _ASIDE, own.surrogate.to_numpy(), filled=False, **style)
        median_mark(axes, at - _ASIDE, _ROOM, *median_of(medians, network, layer, phase.name))
        middle = own.surrogate[~by_hand].median()
        median_mark(axes, at + _ASIDE, _ROOM, middle, middle, middle)
        if at and places[at - 1][0] != network:
            axes.axvline(at - 0.5, color=FAINT, lw=0.5)
    axes.set(xticks=range(len(places)), xticklabels=[layer for _, layer in places])
    axes.tick_params(axis="x", length=0)
    axes.set(yticks=[0, 0.5, 1], ylabel=f"{phase.title}\n(mean effective contrast)")


def _panel_texts(
    page: Axes,
    places: list[tuple[str, str]],
    units: pd.DataFrame,
    top: float,
    criteria: Mapping[str, Any],
) -> None:
    step = (PAGE_WIDTH - _LEFT - _MARGIN) / len(places)
    kept = units[stays(units) & units.value.notna() & ~picked(units)]
    for at, (network, layer) in enumerate(places):
        count = int(((kept.network == network) & (kept.layer == layer)).sum())
        middle = _LEFT + (at + 0.5) * step
        style: dict[str, Any] = {"size": LABEL, "color": GREY, "ha": "center", "va": "center"}
        page.text(middle, top + _PANEL + 5.5, f"n = {count}", **style)
        if not at or places[at - 1][0] != network:
            style = {"weight": "bold", "color": network_colour(network)}
            page.text(_LEFT + at * step + 1, top - 1.5, network_title(network), **style)
    x, y = _LEFT + 1, top + _PANEL + 10
    page.plot(x, y, "o", color=INK, ms=3, mew=0)
    page.plot(x + 14, y, "o", mfc="white", mec=GREY, mew=0.6, ms=3)
    median_key(page, x + 37, y)
    for right, text in (
        (1.5, "one unit"),
        (15.5, "linear surrogate"),
        (41, "median, 95 % interval"),
    ):
        page.text(x + right, y, text, size=LABEL, va="center_baseline")
    x += 69
    if picked(units).any():
        x += ring_key(page, x, y) + 2
    x = max(x, _LEFT + 99)
    page.plot([x, x + 3], [y, y], color=GREY, lw=0.5, ls=(0, (3, 2)))
    text = f"C2: at least {criteria['phase_index']:g}, {criteria['above']:g} above surrogate, "
    text += f"variation ≤ {criteria['variation']:g}"
    page.text(x + 4, y, text, size=LABEL, va="center_baseline")


def _choose(
    examples: Mapping[Unit, Canvas], units: pd.DataFrame, network: str, most: int
) -> list[list[tuple[Canvas, pd.Series, str]]]:
    """Return the most and the least invariant units of a network, each by falling index."""
    rows = _indexed(units, network).sort_values("value", ascending=False, kind="stable")
    found = [
        (examples[network, row.layer, row.channel], row, f"rank {rank} of {len(rows)}")
        for rank, (_, row) in enumerate(rows.iterrows(), start=1)
        if (network, row.layer, row.channel) in examples
    ]
    first = min(most, -(-len(found) // 2))
    last = min(most, len(found) - first)
    return [found[:first], found[len(found) - last :]]


def _indexed(units: pd.DataFrame, network: str) -> pd.DataFrame:
    """Return the rows of a network's units that have a phase index."""
    return units[(units.network == network) & stays(units) & units.value.notna()]


def _band(page: Axes, units: pd.DataFrame, network: str, top: float) -> None:
    """Write a network's title, and how many of its units are left out."""
    count = len(_indexed(units, network))
    text = f"{network_title(network)}: {units_text(count)}"
    if count > 1:
        text += ", the most and the least invariant to phase"
    style: dict[str, Any] = {"size": TITLE, "weight": "bold", "color": network_colour(network)}
    page.text(_MARGIN, top + 3, text, va="center", **style)
    right = PAGE_WIDTH - _MARGIN
    text = left_out_note(units[units.network == network]).replace("\n", " ")
    page.text(right, top + 3, text, size=LABEL, color=GREY, va="center", ha="right")
    page.plot([_MARGIN, right], [top + 5.8] * 2, color=FAINT, lw=0.5)


def _unit(
    page: Axes,
    canvas: Canvas,
    numbers: pd.Series,
    rank: str,
    left: float,
    top: float,
    size: float,
) -> None:
    layer, below = canvas.layer, top + _LABEL
    name = unit_name(*canvas.name[1:], by_hand=bool(numbers.get("hand_picked") == 1))
    page.text(left, below - 1, name, weight="bold")
    right = left + 2 * size + _GAP
    page.text(right, below - 1, rank, size=LABEL, color=GREY, ha="right")
    show_canvas(page, canvas.tests.canvases[canvas.place], layer.size, left, below, size)
    show_map(page, canvas.tests, canvas.contrasts, left + size + _GAP, below, size)
    text = f"index {ratio(numbers.value)} ({ratio(numbers.surrogate)})"
    text += f", variation {ratio(numbers.variation)}"
    text += f", F1/F0 {ratio(float(numbers.get('f1_f0', np.nan)))}"
    page.text(left, below + size + 2.6, text, size=LABEL)
