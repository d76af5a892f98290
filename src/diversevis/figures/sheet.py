"""Contact sheet: every image of every unit, with its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.style import (
    GREY,
    LABEL,
    PAGE_WIDTH,
    TITLE,
    network_title,
    new_page,
    number,
    show_patches,
    theme,
)
from diversevis.results.sets import ImageSets

if TYPE_CHECKING:
    from diversevis.synthesis.diverse import DiverseSets

_PER_ROW = 12  # images, before a unit's next row begins
_LARGEST, _GAP, _NUMBER = 15.0, 0.8, 3.4  # mm: picture, gap, line of text below it
_MARGIN, _HEADER, _END, _BETWEEN = 3.0, 11.0, 21.0, 2.0
_LETTER, _SMALL_LETTER = 1.45, 1.15  # mm, about the width of one in a label and in a note


def contact_sheet(sets: ImageSets | DiverseSets) -> Figure:
    """Draw all images of all units, one row per unit.

    Below each image its activation; at the row's end the set's smallest distance and its diversity
    lambda. A set of more than twelve images goes on in the next row.

    Parameters
    ----------
    sets
        Sets of one layer.
    """
    sets = ImageSets.of(sets)
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


def _images(
    page: Axes, images: np.ndarray, activations: np.ndarray, left: float, top: float, size: float
) -> None:
    for begin in range(0, len(images), _PER_ROW):
        y = top + begin // _PER_ROW * (size + _NUMBER)
        show_patches(page, images[begin : begin + _PER_ROW], left, y, size, gap=_GAP)
        for column, activation in enumerate(activations[begin : begin + _PER_ROW]):
            x = left + column * (size + _GAP) + size / 2
            page.text(x, y + size + 0.5, number(activation), size=LABEL, ha="center", va="top")


def _end(page: Axes, left: float, middle: float, sets: ImageSets, unit: int) -> None:
    lines = [f"λ {number(float(sets.diversity[unit]))}"]
    if sets.images.shape[1] > 1:
        lines.insert(0, f"distance {number(float(sets.min_distance[unit]))}")
    page.text(left, middle, "\n".join(lines), size=LABEL, va="center", color=GREY, linespacing=1.4)
