"""Figure of one unit: its best patch, and for every family what still drives it and what not."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    NATURAL,
    PAGE_WIDTH,
    TITLE,
    heading,
    inset,
    network_title,
    new_page,
    number,
    show_patches,
    theme,
)
from diversevis.figures.transforms import colour_bar, ratio, show_canvas, show_map
from diversevis.measures import CONTRAST
from diversevis.results.tests import FamilyTests, LayerTests

_MARGIN, _HEADER, _FOOTER, _BETWEEN, _LINE = 2.5, 15.0, 9.0, 3.4, 3.4  # mm
_BEST, _TEXTURE, _CANVAS, _MEMBER, _GAP, _NUMBER = 17.0, 25.8, 14.0, 10.5, 0.4, 2.8
_EACH = 4  # members that drive the unit most, and as many that drive it least
_FIRST = 23.0  # left edge of the canvases
_PARTS = 55.5  # left edge of maps and members
_BLOCK = _EACH * (_MEMBER + _GAP) - _GAP
_HALF = 2 * (_MEMBER + _GAP) - _GAP
_APART = 2.6
_CURVE, _CURVE_WIDTH = 151.5, 26.0
_GROWTH, _GROWTH_LEFT, _GROWTH_WIDTH = 14.0, 6.5, 12.5  # the contrast curve
_NO_INDEX = "no patch drives it above zero: no index"


def draw(layer: LayerTests, index: int) -> Figure:
    """Draw one unit.

    Its best patch with its contrast curve, then one row per family: the canvas, with a square as
    large as a patch; for all shifts the map over shifts; the masked members that drive the unit
    most and least; and all members, sorted, with the index of the linear surrogate. Numbers of
    members are effective contrasts, or responses relative to the best one to any patch: what the
    canvases were made to be high in.

    Parameters
    ----------
    layer
        Tests of the unit's layer.
    index
        The unit's place in it.
    """
    heights = [_TEXTURE if tests.delta is None else _CANVAS for tests in layer.families]
    pitches = [_LINE + height + _BETWEEN for height in heights]
    tops = _HEADER + _LINE + np.cumsum([0.0, *pitches])[:-1]
    below = _HEADER + _LINE + _BEST + 9
    bottom = max([below + _GROWTH + 7, *(tops + heights)])
    with theme():
        figure, page = new_page(bottom + _FOOTER)
        title = f"{network_title(layer.network)} {layer.layer}, unit {layer.channels[index]}"
        page.text(_MARGIN, 4, title, size=TITLE, weight="bold", va="center")
        what = "responses relative to the best patch's"
        if layer.measure == CONTRAST:
            what = "effective contrasts: that of the best patch is 1"
        note = f"receptive field {layer.size} px (squares); {what}"
        page.text(PAGE_WIDTH - _MARGIN, 4, note, color=GREY, va="center", ha="right")
        for left, width, text, colour in (
            (_MARGIN, _BEST, "best patch", NATURAL),
            (_FIRST, _TEXTURE, "canvas", INK),
            (
                _PARTS,
                2 * _BLOCK + _APART,
                _members_heading(layer),
                INK,
            ),
            (_CURVE, _CURVE_WIDTH, "all members,\ndashed: surrogate", INK),
        ):
            heading(page, left, _HEADER - 1, width, text, colour)
        show_patches(page, layer.best[index : index + 1], _MARGIN, tops[0], _BEST)
        text = f"response {number(float(layer.f_max[index]))}"
        page.text(_MARGIN, tops[0] + _BEST + 2.6, text, size=LABEL)
        axes = inset(figure, _GROWTH_LEFT, below, _GROWTH_WIDTH, _GROWTH)
        _growth(axes, layer, index)
        for tests, top, height in zip(layer.families, tops, heights, strict=True):
            _row(figure, page, layer, tests, index, top, height)
    return figure


def _members_heading(layer: LayerTests) -> str:
    shifted = any(tests.family.name == "all-shifts" for tests in layer.families)
    return "map of all shifts; " * shifted + "members that drive it most, and least"


def _row(
    figure: Figure,
    page: Axes,
    layer: LayerTests,
    tests: FamilyTests,
    index: int,
    top: float,
    height: float,
) -> None:
    """Draw a family."""
    relative = layer.measured(tests)[index]
    surrogate = float(tests.surrogate[index])
    title = tests.family.title
    if tests.delta is not None:
        title += f", δ = {tests.delta:g} px"
    elif len([other for other in layer.families if other.family == tests.family]) > 1:
        title += f", {tests.mask} mask"
    page.text(_FIRST, top - 0.9, title, weight="bold")
    show_canvas(page, tests.canvases[index], layer.size, _FIRST, top, height)
    axes = inset(figure, _CURVE, top, _CURVE_WIDTH, height)
    last = tests is layer.families[-1]
    _curve(axes, relative, surrogate, tests.family.colour, last=last)
    if not layer.driven[index]:
        page.text(_PARTS, top + height / 2, _NO_INDEX, size=LABEL, color=GREY, va="center")
        return
    lowest, tenth = ratio(float(relative.min())), ratio(float(np.quantile(relative, 0.1)))
    mean, most = float(relative.mean()), float(relative.max())
    variation = float(relative.std()) / mean if mean > 0 else np.nan
    text = f"index {ratio(mean)}, linear surrogate {ratio(surrogate)}; best {ratio(most)}, "
    text += f"a tenth below {tenth}, least {lowest}; variation {ratio(variation)}"
    page.text(_PARTS, top - 0.9, text, size=LABEL)
    left, per_row = _PARTS, _EACH
    if tests.family.name == "all-shifts":
        show_map(page, tests, relative, _PARTS, top, height)
        colour_bar(page, _PARTS + height + 1, top, height)
        left, per_row = _PARTS + 2 * _BLOCK + _APART - 2 * _HALF - _APART, 2
    for which in (tests.most, tests.least):
        values = relative[tests.shown[index, which]]
        _members(page, tests.patches[index, which], values, left, top, per_row)
        left += per_row * (_MEMBER + _GAP) - _GAP + _APART


def _growth(axes: Axes, layer: LayerTests, index: int) -> None:
    """Draw responses to the best patch against its contrast, with grey and the peak."""
    curve = np.asarray(layer.contrast[index])
    contrasts = np.linspace(-2, 2, len(curve))
    shown = contrasts >= 0
    axes.axhline(0, color=FAINT, lw=0.5)
    axes.plot([0, 1], [curve[len(curve) // 2], layer.f_max[index]], color=GREY, lw=0.7, ls=":")
    axes.plot(contrasts[shown], curve[shown], color=INK, lw=1.0)
    axes.plot(1, layer.f_max[index], "o", color=NATURAL, ms=3, mew=0)
    axes.set(xlim=(0, 2), xticks=[0, 1, 2], xlabel="contrast", ylabel="response")
    low, high = float(np.nanmin(curve[shown])), float(np.nanmax(curve[shown]))
    axes.set_ylim(min(0.0, low), max(0.0, high))
    axes.set_yticks([0])
    offset, elasticity = (float(values[index]) for values in (layer.offset, layer.elasticity))
    text = f"offset {ratio(offset)}\nelasticity {ratio(elasticity)}"
    axes.set_title(text, size=LABEL, loc="left", x=-0.3, pad=2, linespacing=1.2)


def _members(
    page: Axes, patches: np.ndarray, values: np.ndarray, left: float, top: float, per_row: int
) -> None:
    """Show members, and below each its response."""
    for begin in range(0, len(values), per_row):
        y = top + begin // per_row * (_MEMBER + _NUMBER)
        some = slice(begin, begin + per_row)
        show_patches(page, patches[some], left, y, _MEMBER, gap=_GAP)
        for place, value in enumerate(values[some]):
            x = left + place * (_MEMBER + _GAP) + _MEMBER / 2
            y_text = y + _MEMBER + 0.4
            page.text(x, y_text, ratio(float(value)), size=LABEL, ha="center", va="top")


def _curve(axes: Axes, relative: np.ndarray, surrogate: float, colour: str, *, last: bool) -> None:
    """Draw sorted responses against their rank, and the surrogate's index."""
    rank = 100 * (np.arange(len(relative)) + 0.5) / len(relative)
    axes.axhline(0, color=FAINT, lw=0.5)
    axes.axhline(surrogate, color=GREY, lw=0.7, ls=(0, (3, 2)))
    axes.plot(rank, np.sort(relative)[::-1], color=colour, lw=1.2)
    lowest = np.nanmin(np.append(relative, 0))
    axes.set(xlim=(0, 100), ylim=(min(0.0, 1.1 * lowest), 1.1))
    axes.set(xticks=[0, 50, 100], yticks=[0, 0.5, 1])
    axes.tick_params(labelbottom=last)
    if last:
        axes.set_xlabel("members, by rank (%)")
