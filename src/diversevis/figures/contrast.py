"""Figure 11: contrast curves, and what an offset does to an index of responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from diversevis.analysis.tables import read_frame
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
from diversevis.figures.transforms import column, ratio, stays
from diversevis.measures import RESPONSE
from diversevis.results.quantities import INDEX, Registry
from diversevis.results.tests import LayerTests, load_tests

_PHASE = "phase"
_LEFT, _RIGHT, _GAP = 13.0, 3.0, 15.0  # mm: beside and between the panels
_TOP, _PANEL, _MARGIN, _BELOW, _KEY = 8.0, 46.0, 8.0, 11.0, 5.0  # mm; margins hold histograms
_BINS = 40
_LOWEST = -0.5  # contrast: members below are drawn there
_SHADE = "#BDBDBD"
_DASHED = (0, (3, 2))


@dataclass(frozen=True)
class Example:
    """A unit whose contrast curve is shown.

    Attributes
    ----------
    network, layer : str
        Where it is.
    channel : int
        Which it is.
    curve : ndarray
        ``[points]``, responses over the peak's, at contrasts evenly from ``-reach`` to ``reach``.
    responses, contrasts : ndarray
        ``[members]``, of the canvas of all shifts: over the peak's response, and effective.
    offset, elasticity : float
        Of the curve.
    """

    network: str
    layer: str
    channel: int
    curve: np.ndarray
    responses: np.ndarray
    contrasts: np.ndarray
    offset: float
    elasticity: float


def run(reads: Mapping[str, Any], writes: Mapping[str, Path]) -> None:
    """Draw it from ``tests``, arrays of one or two layers, all seeds, and tables."""
    units, registry = read_frame(reads["units"]), Registry.load(reads["quantities"])
    with titles(read_titles(reads["networks"])):
        figure = draw(load_tests(reads["tests"]), units, registry)
    save(figure, *writes.values())


def draw(tests: Sequence[LayerTests], units: pd.DataFrame, registry: Registry) -> Figure:
    """Draw two units' contrast curves, and all units' indices of responses and of contrasts.

    Of the first layer of `tests` the unit whose elasticity is nearest 1, of the last the one whose
    index of responses exceeds that of contrasts most. Beside the curves lie the responses to all
    members, below them their effective contrasts. Below, index against index, one marker per unit,
    and the difference of both against what the curve's offset and elasticity make of it.

    Parameters
    ----------
    tests
        Tests of one or two layers, all seeds of each.
    units
        The table of units.
    registry
        The quantities of `units`.
    """
    both = _indices(units, registry)
    examples = choose(tests, both)
    width = (PAGE_WIDTH - _LEFT - _RIGHT - _GAP) / 2
    each = _TOP + _PANEL + _BELOW
    looks = looks_of(units["network"])
    why = why_missing(column(units, "withheld"), _PHASE)
    with theme():
        figure, page = new_page(2 * each + _KEY)
        for place, letter in enumerate("ab"):
            left = _LEFT + place * (width + _GAP)
            if place >= len(examples):
                axes = inset(figure, left, _TOP, width, _PANEL)
                say_missing(axes, why if both.empty else "no other unit to show")
                continue
            shown = examples[place]
            title = f"{letter}  {network_title(shown.network)} {shown.layer}, {shown.channel}"
            panel_title(page, left, _TOP, width, title)
            _curve(figure, shown, left, _TOP, width)
        for place, (letter, title, draw_panel) in enumerate(
            (
                ("c", "Index by index", _against),
                ("d", "What the curve explains", _explained),
            )
        ):
            left, top = _LEFT + place * (width + _GAP), each + _TOP
            axes = inset(figure, left, top, width, _PANEL)
            axes.patch.set_visible(False)
            panel_title(page, left, top, width, f"{letter}  {title}", _spread(both, place))
            if both.empty:
                say_missing(axes, why)
                continue
            draw_panel(axes, both, looks)
            if not place:
                _name(axes, both, examples)
        _key(page, 2 * each + 1.5, looks)
    return figure


def _indices(units: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """Return units that have both indices: ``contrast``, ``response``, ``offset`` and both gaps."""
    contrast, response = (registry.of(_PHASE, INDEX, *measure) for measure in ((), (RESPONSE,)))
    table = units[["network", "layer", "channel"]].assign(
        contrast=column(units, contrast.name if contrast else ""),
        response=column(units, response.name if response else ""),
        offset=column(units, "offset"),
        elasticity=column(units, "elasticity"),
    )
    table["gap"] = table["response"] - table["contrast"]
    # The parabola from the offset to the peak that has the elasticity there.
    bend = table["elasticity"] - 1 + table["offset"]
    slope = 2 * (1 - table["offset"]) - table["elasticity"]
    index = table["contrast"]
    table["made"] = table["offset"] + slope * index + bend * index**2 - index
    numbers = ["contrast", "response", "offset", "elasticity"]
    return table[stays(units) & np.isfinite(table[numbers].to_numpy(float)).all(axis=1)]


def choose(tests: Sequence[LayerTests], both: pd.DataFrame) -> list[Example]:
    """Return the unit of the first layer that is most homogeneous, and the last's with an offset.

    Parameters
    ----------
    tests
        Tests of one or two layers, all seeds of each.
    both
        Columns ``network``, ``layer``, ``channel``, ``elasticity`` and ``gap``: how far the index
        of responses exceeds that of contrasts.
    """
    layers = [list(same) for _, same in groupby(tests, lambda own: (own.network, own.layer))]
    found: list[Example] = []
    for place in sorted({0, len(layers) - 1}) if layers else ():
        of_seeds = layers[place]
        rows = both[
            (both["network"] == of_seeds[0].network)
            & (both["layer"] == of_seeds[0].layer)
            & both["channel"].isin(of_seeds[0].channels.tolist())
        ]
        wanted = [(rows["elasticity"] - 1).abs()] if not found else []
        if place == len(layers) - 1:
            wanted.append(-rows["gap"])
        for order in wanted:
            if len(order):
                channel = rows["channel"].to_numpy()[order.to_numpy(float).argmin()]
                example = _example(of_seeds, int(channel))
                found += [example] if example else []
    once = {(own.network, own.layer, own.channel): own for own in found}
    return list(once.values())


def _example(of_seeds: Sequence[LayerTests], channel: int) -> Example | None:
    """Return a unit as the seed found it that found its best patch."""
    unit = of_seeds[0].place(channel)
    if unit is None:
        return None
    best = max(of_seeds, key=lambda own: own.f_max[unit])
    canvas = best.find("all-shifts")
    if canvas is None:
        return None
    peak = best.f_max[unit]
    return Example(
        best.network,
        best.layer,
        channel,
        curve=np.asarray(best.contrast[unit] / peak, float),
        responses=np.asarray(canvas.responses[unit] / peak, float),
        contrasts=np.asarray(canvas.contrasts[unit], float),
        offset=float(best.offset[unit]),
        elasticity=float(best.elasticity[unit]),
    )


def _curve(figure: Figure, shown: Example, left: float, top: float, width: float) -> None:
    """Draw a contrast curve, with the members' responses beside it, their contrasts below."""
    reach = 2.0  # of tabulated contrasts
    at = np.linspace(-reach, reach, len(shown.curve))
    contrasts = shown.contrasts.clip(_LOWEST)
    low, high = min(-0.08, contrasts.min() - 0.05), max(1.08, contrasts.max() + 0.05)
    inside = (at >= low - 0.05) & (at <= high + 0.05)
    bottom = min(-0.08, shown.responses.min() - 0.05, shown.curve[inside].min())
    limits: dict[str, Any] = {"xlim": (low, high), "ylim": (bottom, high)}
    side, floor = (
        inset(figure, left, top, _MARGIN, _PANEL - _MARGIN),
        inset(figure, left + _MARGIN, top + _PANEL - _MARGIN, width - _MARGIN, _MARGIN),
    )
    axes = inset(figure, left + _MARGIN, top, width - _MARGIN, _PANEL - _MARGIN)
    axes.set(**limits, xticks=[], yticks=[])
    for spine in ("left", "bottom"):
        axes.spines[spine].set(color=FAINT)
    axes.plot([low, high], [low, high], color=GREY, lw=0.6, ls=_DASHED, zorder=1)
    axes.plot(at[inside], shown.curve[inside], color=INK, lw=1.3, zorder=3)
    axes.plot(1, 1, "*", color=INK, ms=6, zorder=4)
    bins: dict[str, Any] = {"bins": _BINS, "color": _SHADE, "lw": 0}
    side.hist(shown.responses, range=limits["ylim"], orientation="horizontal", **bins)
    side.invert_xaxis()
    side.set(ylim=limits["ylim"], xticks=[], ylabel="response over the peak's")
    floor.hist(contrasts, range=limits["xlim"], **bins)
    floor.invert_yaxis()
    floor.set(xlim=limits["xlim"], yticks=[], xlabel="contrast of the best patch")
    for bare, spine in ((side, "bottom"), (floor, "left")):
        bare.spines[spine].set_visible(False)
        bare.patch.set_visible(False)
    _path(axes, shown, low, bottom)
    means = shown.responses.mean(), shown.contrasts.mean()
    pointer: dict[str, Any] = {"color": INK, "ms": 4.5, "clip_on": False, "zorder": 6, "mew": 0}
    axes.plot(low, means[0], ">", **pointer)
    axes.plot(max(means[1], _LOWEST), bottom, "^", **pointer)
    axes.text(
        0.03,
        0.97,
        f"offset {ratio(shown.offset)}, elasticity {ratio(shown.elasticity)}\n"
        f"index of responses {ratio(means[0])},\nof effective contrasts {ratio(means[1])}",
        transform=axes.transAxes,
        size=LABEL,
        va="top",
        linespacing=1.4,
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )


def _path(axes: Axes, shown: Example, low: float, bottom: float) -> None:
    """Draw the way from a median member's response to its effective contrast."""
    middle = np.argsort(shown.responses)[len(shown.responses) // 2]
    x, y = max(shown.contrasts[middle], _LOWEST), shown.responses[middle]
    way: dict[str, Any] = {"color": INK, "lw": 0.7, "ls": "-", "zorder": 2}
    axes.plot([low, x], [y, y], **way)
    head = {"arrowstyle": "-|>,head_width=0.12,head_length=0.3", "color": INK, "lw": 0.7}
    axes.annotate("", (x, bottom), (x, y), arrowprops=head | {"shrinkA": 0, "shrinkB": 0})
    axes.plot(x, y, "o", mfc="white", mec=INK, ms=3.4, mew=0.7, zorder=5)


def _against(axes: Axes, both: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """Draw the index of responses against that of effective contrasts."""
    values = both[["contrast", "response"]].to_numpy(float)
    low, high = min(0.0, values.min()) - 0.03, max(1.0, values.max()) + 0.02
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.plot([low, high], [low, high], color=GREY, lw=0.6, ls=_DASHED, zorder=0)
    for network, look in looks.items():
        own = both[both["network"] == network]
        axes.plot(own["contrast"], own["response"], clip_on=False, **look.dots(3.0))
    axes.set_xlabel("phase index, of effective contrasts")
    axes.set_ylabel("phase index, of responses")


def _explained(axes: Axes, both: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    """Draw the difference of both against what the curve's offset and elasticity make of it."""
    values = both[["made", "gap"]].to_numpy(float)
    low, high = min(0.0, values.min()), max(0.1, values.max())
    room = 0.05 * (high - low)
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    axes.plot(*[[low - room, high + room]] * 2, color=GREY, lw=0.6, ls=_DASHED, zorder=0)
    for network, look in looks.items():
        own = both[both["network"] == network]
        axes.plot(own["made"], own["gap"], clip_on=False, **look.dots(3.0))
    axes.set_xlabel("difference by a curve with this offset and elasticity")
    axes.set_ylabel("index of responses less\nthat of contrasts", linespacing=1.2)


def _name(axes: Axes, both: pd.DataFrame, examples: Sequence[Example]) -> None:
    """Ring the units whose curves are shown, and name them by their panels."""
    for letter, shown in zip("ab", examples, strict=False):
        row = both[
            (both["network"] == shown.network)
            & (both["layer"] == shown.layer)
            & (both["channel"] == shown.channel)
        ].iloc[0]
        at = row["contrast"], row["response"]
        axes.plot(*at, "o", mfc="none", mec=INK, mew=0.7, ms=6.0, zorder=5)
        axes.annotate(
            letter,
            at,
            (-5, 3),
            textcoords="offset points",
            weight="bold",
            ha="right",
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
            zorder=6,
        )


def _spread(both: pd.DataFrame, place: int) -> str:
    """Return how many units there are, or how much of the gaps' spread offsets explain."""
    if not place or len(both) < 3:
        return f"n = {len(both)}"
    left, all_of = ((both["gap"] - both["made"]) ** 2).sum(), both["gap"].var(ddof=0) * len(both)
    return f"R² of the line: {ratio(1 - left / all_of)}" if all_of > 0 else ""


def _key(page: Axes, top: float, looks: Mapping[str, Look]) -> None:
    style: dict[str, Any] = {"size": LABEL, "va": "center_baseline"}
    x, y = _LEFT, top
    for network, look in looks.items():
        page.plot(x + 1, y, **look.dots(3.2))
        page.text(x + 3, y, network_title(network), **style)
        x += 7 + 1.2 * len(network_title(network))
    for draw_mark, text in (
        (lambda at: page.plot([at, at + 5], [y, y], color=GREY, lw=0.6, ls=_DASHED), "equal"),
        (lambda at: page.plot(at + 4, y, ">", color=INK, ms=4.5, mew=0), "mean over members"),
        (
            lambda at: page.plot(at + 4, y, "o", mfc="white", mec=INK, ms=3.4, mew=0.7),
            "a member of median response",
        ),
        (lambda at: page.plot(at + 4, y, "*", color=INK, ms=6), "best patch"),
    ):
        draw_mark(x)
        page.text(x + 6, y, text, **style)
        x += 10 + 1.08 * len(text)
