"""Figure: units whose invariance is known, and what the tests say of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.figures.invariance_data import MeasuredLayer
from diversevis.figures.style import (
    FAINT,
    GREY,
    INK,
    LABEL,
    TITLE,
    heading,
    page,
    show_patches,
    strip,
    theme,
)
from diversevis.figures.transforms import (
    DEFORMATIONS,
    SHIFTS,
    colour_bar,
    column,
    deltas_of,
    main_delta,
    show_canvas,
    show_map,
)

_UNIT = ["network", "layer", "channel"]
_KNOWN = {
    "simple": "linear filter",
    "rectified": "half-rectified\nfilter",
    "complex": "energy model,\nany phase",
    "rigid": "linear\ntemplate",
    "deformable": "template of\nmovable parts",
}
_LINEAR = ("simple", "rigid")
_COLOURS = {"complex": SHIFTS, "deformable": DEFORMATIONS}

_MARGIN, _HEADER, _FOOTER, _BETWEEN = 2.5, 16.0, 12.0, 3.5  # mm
_BEST, _PICTURE = 14.0, 22.0
_BEST_LEFT, _TEXTURE_LEFT, _MAP_LEFT = 20.5, 36.5, 60.5
_STRIPS, _STRIP = (87.5, 119.0, 150.5), 27.0


def draw(
    layers: Mapping[str, MeasuredLayer], tests: pd.DataFrame, *, criteria: Mapping[str, float]
) -> Figure:
    """Draw the controls, one row a kind.

    Each row shows the best patch of its first unit, the texture whose crops all drive that unit as
    well as can be, the map of its responses over shifts, and of all units: the phase index, the
    deformation index, and how far the latter lies above the linear stand-in's, with the criteria
    that decide whether the indices are reported.

    Parameters
    ----------
    layers
        Tests of each kind of control, by name.
    tests
        Rows of `diversevis.invariance.indices.rows`; those of other networks, and of learned masks,
        are not used.
    criteria
        What the controls must show: ``controls`` of ``config/criteria.yaml``.
    """
    table = unit_indices(tests)
    kinds = [kind for kind in _KNOWN if kind in layers] + [k for k in layers if k not in _KNOWN]
    units = {kind: _units(table, layers[kind]) for kind in kinds}
    delta = main_delta(deltas_of(table, "deformation"))
    tops = _HEADER + (_PICTURE + _BETWEEN) * np.arange(len(kinds))
    bottom = tops[-1] + _PICTURE + 1
    with theme():
        figure, canvas = page(bottom + _FOOTER)
        title = "Controls: units whose invariance is known"
        canvas.text(_MARGIN, 4, title, size=TITLE, weight="bold", va="center")
        deformed = "deformation index" if delta is None else f"deformation index, δ = {delta:g} px"
        for left, width, text in (
            (_MARGIN, _BEST_LEFT - _MARGIN - 1.5, "control"),
            (_BEST_LEFT, _BEST, "best patch"),
            (_TEXTURE_LEFT, _PICTURE, "texture"),
            (_MAP_LEFT, _PICTURE, "responses\nover shifts"),
            (_STRIPS[0], _STRIP, "phase index"),
            (_STRIPS[1], _STRIP, deformed.replace(", ", "\n")),
            (_STRIPS[2], _STRIP, "the same, less\nlinear stand-in"),
        ):
            heading(canvas, left, _HEADER - 1.5, width, text, INK)
        for kind, top in zip(kinds, tops, strict=True):
            _pictures(canvas, kind, layers[kind], top)
            if kind in _LINEAR:
                text = f"largest in any\nfamily {_largest_difference(tests, layers[kind]):.3f}"
                style = {"size": LABEL, "color": GREY, "ha": "right", "va": "center"}
                canvas.text(_STRIPS[2] + _STRIP, top + 3, text, **style)
        strips = [
            strip(figure, left, _HEADER - 1, _STRIP, bottom - _HEADER + 1) for left in _STRIPS
        ]
        for axes in strips:
            for top in tops[1:]:
                axes.axhline(top - _BETWEEN / 2, color=FAINT, lw=0.4)
        _phase(strips[0], kinds, units, tops, criteria)
        if delta is not None:
            _deformation(strips[1], strips[2], kinds, units, tops, delta, criteria)
        colour_bar(canvas, _MAP_LEFT, bottom + 1.5, _PICTURE, upright=False)
        _key(canvas, bottom + 9.5, criteria["linear_difference"])
    return figure


def _of(tests: pd.DataFrame, layer: MeasuredLayer) -> pd.DataFrame:
    """Return a layer's rows with the fixed mask."""
    own = (tests.network == layer.network) & (tests.layer == layer.layer)
    return tests[own & (tests["mask"] == "fixed")]


def unit_indices(tests: pd.DataFrame) -> pd.DataFrame:
    """Return one row a unit of rows of tests, with the columns of the networks' table of units.

    Indices are means over seeds, of the fixed mask.
    """
    units = tests[["network", "layer", "channel"]].drop_duplicates().set_index(_UNIT)
    for family, prefix in (("all-shifts", "phase"), ("deformations", "deformation")):
        rows = tests[(tests.family == family) & (tests["mask"] == "fixed")]
        for delta, same in rows.groupby("delta", dropna=False):
            strength = "" if pd.isna(delta) else f"_{delta:g}"
            means = same.groupby(_UNIT)[["mean", "surrogate_mean"]].mean()
            units[f"{prefix}_index{strength}"] = means["mean"]
            units[f"{prefix}_surrogate{strength}"] = means["surrogate_mean"]
    return units.reset_index()


def _units(table: pd.DataFrame, layer: MeasuredLayer) -> pd.DataFrame:
    """Return the rows of a kind, one for each of its units, in their order."""
    rows = table[(table.network == layer.network) & (table.layer == layer.layer)]
    return rows.set_index(rows.channel.astype(str)).reindex(list(layer.names))


def _pictures(canvas: Axes, kind: str, layer: MeasuredLayer, top: float) -> None:
    canvas.text(_MARGIN, top + 3, kind, weight="bold")
    canvas.text(
        _MARGIN, top + 4.3, _KNOWN.get(kind, ""), size=LABEL, color=GREY, va="top", linespacing=1.2
    )
    show_patches(canvas, layer.best[:1], _BEST_LEFT, top, _BEST)
    data = layer.find("all-shifts")
    if data is None:
        return
    show_canvas(canvas, data.canvases[0], layer.size, _TEXTURE_LEFT, top, _PICTURE)
    show_map(canvas, data, layer.relative(data)[0], _MAP_LEFT, top, _PICTURE)


def _largest_difference(tests: pd.DataFrame, layer: MeasuredLayer) -> float:
    """Return how far any unit lies from its stand-in in any family."""
    rows = _of(tests, layer)
    return (rows["mean"] - rows.surrogate_mean).abs().max()


def _lanes(top: float, count: int) -> np.ndarray:
    return top + _PICTURE * (np.arange(count) + 0.5) / count


def _marks(
    axes: Axes, kind: str, lanes: np.ndarray, index: pd.Series, surrogate: pd.Series
) -> None:
    """Draw indices, and those of the linear stand-ins, one lane a unit."""
    axes.hlines(lanes, index, surrogate, color=GREY, lw=0.5)
    axes.plot(surrogate, lanes, "o", mfc="white", mec=GREY, mew=0.7, ms=3.2)
    axes.plot(index, lanes, "o", color=_COLOURS.get(kind, INK), ms=3.2)


def _criterion(axes: Axes, at: float, top: float) -> None:
    axes.vlines(at, top, top + _PICTURE, color=INK, lw=0.7, ls=(0, (3, 2)))


def _tolerance(axes: Axes, lanes: np.ndarray, around, height: float, tolerance: float) -> None:
    """Shade how far linear units may lie from their stand-ins."""
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
    kinds: list[str],
    units: dict[str, pd.DataFrame],
    tops: np.ndarray,
    criteria: Mapping[str, float],
) -> None:
    tolerance = criteria["linear_difference"]
    axes.set(xlim=(-0.05, 1.05), xticks=[0, 0.5, 1])
    for kind, top in zip(kinds, tops, strict=True):
        lanes = _lanes(top, len(units[kind]))
        index, surrogate = (column(units[kind], f"phase_{name}") for name in ("index", "surrogate"))
        if kind in _LINEAR:
            _tolerance(axes, lanes, surrogate, _PICTURE / len(lanes), tolerance)
        if kind == "complex":
            _criterion(axes, criteria["complex_index"], top)
            if "simple" in units:
                highest = column(units["simple"], "phase_index").max()
                _criterion(axes, highest + criteria["complex_above_simple"], top)
        _marks(axes, kind, lanes, index, surrogate)


def _deformation(
    axes: Axes,
    above_axes: Axes,
    kinds: list[str],
    units: dict[str, pd.DataFrame],
    tops: np.ndarray,
    delta: float,
    criteria: Mapping[str, float],
) -> None:
    tolerance = criteria["linear_difference"]
    axes.set(xlim=(-0.05, 1.05), xticks=[0, 0.5, 1])
    above_axes.axvline(0, color=GREY, lw=0.5, zorder=0)
    above = {
        kind: column(rows, f"deformation_index_{delta:g}")
        - column(rows, f"deformation_surrogate_{delta:g}")
        for kind, rows in units.items()
    }
    for kind, top in zip(kinds, tops, strict=True):
        lanes = _lanes(top, len(units[kind]))
        index, surrogate = (
            column(units[kind], f"deformation_{name}_{delta:g}") for name in ("index", "surrogate")
        )
        if kind in _LINEAR:
            _tolerance(axes, lanes, surrogate, _PICTURE / len(lanes), tolerance)
            _tolerance(above_axes, lanes, 0, _PICTURE / len(lanes), tolerance)
        if kind == "deformable" and "rigid" in above:
            least = above["rigid"].max() + criteria["deformable_above_rigid"]
            _criterion(above_axes, least, top)
        _marks(axes, kind, lanes, index, surrogate)
        above_axes.plot(above[kind], lanes, "o", color=_COLOURS.get(kind, INK), ms=3.2)
    largest = np.nanmax([0.2, *(values.max() for values in above.values())])
    lowest = np.nanmin([0.0, *(values.min() for values in above.values())])
    above_axes.set_xlim(lowest - 0.06, largest + 0.06)


def _key(canvas: Axes, y: float, tolerance: float) -> None:
    """Explain the marks of the strips."""
    left = _STRIPS[0]
    canvas.plot(left, y, "o", color=INK, ms=3.2)
    canvas.plot(left + 12, y, "o", mfc="white", mec=GREY, mew=0.7, ms=3.2)
    canvas.fill_between([left + 34, left + 37], y - 1.1, y + 1.1, color=FAINT, lw=0)
    canvas.plot([left + 69, left + 72], [y, y], color=INK, lw=0.7, ls=(0, (3, 2)))
    for x, text in (
        (1.5, "unit"),
        (13.5, "linear stand-in"),
        (38, f"±{tolerance:g}: linear units"),
        (73, "at least"),
    ):
        canvas.text(left + x, y, text, size=LABEL, va="center_baseline")
