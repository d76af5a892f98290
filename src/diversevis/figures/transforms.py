"""Parts that the figures of transformation tests share: canvases, maps, grids, columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from diversevis.analysis.conditions import second_conditions
from diversevis.figures.style import LABEL, show_patches, units_text
from diversevis.measures import CONTRAST
from diversevis.results.quantities import Quantity
from diversevis.results.quantities import column as column_name
from diversevis.results.tests import FIXED, NEVER_DRIVEN, FamilyTests

_COLOURS = "viridis"
_MAP_PIXELS = 400  # to which maps are enlarged, for many viewers blur pictures that they enlarge
_GRID = 6  # meshes per side of the grid that shows a deformation


def ratio(value: float) -> str:
    """Return an index in two decimals, which is as far as seeds agree; a dash for NaN."""
    if np.isnan(value):
        return "\N{EN DASH}"
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "\N{MINUS SIGN}")


def show_canvas(
    page: Axes, picture: np.ndarray, patch: int, left: float, top: float, size: float
) -> None:
    """Show a canvas ``[3, side, side]``; a square at its centre is as large as the patch, in px."""
    show_patches(page, picture[None], left, top, size)
    side = size * patch / picture.shape[-1]
    x, y = left + (size - side) / 2, top + (size - side) / 2
    outline = [x, x + side, x + side, x, x], [y, y, y + side, y + side, y]
    for colour, width in (("black", 1.0), ("white", 0.5)):  # seen on dark and on bright
        page.plot(*outline, color=colour, lw=width, solid_joinstyle="miter")


def show_map(
    page: Axes, tests: FamilyTests, values: np.ndarray, left: float, top: float, size: float
) -> None:
    """Show what all shifts reach, ``[members]`` of which the peak is 1, over the texture's corners.

    The horizontal axis is the shift to the right, the vertical one down, as in the texture.
    """
    corners = tests.members.astype(int)
    shifts = np.full(corners.max(0) + 1, np.nan)
    shifts[tuple(corners.T)] = values
    repeat = -(-_MAP_PIXELS // len(shifts))
    shifts = shifts.repeat(repeat, 0).repeat(repeat, 1)
    limits = page.get_xlim(), page.get_ylim()
    page.imshow(
        shifts,
        extent=(left, left + size, top + size, top),
        cmap=_COLOURS,
        vmin=0,
        vmax=1,
        interpolation="none",
        aspect="auto",
    )
    page.set(xlim=limits[0], ylim=limits[1])


def colour_bar(page: Axes, left: float, top: float, length: float, *, upright: bool = True) -> None:
    """Draw the scale of `show_map`, its ends and middle labelled, in mm."""
    limits = page.get_xlim(), page.get_ylim()
    ramp = np.linspace(0, 1, 256)
    width = 1.8
    if upright:
        ramp, extent = ramp[::-1, None], (left, left + width, top + length, top)
    else:
        ramp, extent = ramp[None], (left, left + length, top + width, top)
    page.imshow(
        ramp, extent=extent, cmap=_COLOURS, vmin=0, vmax=1, interpolation="none", aspect="auto"
    )
    page.set(xlim=limits[0], ylim=limits[1])
    for value, text, va, ha in (
        (0, "≤ 0", "bottom", "left"),
        (0.5, "0.5", "center", "center"),
        (1, "≥ 1", "top", "right"),
    ):
        if upright:
            y = top + (1 - value) * length
            page.text(left + width + 0.7, y, text, size=LABEL, va=va)
        else:
            x = left + value * length
            page.text(x, top + width + 0.6, text, size=LABEL, ha=ha, va="top")


def show_grid(page: Axes, field: np.ndarray, left: float, top: float, size: float) -> None:
    """Draw a square grid of the canvas over a member's picture, as the member bends it.

    Parameters
    ----------
    page
        Axes in mm.
    field
        ``[s, s, 2]``, how far the member moves every pixel, (x, y) in pixels; zeros for the canvas
        as it is.
    left, top, size
        Of the picture, in mm.
    """
    at = np.arange(len(field))
    places = np.stack(np.meshgrid(at, at), -1) + field.astype(float)
    x, y = (corner + (at + 0.5) * size / len(field) for corner in (left, top))
    # Lines of the canvas lie where its coordinates, as the member reads them, are round.
    levels = np.arange(1, _GRID) * len(field) / _GRID - 0.5
    style: dict[str, Any] = {
        "colors": "white",
        "linewidths": 0.35,
        "linestyles": "solid",
        "alpha": 0.75,
    }
    limits = page.get_xlim(), page.get_ylim()
    for axis in (0, 1):
        page.contour(x, y, places[..., axis], levels=levels, **style)
    page.set(xlim=limits[0], ylim=limits[1])


def stays(units: pd.DataFrame) -> pd.Series:
    """Return which rows are units that were not left out."""
    if "left_out" not in units:
        return pd.Series(True, index=units.index)
    return units.left_out.isna() | (units.left_out == "")


def column(units: pd.DataFrame, name: str) -> pd.Series:
    """Return a column, NaN throughout where it is missing."""
    return units[name] if name in units else pd.Series(np.nan, index=units.index)


def with_index(units: pd.DataFrame, index: Quantity | None) -> pd.DataFrame:
    """Return units with their ``value`` of an index and their linear ``surrogate``'s.

    Also their ``variation`` over the members. All are NaN where the index was not measured or is
    withheld.
    """
    names = ("value", "surrogate", "variation")
    if index is None:
        return units.assign(**dict.fromkeys(names, np.nan))
    of_index = [index.name] + [column_name(index.index, name, index.delta) for name in names[1:]]
    found = zip(names, of_index, strict=True)
    return units.assign(**{name: column(units, source) for name, source in found})


def judged(units: pd.DataFrame, criteria: Mapping[str, Any]) -> pd.DataFrame:
    """Return what C2 and C3 say of single units, as `second_conditions`."""
    return second_conditions(
        units.assign(left_out=units.left_out.where(~stays(units), "")), criteria
    )


def picked(units: pd.DataFrame) -> pd.Series:
    """Return which rows are units that were picked by hand: shown, with no say in statistics."""
    return column(units, "hand_picked") == 1


def unit_name(layer: str, channel: object, *, by_hand: bool) -> str:
    """Return what to call a unit beside its picture."""
    return f"{layer}, {channel}" + (" (picked by hand)" if by_hand else "")


def means_of(indices: pd.DataFrame, family: str) -> pd.DataFrame:
    """Return the rows of tidy indices with a family's mean effective contrasts, fixed mask."""
    return statistic_of(indices, family, "mean")


def statistic_of(indices: pd.DataFrame, family: str, statistic: str) -> pd.DataFrame:
    """Return the rows of one statistic of a family's effective contrasts, fixed mask."""
    return indices[
        (indices.family == family)
        & (indices["mask"] == FIXED)
        & (indices.measure == CONTRAST)
        & (indices.statistic == statistic)
    ]


def at_delta(rows: pd.DataFrame, delta: float | None) -> pd.DataFrame:
    """Return the rows of a displacement, or those without one."""
    return rows[rows.delta.isna() if delta is None else rows.delta == delta]


_SHORT = {NEVER_DRIVEN: "not driven above zero"}


def left_out_reason(reason: str) -> str:
    """Return why a unit is left out, in fewer words than the table of units."""
    return _SHORT.get(reason, reason.removeprefix("its "))


def left_out_note(units: pd.DataFrame) -> str:
    """Return how many units are left out, and why, in two lines; empty if all stay."""
    if stays(units).all():
        return ""
    reasons = units.left_out[~stays(units)]
    words = ", ".join(map(left_out_reason, reasons.unique()))
    return f"{units_text(len(reasons))} left out:\n{words}"
