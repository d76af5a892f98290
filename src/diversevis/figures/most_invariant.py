"""Supplement: the units that are most invariant to phase, and those that bend most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.analysis.conditions import BENDS, NEAR_PERFECT, UNDECIDED, YES
from diversevis.figures.canvases import Canvas, Unit, best_canvases, load_tests_of
from diversevis.figures.style import (
    DIVERSE,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    TITLE,
    heading,
    network_colour,
    network_title,
    new_page,
    read_titles,
    save,
    show_patches,
    theme,
    titles,
)
from diversevis.figures.transforms import (
    colour_bar,
    column,
    judged,
    ratio,
    show_canvas,
    show_map,
    with_index,
)
from diversevis.results.quantities import ABOVE, Quantity, Registry
from diversevis.results.sets import SweepResult

_MARGIN, _GUTTER, _APART, _GAP = 2.5, 5.0, 1.6, 0.4  # mm
_HEADER, _NAME, _BETWEEN, _FOOTER = 14.5, 3.4, 2.6, 5.5
_ACROSS, _EACH = 3, 2  # images of a set beside each other; members that drive most, and least
_MOST = 10  # units of a kind
_COLUMN = (PAGE_WIDTH - 2 * _MARGIN - _GUTTER) / 2
_SIZE = (_COLUMN - 2 * _APART + 2 * _GAP) / (_ACROSS + 4) - _GAP
_BLOCK = 2 * _SIZE + _GAP
_SET = _ACROSS * (_SIZE + _GAP) - _GAP


@dataclass(frozen=True)
class Kind:
    """A kind of units: what it is called, which they are, and the index they are judged by."""

    title: str
    condition: str
    index: Quantity
    chosen: pd.DataFrame


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Draw it from ``sweeps`` and ``arrays``, of layers with all seeds, and tables."""
    registry, units = Registry.load(reads["quantities"]), pd.read_csv(reads["units"])
    tests, found = pd.read_csv(reads["tests"]), []
    for kind in kinds(units, registry, criteria["second"]):
        named = set(_names(kind.chosen))
        layers = load_tests_of(reads["arrays"], kind.index)
        canvases = best_canvases(layers, tests, kind.index)
        found.append((kind, {unit: canvases[unit] for unit in named if unit in canvases}))
    wanted = [unit for kind, _ in found for unit in _names(kind.chosen)]
    sets = load_images(reads["sweeps"], wanted)
    with titles(read_titles(reads["networks"])):
        figure = draw(found, sets)
    save(figure, *writes.values())


def kinds(
    units: pd.DataFrame, registry: Registry, criteria: Mapping[str, Any], *, most: int = _MOST
) -> list[Kind]:
    """Return the units of either kind that are most invariant, most invariant ones first.

    Units that meet all that the second edition asks for come before those of which it is undecided;
    others are not shown. Among either, near perfectly phase invariant ones are ordered by their
    variation over all shifts, then by their index; those that bend by their index above the
    surrogate's.

    Parameters
    ----------
    units
        The table of units.
    registry
        Its quantities; a kind whose index was not measured is left out.
    criteria
        The section ``second`` of ``config/criteria.yaml``.
    most
        Units of a kind.
    """
    said, found = judged(units, criteria), []
    for title, condition, name, order in (
        ("near perfectly phase invariant", NEAR_PERFECT, "phase", ["variation", "-value"]),
        ("invariant to deformations", BENDS, "deformation", ["-above"]),
    ):
        index, above = registry.of(name), registry.of(name, ABOVE)
        if index is None or above is None:
            continue
        rows = with_index(units, index)
        rows = rows.assign(above=column(units, above.name), said=said[condition])
        keys = {
            "open": rows["said"] == UNDECIDED,
            **{key: -rows[key[1:]] if key[0] == "-" else rows[key] for key in order},
        }
        ranked = pd.DataFrame(keys)[rows["said"].isin([YES, UNDECIDED])]
        chosen = ranked.sort_values(list(keys), kind="stable").index[:most]
        found.append(Kind(title, condition, index, rows.loc[chosen]))
    return found


def load_images(paths: Iterable[Path | str], wanted: Sequence[Unit]) -> dict[Unit, np.ndarray]:
    """Return the diverse images of some units, ``[n, 3, s, s]`` each: sweeps are large."""
    found: dict[Unit, np.ndarray] = {}
    for path in paths:
        sets = SweepResult.load(path).shown
        for place, channel in enumerate(sets.channels.tolist()):
            unit = (sets.network, sets.layer, channel)
            if unit in wanted:
                found[unit] = sets.diverse[place].copy()
    return found


def draw(
    found: Sequence[tuple[Kind, Mapping[Unit, Canvas]]], sets: Mapping[Unit, np.ndarray]
) -> Figure:
    """Draw a column per kind: of each unit its diverse set, its canvas, and what that keeps.

    Parameters
    ----------
    found
        Kinds, each with its units' canvases.
    sets
        Diverse images by unit.
    """
    pitch = _NAME + _BLOCK + _BETWEEN
    rows = max((len(kind.chosen) for kind, _ in found), default=0)
    with theme():
        figure, page = new_page(_HEADER + max(rows, 1) * pitch + _FOOTER)
        for place, (kind, canvases) in enumerate(found):
            left = _MARGIN + place * (_COLUMN + _GUTTER)
            page.text(left, 4, kind.title, size=TITLE, weight="bold", va="center")
            phase = kind.condition == NEAR_PERFECT
            after = "map of all shifts" if phase else "members that drive\nmost, and least"
            for x, width, text, colour in zip(
                _lefts(left),
                (_SET, _BLOCK, _BLOCK),
                ("diverse images", "canvas", after),
                (DIVERSE, INK, INK),
                strict=True,
            ):
                heading(page, x, _HEADER - 2, width, text, colour)
            if kind.chosen.empty:
                page.text(left, _HEADER + 3, "there is none", color=GREY, va="center")
            for row, (_, unit) in enumerate(kind.chosen.iterrows()):
                name = (unit["network"], unit["layer"], unit["channel"])
                top = _HEADER + row * pitch
                _unit(page, unit, sets.get(name), canvases.get(name), left, top, phase=phase)
        bottom = _HEADER + max(rows, 1) * pitch
        colour_bar(page, _MARGIN, bottom, 30, upright=False)
        text = (
            "effective contrast of shifts (1: the unit's best patch); in brackets: linear surrogate"
        )
        page.text(_MARGIN + 34, bottom + 1, text, size=LABEL, va="center")
    return figure


def _names(units: pd.DataFrame) -> list[Unit]:
    return list(zip(units["network"], units["layer"], units["channel"], strict=True))


def _lefts(left: float) -> tuple[float, float, float]:
    canvas = left + _SET + _APART
    return left, canvas, canvas + _BLOCK + _APART


def _unit(
    page: Axes,
    unit: pd.Series,
    images: np.ndarray | None,
    canvas: Canvas | None,
    left: float,
    top: float,
    *,
    phase: bool,
) -> None:
    """Draw a unit; what its run has not kept is left blank."""
    lefts, below = _lefts(left), top + _NAME
    name = f"{network_title(unit['network'])} {unit['layer']}, {unit['channel']}"
    style: dict[str, Any] = {"weight": "bold", "color": network_colour(unit["network"])}
    page.text(left, below - 0.8, name, **style)
    text = f"index {ratio(unit['value'])} ({ratio(unit['surrogate'])})"
    text += f", variation {ratio(unit['variation'])}"
    text += ", undecided" if unit["said"] == UNDECIDED else ""
    page.text(left + _COLUMN, below - 0.8, text, size=LABEL, color=GREY, ha="right")
    if images is not None:
        show_patches(page, images, left, below, _SIZE, gap=_GAP, per_row=_ACROSS)
    if canvas is None:
        return
    tests, place = canvas.tests, canvas.place
    show_canvas(page, tests.canvases[place], canvas.layer.size, lefts[1], below, _BLOCK)
    if phase:
        show_map(page, tests, canvas.contrasts, lefts[2], below, _BLOCK)
        return
    patches = np.asarray(tests.patches)[place]
    shown = np.concatenate([patches[tests.most][:_EACH], patches[tests.least][-_EACH:]])
    show_patches(page, shown, lefts[2], below, _SIZE, gap=_GAP, per_row=_EACH)
