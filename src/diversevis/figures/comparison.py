"""Figure 8: the two networks compared, layer by layer, and phase against deformation index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.analysis.conditions import (
    BENDS,
    NEAR_PERFECT,
    NO,
    UNDECIDED,
    YES,
)
from diversevis.analysis.pairs import CONFIRMED
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
    column,
    judged,
    left_out_note,
    picked,
    ratio,
    stays,
)
from diversevis.results.quantities import ABOVE, Quantity, Registry
from diversevis.results.quantities import column as column_name

_PANEL, _PANEL_GAP, _PANEL_TOP, _NAMES, _KEY = 34.0, 10.0, 8.5, 9.0, 8.0  # mm: distributions
_LEFT, _WIDTH, _HEIGHT, _BOTTOM = 16.0, 109.0, 84.0, 10.5  # of the points
_SIDE = 131.0  # left edge of the key
_ASIDE, _ROOM = 0.2, 0.34  # on the horizontal axis of distributions
_MARKERS = "osD^vP*X"
_LABELLED = 3  # units with the most of either index
_LETTER, _LINE = 1.28, 2.2  # mm, about the width of a letter and the height of a line of labels
_LABEL_ROOM = 0.16  # of the axis, right of the last point, so that it can have a label
_FACES = {YES: "", UNDECIDED: FAINT}  # of points by what C2 says of them; without one the network's
_MANY = 100  # units, from which on marks are smaller and errors left to the table

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in mm."""


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Draw it from the tables ``units``, ``layers``, ``pairs``, ``quantities`` and ``networks``."""
    units, medians, pairs = (pd.read_csv(reads[name]) for name in ("units", "layers", "pairs"))
    registry = Registry.load(reads["quantities"])
    with titles(read_titles(reads["networks"])):
        figure = draw(units, medians, pairs, registry, criteria=criteria["second"])
    save(figure, *writes.values())


def draw(
    units: pd.DataFrame,
    medians: pd.DataFrame,
    pairs: pd.DataFrame,
    registry: Registry,
    *,
    criteria: Mapping[str, Any],
) -> Figure:
    """Draw the quantities of claim C4 by pair of layers, then one point per unit.

    Above, one panel per quantity: all units of both layers of each pair with their median, and what
    the test of the pair found; bold where the criterion is met. Below, phase against deformation
    index, both above the linear surrogate's. The error bars are uncertainties; dashed lines are
    what claims C2 and C3 ask for; points that meet all of C2 are filled, grey where that is
    undecided. Units that were picked by hand have a ring, and are not judged.

    Parameters
    ----------
    units, medians, pairs
        The tables of units, of layers and of pairs of layers.
    registry
        The quantities of the tables.
    criteria
        The section ``second`` of ``config/criteria.yaml``.
    """
    table = _points(units, criteria)
    quantities = _quantities(units, pairs, registry, criteria)
    top = _PANEL_TOP + len(quantities) * (_PANEL + _PANEL_GAP)
    top = top - _PANEL_GAP + _NAMES + _KEY + 6 if quantities else 5.0
    with theme():
        height = max(_HEIGHT, _key_height(units, table, criteria))
        figure, page = new_page(top + height + _BOTTOM)
        for place, quantity in enumerate(quantities):
            y = _PANEL_TOP + place * (_PANEL + _PANEL_GAP)
            last = place == len(quantities) - 1
            _pairs(figure, page, units, medians, pairs, quantity.name, y, last=last)
            title = quantity.title.replace(", ", ",\n")
            title += "" if quantity.name in criteria["C4"]["quantities"] else ",\nexploratory"
            title += "\n(effective contrast)"
            style: dict[str, Any] = {
                "rotation": 90,
                "ha": "center",
                "va": "center",
                "linespacing": 1.3,
            }
            page.text(5.0, y + _PANEL / 2, title, **style)
        if quantities:
            _pair_key(page, top - _KEY - 1.5, pairs.first_network.iloc[0], units)
        axes = inset(figure, _LEFT, top, _WIDTH, height)
        axes.patch.set_visible(False)  # labels are text of the page, below
        _scatter(axes, table, criteria)
        for name, label in (("phase", axes.set_xlabel), ("deformation", axes.set_ylabel)):
            if above := registry.of(name, ABOVE):
                label(f"{above.title} (effective contrast)")
        _criteria(page, axes, criteria)
        _label(page, axes, table, _taken(axes, table, criteria))
        _key(page, units, table, top, criteria)
    return figure


def _quantities(
    units: pd.DataFrame, pairs: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any]
) -> list[Quantity]:
    """Return the quantities of C4 that were tested, and the phase index after them."""
    tested = set(pairs.quantity)
    wanted = [*criteria["C4"]["quantities"], column_name("phase", "index")]
    shown = [name for name in wanted if name in tested and column(units, name).notna().any()]
    return [registry.named(name) for name in shown]


def _pairs(
    figure: Figure,
    page: Axes,
    units: pd.DataFrame,
    medians: pd.DataFrame,
    pairs: pd.DataFrame,
    quantity: str,
    top: float,
    *,
    last: bool,
) -> None:
    """Draw the distributions of a quantity, two beside each other for each pair of layers."""
    of_all = column(pairs, "family") != CONFIRMED  # the confirmation's are of fewer units
    tests = pairs[(pairs.quantity == quantity) & of_all].reset_index(drop=True)
    kept = units[stays(units)]
    width = PAGE_WIDTH - _LEFT - 3
    axes = inset(figure, _LEFT, top, width, _PANEL)
    found: list[Any] = list(tests.itertuples())
    names = [
        ((test.first_network, test.first_layer), (test.second_network, test.second_layer))
        for test in found
    ]
    drawn = {
        (network, layer): kept[(kept.network == network) & (kept.layer == layer)][quantity]
        for pair in names
        for network, layer in pair
    }
    finite = pd.concat(drawn.values()).dropna()
    low, high = finite.min(), finite.max()
    room = 0.06 * max(high - low, 0.1)
    axes.set(xlim=(-0.5, len(tests) - 0.5), ylim=(low - room, high + room))
    axes.axhline(0, color=FAINT, lw=0.5, zorder=0)
    step = width / len(tests)
    for at, (pair, test) in enumerate(zip(names, found, strict=True)):
        for side, (network, layer) in zip((-_ASIDE, _ASIDE), pair, strict=True):
            median_mark(axes, at + side, _ROOM, *median_of(medians, network, layer, quantity))
            values = drawn[network, layer]
            by_hand = picked(kept.loc[values.index]).to_numpy()
            style: dict[str, Any] = {"width": _ROOM, "colour": network_colour(network)}
            swarm(axes, at + side, values.to_numpy(), ringed=by_hand, **style)
            if last:
                x = _LEFT + (at + 0.5 + side) * step
                style = {"size": LABEL, "ha": "center", "va": "center"}
                colour = network_colour(network)
                page.text(x, top + _PANEL + 2.5, layer, color=colour, **style)
                count = f"n = {(np.isfinite(values) & ~by_hand).sum()}"
                page.text(x, top + _PANEL + 5.5, count, color=GREY, **style)
        if at:
            axes.axvline(at - 0.5, color=FAINT, lw=0.5)
        weight = "bold" if test.differs else "normal"
        x = _LEFT + (at + 0.5) * step
        style = {"ha": "center", "linespacing": 1.3, "weight": weight}
        page.text(x, top - 1.2, _found(test), size=LABEL, **style)
    axes.set_xticks([])


def _found(test: Any) -> str:
    """Return what the test of a pair found."""
    if np.isnan(test.cliffs_delta):
        return "not tested"
    p = "p < 0.001" if test.p_holm < 0.001 else f"p = {test.p_holm:.2g}"
    low, high = ratio(test.low), ratio(test.high)
    return f"Cliff's δ {ratio(test.cliffs_delta)} ({low} to {high})\n{p}"


def _pair_key(page: Axes, y: float, first: str, units: pd.DataFrame) -> None:
    x = _LEFT + 1
    page.plot(x, y, "o", color=INK, ms=3, mew=0)
    page.text(x + 1.5, y, "one unit", size=LABEL, va="center_baseline")
    median_key(page, x + 14, y)
    page.text(x + 18, y, "median, 95 % interval", size=LABEL, va="center_baseline")
    x += 47
    if picked(units).any():
        x += ring_key(page, x, y) + 2
    text = f"Cliff's δ > 0: more in {network_title(first)}; p: Holm; bold: beyond C4's limits"
    page.text(x, y, text, size=LABEL, va="center_baseline")


def _points(units: pd.DataFrame, criteria: Mapping[str, Any]) -> pd.DataFrame:
    """Return units that have both indices, with places ``x``, ``y`` and errors ``dx``, ``dy``."""
    table = units.assign(
        x=column(units, column_name("phase", "above")),
        y=column(units, column_name("deformation", "above")),
        dx=column(units, column_name("phase", "above_uncertainty")),
        dy=column(units, column_name("deformation", "above_uncertainty")),
        met=judged(units, criteria)[NEAR_PERFECT],
        ringed=picked(units),
    )
    return table[stays(units)].dropna(subset=["x", "y"]).reset_index(drop=True)


def _markers(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the marker of each layer: by its place within its network."""
    pairs = list(dict.fromkeys(zip(table.network, table.layer, strict=True)))
    return {
        pair: _MARKERS[[p for p in pairs if p[0] == pair[0]].index(pair) % len(_MARKERS)]
        for pair in pairs
    }


def _style(network: str, marker: str, met: str, size: float = 4.0) -> dict:
    colour = network_colour(network)
    face = _FACES.get(met, "white") or colour
    return {"marker": marker, "ms": size, "mfc": face, "mec": colour, "mew": 0.8, "ls": ""}


def _scatter(axes: Axes, table: pd.DataFrame, criteria: Mapping[str, Any]) -> None:
    phase, deformation = _lines(criteria)
    axes.axhline(0, color=FAINT, lw=0.5, zorder=0)
    axes.axvline(0, color=FAINT, lw=0.5, zorder=0)
    axes.axvline(phase, color=GREY, lw=0.6, ls=(0, (3, 2)), zorder=0)
    axes.axhline(deformation, color=GREY, lw=0.6, ls=(0, (3, 2)), zorder=0)
    markers, many = _markers(table), len(table) >= _MANY
    points: Iterable[Any] = table.itertuples()
    for unit in points:
        style = _style(
            unit.network, markers[unit.network, unit.layer], unit.met, 2.4 if many else 4.0
        )
        # No bar where a single seed tells no spread, nor where bars would hide the points.
        axes.errorbar(
            unit.x,
            unit.y,
            xerr=None if many or np.isnan(unit.dx) else unit.dx,
            yerr=None if many or np.isnan(unit.dy) else unit.dy,
            ecolor=style["mec"],
            elinewidth=0.6,
            alpha=0.9,
            capsize=0,
            **style,
        )
    ringed = table[table.ringed]
    style = {"ms": 6.0, "mfc": "none", "mec": INK, "mew": 0.6, "zorder": 5}
    axes.plot(ringed.x, ringed.y, "o", ls="", **style)
    axes.update_datalim([(-0.05, -0.1), (0.65, 0.2)])
    axes.autoscale_view()
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + _LABEL_ROOM * (right - left))


def _lines(criteria: Mapping[str, Any]) -> tuple[float, float]:
    """Return how far above their surrogates C2 wants a phase, and C3 a deformation index."""
    return criteria["C2"]["above"], criteria["C3"]["above"]


def _criteria(page: Axes, axes: Axes, criteria: Mapping[str, Any]) -> None:
    """Name the criteria's lines, at their ends."""
    ((x, y),) = _on_page(axes, np.array([_lines(criteria)]))
    page.text(x, _box(axes)[0] - 0.8, "C2", size=LABEL, color=GREY, ha="center")
    page.text(_LEFT + _WIDTH + 0.8, y, "C3", size=LABEL, color=GREY, va="center")


def _box(axes: Axes) -> tuple[float, float]:
    """Return where axes begin on the page, and their height, in mm."""
    position, height = axes.get_position(), axes.figure.bbox.height / axes.figure.dpi * 25.4
    return (1 - position.y1) * height, position.height * height


def _taken(axes: Axes, table: pd.DataFrame, criteria: Mapping[str, Any]) -> list[Box]:
    """Return where the criteria's lines, the points and their error bars are."""
    middle, error = table[["x", "y"]].to_numpy(), table[["dx", "dy"]].fillna(0).to_numpy()
    points, ends = _on_page(axes, middle), _on_page(axes, middle + error)
    bars = np.abs(ends - points)
    ((x, y),) = _on_page(axes, np.array([_lines(criteria)]))
    top, height = _box(axes)
    boxes: list[Box] = [(x, top, x, top + height), (_LEFT, y, _LEFT + _WIDTH, y)]
    boxes += [(x - 1, y - 1, x + 1, y + 1) for x, y in points]
    for (x, y), (dx, dy) in zip(points, bars, strict=True):
        boxes += [(x - dx, y - 0.2, x + dx, y + 0.2), (x - 0.2, y - dy, x + 0.2, y + dy)]
    return boxes


def _label(page: Axes, axes: Axes, table: pd.DataFrame, taken: list[Box]) -> None:
    """Write the names of the outstanding units beside their points, where there is room."""
    chosen = dict.fromkeys(
        [*table.nlargest(_LABELLED, "x").index, *table.nlargest(_LABELLED, "y").index]
    )
    places = _on_page(axes, table[["x", "y"]].to_numpy())
    for row in chosen:
        x, y = places[row]
        spots = [
            (x + 1.6 * across, y + 1.8 * down, "left" if across > 0 else "right", "center")
            for down in (-1, 1)
            for across in (1, -1)
        ]
        text = f"{table.layer[row]}, {table.channel[row]}"
        _write(page, text, spots, taken, color=network_colour(table.network[row]))


def _write(
    page: Axes,
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
            page.text(x, y, text, size=LABEL, ha=ha, va=va, color=color)
            taken.append(box)
            return


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _on_page(axes: Axes, points: np.ndarray) -> np.ndarray:
    """Return where points lie on the page, in mm from its top left corner."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    x = _LEFT + (points[:, 0] - x0) / (x1 - x0) * _WIDTH
    top, height = _box(axes)
    y = top + (y1 - points[:, 1]) / (y1 - y0) * height
    return np.column_stack([x, y])


def _key(
    page: Axes,
    units: pd.DataFrame,
    table: pd.DataFrame,
    top: float,
    criteria: Mapping[str, Any],
) -> None:
    """Explain colours, markers and lines, and count what satisfies the criteria."""
    y = top + 2
    markers = _markers(table)
    for network in dict.fromkeys(units.network):
        title = network_title(network)
        page.text(_SIDE, y, title, weight="bold", color=network_colour(network), va="center")
        y += 4
        for (name, layer), marker in markers.items():
            if name == network:
                page.plot(_SIDE + 1.2, y, **_style(network, marker, YES))
                count = int(((table.network == name) & (table.layer == layer)).sum())
                page.text(_SIDE + 3.5, y, f"{layer}: {units_text(count)}", size=LABEL, va="center")
                y += 3.4
        for text in _counts(units, network, criteria):
            page.text(_SIDE, y - 1.1, text, size=LABEL, color=GREY, va="top", linespacing=1.3)
            y += 3.4 * (1 + text.count("\n"))
        y += 2.5
    for met, text in ((YES, "meets all of C2"), (UNDECIDED, "undecided"), (NO, "does not")):
        face = _FACES.get(met, "white") or INK
        page.plot(_SIDE + 1.2, y, "o", ms=4, mfc=face, mec=INK, mew=0.8)
        page.text(_SIDE + 3.5, y, text, size=LABEL, va="center")
        y += 3.4
    if table.ringed.any():
        ring_key(page, _SIDE + 1.2, y, "picked by hand, not judged")
        y += 3.4
    page.plot([_SIDE, _SIDE + 2.6], [y, y], color=GREY, lw=0.6, ls=(0, (3, 2)))
    for text in _asked(criteria):
        page.text(_SIDE + 3.5, y, text, size=LABEL, va="center")
        y += 3.4


def _asked(criteria: Mapping[str, Any]) -> list[str]:
    """Return what C2 and C3 ask of a unit, line by line."""
    phase, bent = criteria["C2"], criteria["C3"]
    return [
        f"C2: {phase['above']:g} across, index {phase['phase_index']:g},",
        f"variation at most {phase['variation']:g}",
        f"C3: {bent['above']:g} up, index {bent['index']:g},",
        f"best member {bent['drive']:g}",
    ]


def _key_height(units: pd.DataFrame, table: pd.DataFrame, criteria: Mapping[str, Any]) -> float:
    """Return how much room `_key` needs, in mm."""
    layers = len(_markers(table))
    networks = list(dict.fromkeys(units.network))
    lines = sum(
        1 + text.count("\n") for name in networks for text in _counts(units, name, criteria)
    )
    return 6.5 * len(networks) + 3.4 * (layers + lines + 4 + len(_asked(criteria))) + 2


def _counts(units: pd.DataFrame, network: str, criteria: Mapping[str, Any]) -> list[str]:
    """Return how many units of a network meet the criteria, of those not picked by hand."""
    own = units[units.network == network]
    note = left_out_note(own)
    own = own[stays(own) & ~picked(own)]
    lines: list[str] = []
    above = [column(own, column_name(index, "above")) for index in ("phase", "deformation")]
    if (above[0].notna() & above[1].notna()).any():
        said = judged(own, criteria)
        for name, claim in ((NEAR_PERFECT, "C2"), (BENDS, "C3")):
            yes, undecided = (int((said[name] == word).sum()) for word in (YES, UNDECIDED))
            lines.append(f"meet {claim}: {yes} of {len(own)}, {undecided} undecided")
        both = (said[NEAR_PERFECT] == YES) & (said[BENDS] == YES)
        lines.append(f"meet both: {both.sum()}")
    return [*lines, note] if note else lines
