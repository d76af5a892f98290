"""Figure: units whose invariance is known, and what the tests say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.controls.kinds import EXTENDED
from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    PAGE_WIDTH,
    TITLE,
    heading,
    inset,
    new_page,
    save,
    show_patches,
    strip,
    theme,
)
from diversevis.figures.transforms import (
    at_delta,
    colour_bar,
    means_of,
    show_canvas,
    show_map,
    statistic_of,
)
from diversevis.results.tests import LayerTests, load_tests

_KNOWN = {
    "simple": "linear filter",
    "rectified": "half-rectified\nfilter",
    "complex": "energy model,\nany phase",
    "rigid": "linear\ntemplate",
    "deformable": "template of\nmovable parts",
}
_LINEAR = ("simple", "rigid")
_CELL = "complex"
_PHASE, _DEFORMATION = "all-shifts", "deformations"  # families
_INVARIANT_TO = {"complex": _PHASE, "deformable": _DEFORMATION}

_MARGIN, _HEADER, _FOOTER, _BETWEEN = 2.5, 16.0, 12.0, 3.5  # mm
_BEST, _PICTURE = 14.0, 22.0
_BEST_LEFT, _TEXTURE_LEFT, _MAP_LEFT = 20.5, 36.5, 60.5
_STRIPS, _STRIP = (87.5, 119.0, 150.5), 27.0

_LEFT, _WIDTH, _ASIDE = 14.0, 109.0, 13.0  # of the variants' panels, and left of the last one
_TOP, _PANEL, _APART, _NAMES = 18.0, 25.0, 7.0, 14.0
_LINES = {
    "": "plain",
    "squared": "square",
    "soft": "threshold",
    "offset": "offset root",
    "s5": "s/5",
    "s6": "s/6",
    "s8": "s/8",
}
"""What ends the names of variants, and what to call it."""


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Draw it from ``tests``, arrays of each kind, and the table ``control_indices``."""
    indices = pd.read_csv(reads["control_indices"])
    save(draw(load_tests(reads["tests"]), indices, criteria=criteria), *writes.values())


def draw(
    layers: Sequence[LayerTests], indices: pd.DataFrame, *, criteria: Mapping[str, Any]
) -> Figure:
    """Draw the controls, one row per kind.

    Each row shows the best patch of its first unit, the texture whose crops all drive that unit as
    well as can be, the map of its effective contrasts over shifts, and of all units: the phase
    index, the deformation index, and how far the latter lies above the linear surrogate's, with the
    criteria that decide whether the indices are reported. Below, where they were measured, the same
    indices of units with an output nonlinearity, or with narrower envelopes, beside the plain ones,
    and how much complex cells vary over shifts.

    Parameters
    ----------
    layers
        Tests of each kind of control.
    indices
        Their tidy table of indices.
    criteria
        ``config/criteria.yaml``; what the controls must show, and the displacement of C3.
    """
    delta, limits = criteria["C3"]["delta"], criteria["controls"]
    phase = _indices(layers, means_of(indices, _PHASE))
    deformation = _indices(layers, at_delta(means_of(indices, _DEFORMATION), delta))
    tops = _HEADER + (_PICTURE + _BETWEEN) * np.arange(len(layers))
    bottom = tops[-1] + _PICTURE + 1
    with theme():
        groups = _groups(indices)
        variants = _TOP + 2 * _PANEL + _APART + _NAMES if groups else 0.0
        figure, page = new_page(bottom + _FOOTER + variants)
        title = "Controls: units whose invariance is known"
        page.text(_MARGIN, 4, title, size=TITLE, weight="bold", va="center")
        style: dict[str, Any] = {"color": GREY, "ha": "right", "va": "center"}
        page.text(PAGE_WIDTH - _MARGIN, 4, "indices: mean effective contrast", **style)
        for left, width, text in (
            (_MARGIN, _BEST_LEFT - _MARGIN - 1.5, "control"),
            (_BEST_LEFT, _BEST, "best patch"),
            (_TEXTURE_LEFT, _PICTURE, "texture"),
            (_MAP_LEFT, _PICTURE, "contrast\nover shifts"),
            (_STRIPS[0], _STRIP, "phase index"),
            (_STRIPS[1], _STRIP, f"deformation index\nδ = {delta:g} px"),
            (_STRIPS[2], _STRIP, "the same, less\nlinear surrogate"),
        ):
            heading(page, left, _HEADER - 1.5, width, text, INK)
        for layer, top in zip(layers, tops, strict=True):
            _pictures(page, layer, top)
            if layer.layer in _LINEAR:
                text = f"largest in any\nfamily {_largest_difference(indices, layer.layer):.3f}"
                page.text(_STRIPS[2] + _STRIP, top + 3, text, size=LABEL, **style)
            worst = _largest_variation(indices)
            if layer.layer == _CELL and np.isfinite(worst):
                text = f"largest variation\nover shifts {worst:.3f}"
                page.text(_MARGIN, top + 11, text, size=LABEL, color=GREY, va="top")
        strips = [
            strip(figure, left, _HEADER - 1, _STRIP, bottom - _HEADER + 1) for left in _STRIPS
        ]
        for axes in strips:
            for top in tops[1:]:
                axes.axhline(top - _BETWEEN / 2, color=FAINT, lw=0.4)
        colours = {
            kind: tests.family.colour
            for kind, family in _INVARIANT_TO.items()
            for layer in layers
            for tests in layer.families
            if tests.family.name == family
        }
        _phase(strips[0], phase, colours, tops, limits)
        _deformation(strips[1], strips[2], deformation, colours, tops, limits)
        colour_bar(page, _MAP_LEFT, bottom + 1.5, _PICTURE, upright=False)
        _key(page, bottom + 9.5, limits["linear_difference"])
        if groups:
            _variants(figure, page, indices, groups, delta, bottom + _FOOTER, limits)
    return figure


def _indices(layers: Sequence[LayerTests], rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``value`` and ``surrogate`` of each kind's units, in their order; NaN if unknown."""
    return {
        layer.layer: rows[rows.layer == layer.layer]
        .set_index("channel")[["value", "surrogate"]]
        .reindex(layer.channels)
        for layer in layers
    }


def _pictures(page: Axes, layer: LayerTests, top: float) -> None:
    kind = layer.layer
    page.text(_MARGIN, top + 3, kind, weight="bold")
    page.text(
        _MARGIN, top + 4.3, _KNOWN.get(kind, ""), size=LABEL, color=GREY, va="top", linespacing=1.2
    )
    show_patches(page, layer.best[:1], _BEST_LEFT, top, _BEST)
    tests = layer.find(_PHASE)
    if tests is None:
        return
    show_canvas(page, tests.canvases[0], layer.size, _TEXTURE_LEFT, top, _PICTURE)
    show_map(page, tests, tests.contrasts[0], _MAP_LEFT, top, _PICTURE)


def _largest_difference(indices: pd.DataFrame, kind: str) -> float:
    """Return how far any unit of a kind lies from its surrogate in any family."""
    own = indices[indices.layer == kind]
    rows = pd.concat(means_of(own, family) for family in own.family.unique())
    return (rows.value - rows.surrogate).abs().max()


def _largest_variation(indices: pd.DataFrame) -> float:
    """Return how much any plain complex cell varies over shifts."""
    rows = statistic_of(indices, _PHASE, "variation")
    return rows[rows.layer == _CELL].value.max()


def _lanes(top: float, count: int) -> np.ndarray:
    return top + _PICTURE * (np.arange(count) + 0.5) / count


def _marks(axes: Axes, lanes: np.ndarray, units: pd.DataFrame, colour: str) -> None:
    """Draw indices, and those of the linear surrogates, one lane per unit."""
    axes.hlines(lanes, units.value, units.surrogate, color=GREY, lw=0.5)
    axes.plot(units.surrogate, lanes, "o", mfc="white", mec=GREY, mew=0.7, ms=3.2)
    axes.plot(units.value, lanes, "o", color=colour, ms=3.2)


def _criterion(axes: Axes, at: float, top: float) -> None:
    axes.vlines(at, top, top + _PICTURE, color=INK, lw=0.7, ls=(0, (3, 2)))


def _tolerance(axes: Axes, lanes: np.ndarray, around, height: float, tolerance: float) -> None:
    """Shade how far linear units may lie from their surrogates."""
    for lane, middle in zip(lanes, np.broadcast_to(around, len(lanes)), strict=True):
        axes.fill_between(
            [middle - tolerance, middle + tolerance],
            lane - height / 2,
            lane + height / 2,
            color=FAINT,
            lw=0,
            zorder=0,
        )


def _phase(
    axes: Axes,
    indices: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
    tops: np.ndarray,
    limits: Mapping[str, float],
) -> None:
    axes.set(xlim=(-0.05, 1.05), xticks=[0, 0.5, 1])
    for (kind, units), top in zip(indices.items(), tops, strict=True):
        lanes = _lanes(top, len(units))
        if kind in _LINEAR:
            height = _PICTURE / len(lanes)
            _tolerance(axes, lanes, units.surrogate, height, limits["linear_difference"])
        _marks(axes, lanes, units, colours.get(kind, INK))


def _deformation(
    axes: Axes,
    above_axes: Axes,
    indices: Mapping[str, pd.DataFrame],
    colours: Mapping[str, str],
    tops: np.ndarray,
    limits: Mapping[str, float],
) -> None:
    tolerance = limits["linear_difference"]
    axes.set(xlim=(-0.05, 1.05), xticks=[0, 0.5, 1])
    above_axes.axvline(0, color=GREY, lw=0.5, zorder=0)
    above = {kind: units.value - units.surrogate for kind, units in indices.items()}
    for (kind, units), top in zip(indices.items(), tops, strict=True):
        lanes, colour = _lanes(top, len(units)), colours.get(kind, INK)
        if kind in _LINEAR:
            _tolerance(axes, lanes, units.surrogate, _PICTURE / len(lanes), tolerance)
            _tolerance(above_axes, lanes, 0, _PICTURE / len(lanes), tolerance)
        if kind == "deformable" and "rigid" in above:
            least = above["rigid"].max() + limits["deformable_above_rigid"]
            _criterion(above_axes, least, top)
        _marks(axes, lanes, units, colour)
        above_axes.plot(above[kind], lanes, "o", color=colour, ms=3.2)
    largest = np.nanmax([0.2, *(values.max() for values in above.values())])
    lowest = np.nanmin([0.0, *(values.min() for values in above.values())])
    above_axes.set_xlim(lowest - 0.06, largest + 0.06)


def _key(page: Axes, y: float, tolerance: float) -> None:
    """Explain the marks of the strips."""
    left = _STRIPS[0]
    page.plot(left, y, "o", color=INK, ms=3.2)
    page.plot(left + 12, y, "o", mfc="white", mec=GREY, mew=0.7, ms=3.2)
    page.fill_between([left + 34, left + 37], y - 1.1, y + 1.1, color=FAINT, lw=0)
    page.plot([left + 69, left + 72], [y, y], color=INK, lw=0.7, ls=(0, (3, 2)))
    for x, text in (
        (1.5, "unit"),
        (13.5, "linear surrogate"),
        (38, f"±{tolerance:g}: linear units"),
        (73, "at least"),
    ):
        page.text(left + x, y, text, size=LABEL, va="center_baseline")


def _groups(indices: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Return kinds that belong together, with what to call them: variants behind their plain one.

    Nothing where no variant was measured.
    """
    measured = set(indices.layer)
    found: dict[tuple[str, bool], list[str]] = {}
    for name, kind in EXTENDED.items():
        if name in measured:
            found.setdefault((kind.plain, kind.envelope is None), []).append(name)
    return [
        (plain if through else f"{plain}, envelopes", [plain, *names])
        for (plain, through), names in found.items()
    ]


def _variants(
    figure: Figure,
    page: Axes,
    indices: pd.DataFrame,
    groups: Sequence[tuple[str, list[str]]],
    delta: float,
    top: float,
    limits: Mapping[str, float],
) -> None:
    """Draw variants beside their plain kinds: two indices, and the variation of complex cells."""
    title = "The same, output nonlinearities and envelopes"
    page.text(_MARGIN, top + 4, title, size=TITLE, weight="bold", va="center")
    phase, bent = (means_of(indices, family) for family in (_PHASE, _DEFORMATION))
    shown = (("phase index", phase), (f"deformation\nindex, {delta:g} px", at_delta(bent, delta)))
    first, second = top + _TOP, top + _TOP + _PANEL + _APART
    for (label, rows), at in zip(shown, (first, second), strict=True):
        axes = inset(figure, _LEFT, at, _WIDTH, _PANEL)
        axes.patch.set_visible(False)
        axes.set(ylim=(-0.08, 1.08), yticks=[0, 0.5, 1], ylabel=label)
        _columns(axes, rows, groups, limits["variant_difference"], last=at == second)
    text = "largest difference from plain, at most "
    text += f"{limits['variant_difference']:g} through nonlinearities"
    page.text(_LEFT, first - 9.5, text, size=LABEL, color=GREY, va="center")
    cells = [name for _, names in groups for name in names if name.startswith(_CELL)]
    left = _LEFT + _WIDTH + _ASIDE
    width, height = PAGE_WIDTH - _MARGIN - left, 2 * _PANEL + _APART
    axes = inset(figure, left, first, width, height)
    axes.patch.set_visible(False)
    rows = statistic_of(indices, _PHASE, "variation")
    _columns(axes, rows, [("", list(dict.fromkeys(cells)))], None, last=True)
    axes.axhline(limits["complex_variation"], color=INK, lw=0.7, ls=(0, (3, 2)))
    axes.set(ylabel="variation over shifts", ylim=(0, None))
    page.text(left, first - 6.5, "complex cells", weight="bold")
    text = "dashed: at most; s/8 has no say"
    page.text(left, first - 3, text, size=LABEL, color=GREY)


def _columns(
    axes: Axes,
    rows: pd.DataFrame,
    groups: Sequence[tuple[str, list[str]]],
    most: float | None,
    *,
    last: bool,
) -> None:
    """Draw kinds side by side, one line per unit within a group, and how far variants lie off.

    A group's largest difference is bold beyond `most`; None writes none, nor names of groups.
    """
    at, places, names = 0.0, [], []
    for title, kinds in groups:
        values = rows.pivot_table("value", "layer", "channel", dropna=False).reindex(kinds)
        x = at + np.arange(len(kinds))
        axes.plot(x, values, "-", color=GREY, lw=0.5)
        axes.plot(x[:1], values.iloc[:1], "o", mfc="white", mec=INK, mew=0.6, ms=2.6)
        axes.plot(x[1:], values.iloc[1:], "o", color=INK, mew=0, ms=2.6)
        if most is not None:
            # Of output nonlinearities: envelopes do change an index.
            judged = [kind for kind in kinds[1:] if EXTENDED[kind].nonlinearity is not None]
            if judged:
                worst = float((values.loc[judged] - values.iloc[0]).abs().to_numpy().max())
                weight = "bold" if worst > most else "normal"
                style: dict[str, Any] = {"size": LABEL, "ha": "center", "weight": weight}
                axes.text(x.mean(), 1.12, f"{worst:.3f}", **style)
            middle = x.mean()
            if not last:
                axes.text(middle, 1.27, title, ha="center", weight="bold")
        places += x.tolist()
        names += [_LINES[kind.partition("-")[2]] for kind in kinds]
        at = x[-1] + 2.0
    axes.set_xlim(-0.7, at - 1.3)
    axes.set_xticks(places, names if last else [""] * len(places), rotation=90)
