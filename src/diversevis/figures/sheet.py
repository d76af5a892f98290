"""Contact sheet: every image of every unit, with its numbers; of a sweep, what was gained."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.style import (
    DIVERSE,
    GREY,
    LABEL,
    NATURAL,
    PAGE_WIDTH,
    RESTARTS,
    TITLE,
    heading,
    network_title,
    new_page,
    number,
    percent,
    show_patches,
    theme,
)
from diversevis.results.sets import ImageSets, SweepResult

if TYPE_CHECKING:
    from diversevis.synthesis.diverse import DiverseSets
    from diversevis.synthesis.sweep import Sweep

_PER_ROW = 12  # images, before a unit's next row begins
_LARGEST, _GAP, _NUMBER = 15.0, 0.8, 3.4  # mm: picture, gap, line of text below it
_MARGIN, _HEADER, _END, _BETWEEN = 3.0, 11.0, 21.0, 2.0
_LETTER, _SMALL_LETTER = 1.45, 1.15  # mm, about the width of one in a label and in a note


def contact_sheet(sets: ImageSets | DiverseSets | SweepResult | Sweep) -> Figure:
    """Draw all images of all units, one row per unit.

    Below each image its activation. Of a sweep: each unit's best natural patch, where it is known,
    its restarts and the diverse set that was chosen, with the share of the restarts' activation
    that this keeps, and how much further apart its images are. Of sets alone: at the row's end
    their smallest distance and their diversity lambda.

    Parameters
    ----------
    sets
        A sweep, or sets, of one layer.

    Returns
    -------
    Figure
        Of matplotlib, 180 mm wide at most; ``.savefig`` writes it.

    Raises
    ------
    UserError
        For anything else.

    Examples
    --------
    >>> import diversevis as dv
    >>> found = dv.visualize("controls", "simple", 0, images=2, steps=1, progress=False)
    >>> dv.contact_sheet(found).savefig("sheet.png")
    """
    if hasattr(sets, "levels"):
        return _of_sweep(SweepResult.of(cast("Sweep", sets)))
    return _of_sets(ImageSets.of(cast("DiverseSets", sets)))


def _of_sets(sets: ImageSets) -> Figure:
    names = list(map(str, sets.channels))
    units, n, _, s, _ = sets.images.shape
    columns, rows = min(n, _PER_ROW), -(-n // _PER_ROW)
    label = 3 + _LETTER * max(map(len, names))
    room = PAGE_WIDTH - 2 * _MARGIN - label - _END
    size = min(_LARGEST, (room + _GAP) / columns - _GAP)
    pitch = rows * (size + _NUMBER) + _BETWEEN
    title = f"{network_title(sets.network)} {sets.layer}"
    note = f"{s} px patches; below each image its activation"
    if n > 1:
        note += f"; distance: the smallest, in {sets.distance}"
    width = 2 * _MARGIN + label + columns * (size + _GAP) - _GAP + _END
    width = max(width, 2 * _MARGIN + _SMALL_LETTER * len(note))
    with theme():
        figure, page = new_page(_HEADER + units * pitch + _MARGIN - _BETWEEN, width)
        page.text(_MARGIN, 4.5, title, size=TITLE, weight="bold", va="center")
        page.text(_MARGIN, 8, note, size=LABEL, color=GREY, va="center")
        for unit, name in enumerate(names):
            top = _HEADER + unit * pitch
            page.text(_MARGIN, top + size / 2, name, weight="bold", va="center")
            _images(page, sets.images[unit], sets.activations[unit], _MARGIN + label, top, size)
            right = _MARGIN + label + columns * (size + _GAP) + 1
            _end(page, right, top + size / 2, sets, unit)
    return figure


def _of_sweep(sweep: SweepResult) -> Figure:
    restarts, chosen = sweep.levels[0], sweep.chosen
    names = list(map(str, sweep.channels))
    units, n, _, s, _ = restarts.images.shape
    columns, rows = min(n, _PER_ROW // 2), -(-n // (_PER_ROW // 2))
    natural = 0 if sweep.natural is None else 1
    label = 3 + _LETTER * max(len(name) for name in (*names, "unit"))
    room = PAGE_WIDTH - 2 * _MARGIN - label - (1 + natural) * _APART
    size = min(_LARGEST, (room + (2 + natural) * _GAP) / (2 * columns + natural) - _GAP)
    block = columns * (size + _GAP) - _GAP
    first = _MARGIN + label
    lefts = [first + natural * (size + _APART)]
    lefts.append(lefts[0] + max(block, _LEAST[0]) + _APART)
    pitch = rows * (size + _NUMBER) + _SAID + _BETWEEN
    note = f"{s} px patches; below each image its activation; distance: the smallest, in "
    note += restarts.distance + "; natural: the best of patches of photographs" * natural
    width = max(lefts[1] + max(block, _LEAST[1]), _MARGIN + _SMALL_LETTER * len(note)) + _MARGIN
    with theme():
        figure, page = new_page(_HEADER + _HEADING + units * pitch + _MARGIN - _BETWEEN, width)
        title = f"{network_title(restarts.network)} {restarts.layer}"
        page.text(_MARGIN, 4.5, title, size=TITLE, weight="bold", va="center")
        page.text(_MARGIN, 8, note, size=LABEL, color=GREY, va="center")
        bottom = _HEADER + _HEADING - 1.5
        if natural:
            heading(page, first, bottom, size, "natural", NATURAL)
        heading(page, lefts[0], bottom, block, f"{n} restarts", RESTARTS)
        heading(page, lefts[1], bottom, block, f"{n} diverse", DIVERSE)
        for unit, name in enumerate(names):
            top = _HEADER + _HEADING + unit * pitch
            page.text(_MARGIN, top + size / 2, name, weight="bold", va="center")
            if sweep.natural is not None and sweep.natural_activations is not None:
                patch, response = sweep.natural[unit, None], sweep.natural_activations[unit, None]
                _images(page, patch, response, first, top, size)
            repeated = not sweep.relative[sweep.selected[unit]] > 0
            below = top + rows * (size + _NUMBER) + _SAID / 2
            for sets, left, faded in zip((restarts, chosen), lefts, (False, repeated), strict=True):
                images, activations = sets.images[unit], sets.activations[unit]
                _images(page, images, activations, left, top, size, columns, faded=faded)
                text = _kept(restarts, chosen, unit) if sets is chosen else _reached(restarts, unit)
                text = _REPEATED if faded else text
                page.text(left, below, text, size=LABEL, color=GREY, va="center")
    return figure


_APART, _HEADING, _SAID = 3.0, 5.0, 3.2  # mm
_LEAST = 37.0, 62.0  # mm, as wide as what is said of restarts, and of a diverse set
_REPEATED = "no diverse set keeps enough: the restarts again"


def _reached(sets: ImageSets, unit: int) -> str:
    activation = number(float(sets.activations[unit].mean()))
    return f"activation {activation}, distance {number(float(sets.min_distance[unit]))}"


def _kept(restarts: ImageSets, chosen: ImageSets, unit: int) -> str:
    """Return what a diverse set keeps of the restarts' activation, and how far it is apart."""
    share = float(chosen.activations[unit].mean() / restarts.activations[unit].mean())
    apart = float(chosen.min_distance[unit])
    more = number(apart / float(restarts.min_distance[unit]))
    return f"{percent(round(share, 2))} of it kept; distance {number(apart)}, {more} times theirs"


def _images(
    page: Axes,
    images: np.ndarray,
    activations: np.ndarray,
    left: float,
    top: float,
    size: float,
    per_row: int = _PER_ROW,
    *,
    faded: bool = False,
) -> None:
    for begin in range(0, len(images), per_row):
        y = top + begin // per_row * (size + _NUMBER)
        some = images[begin : begin + per_row]
        show_patches(page, some, left, y, size, gap=_GAP, faded=faded)
        for column, activation in enumerate(activations[begin : begin + per_row]):
            x = left + column * (size + _GAP) + size / 2
            page.text(x, y + size + 0.5, number(activation), size=LABEL, ha="center", va="top")


def _end(page: Axes, left: float, middle: float, sets: ImageSets, unit: int) -> None:
    lines = [f"λ {number(float(sets.diversity[unit]))}"]
    if sets.images.shape[1] > 1:
        lines.insert(0, f"distance {number(float(sets.min_distance[unit]))}")
    page.text(left, middle, "\n".join(lines), size=LABEL, va="center", color=GREY, linespacing=1.4)
