"""Parts that the figures of transformation tests share: textures, maps, members, tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from diversevis.figures.invariance_data import FamilyData, MeasuredLayer
from diversevis.figures.style import LABEL, show_patches, units_text
from diversevis.invariance.families import Warps, get_family

SHIFTS, DEFORMATIONS = "#0072B2", "#D55E00"
"""Colours of the two families that are compared, Okabe & Ito's."""

MAIN_DELTA = 2.0
"""Displacement at which deformation indices are compared, in pixels per 24 px."""

FAMILY_TITLES = {
    "all-shifts": "all shifts",
    "shifts": "shifts",
    "deformations": "deformations",
    "rotations": "rotations",
    "scales": "scales",
}

_COLOURS = "viridis"
_MAP_PIXELS = 400  # to which maps are enlarged, for many viewers blur pictures that they enlarge
_GRID = 6  # meshes a side of the grid that shows a deformation


def family_title(data: FamilyData) -> str:
    """Return what to call a family at its displacement or mask, in up to two lines."""
    title = FAMILY_TITLES.get(data.family, data.family)
    if data.delta is None:
        return f"{title}\n{data.mask} mask"
    return f"{title}\nδ = {data.delta:g} px"


def ratio(value: float) -> str:
    """Return an index in two decimals, which is as far as seeds agree; a dash for NaN."""
    if np.isnan(value):
        return "\N{EN DASH}"
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "\N{MINUS SIGN}")


def member_patches(layer: MeasuredLayer, data: FamilyData, unit: int, which) -> np.ndarray:
    """Return masked members of a unit's canvas, ``[k, 3, s, s]``: what the unit was shown.

    Parameters
    ----------
    layer, data
        The unit's layer, and the family.
    unit
        Its place in the layer.
    which
        Places of members, ``[k]``.
    """
    return _act(layer, data, unit, data.members[np.asarray(which)])


def unmoved_patch(layer: MeasuredLayer, data: FamilyData, unit: int) -> np.ndarray:
    """Return the masked middle of a unit's canvas, ``[1, 3, s, s]``, that members move.

    For families whose members are zero where nothing moves: not for shifts, which have directions.
    """
    return _act(layer, data, unit, np.zeros_like(data.members[:1]))


def _act(layer: MeasuredLayer, data: FamilyData, unit: int, members: np.ndarray) -> np.ndarray:
    family = get_family(data.family)(layer.size, data.delta)
    drawn = torch.as_tensor(members)
    if not isinstance(family, Warps):
        drawn = drawn.long()  # corners, which files hold as floats
    canvas = torch.as_tensor(data.canvases[unit][None])
    return (family.act(canvas, drawn)[0] * torch.as_tensor(data.masks[unit])).numpy()


def extremes(relative: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of up to `count` members that drive a unit most, and least.

    Most first, and least last; no member is in both.
    """
    order = np.argsort(-relative, kind="stable")
    count = min(count, len(order) // 2)
    return order[:count], order[len(order) - count :]


def show_canvas(
    canvas: Axes, picture: np.ndarray, patch: int, left: float, top: float, size: float
) -> None:
    """Show a canvas ``[3, side, side]``; a square at its centre is as large as the patch, in px."""
    show_patches(canvas, picture[None], left, top, size)
    side = size * patch / picture.shape[-1]
    x, y = left + (size - side) / 2, top + (size - side) / 2
    outline = [x, x + side, x + side, x, x], [y, y, y + side, y + side, y]
    for colour, width in (("black", 1.0), ("white", 0.5)):  # seen on dark and on bright
        canvas.plot(*outline, color=colour, lw=width, solid_joinstyle="miter")


def show_map(
    canvas: Axes, data: FamilyData, relative: np.ndarray, left: float, top: float, size: float
) -> None:
    """Show responses to all shifts, ``[members]`` relative to f_max, over the texture's corners.

    The horizontal axis is the shift to the right, the vertical one down, as in the texture.
    """
    corners = data.members.astype(int)
    values = np.full(corners.max(0) + 1, np.nan)
    values[tuple(corners.T)] = relative
    repeat = -(-_MAP_PIXELS // len(values))
    values = values.repeat(repeat, 0).repeat(repeat, 1)
    limits = canvas.get_xlim(), canvas.get_ylim()
    canvas.imshow(
        values,
        extent=(left, left + size, top + size, top),
        cmap=_COLOURS,
        vmin=0,
        vmax=1,
        interpolation="none",
        aspect="auto",
    )
    canvas.set(xlim=limits[0], ylim=limits[1])


def colour_bar(
    canvas: Axes, left: float, top: float, length: float, *, upright: bool = True
) -> None:
    """Draw the scale of `show_map`, its ends and middle labelled, in mm."""
    limits = canvas.get_xlim(), canvas.get_ylim()
    ramp = np.linspace(0, 1, 256)
    width = 1.8
    if upright:
        ramp, extent = ramp[::-1, None], (left, left + width, top + length, top)
    else:
        ramp, extent = ramp[None], (left, left + length, top + width, top)
    canvas.imshow(
        ramp, extent=extent, cmap=_COLOURS, vmin=0, vmax=1, interpolation="none", aspect="auto"
    )
    canvas.set(xlim=limits[0], ylim=limits[1])
    for value, text, va, ha in (
        (0, "≤ 0", "bottom", "left"),
        (0.5, "0.5", "center", "center"),
        (1, "1", "top", "right"),
    ):
        if upright:
            y = top + (1 - value) * length
            canvas.text(left + width + 0.7, y, text, size=LABEL, va=va)
        else:
            x = left + value * length
            canvas.text(x, top + width + 0.6, text, size=LABEL, ha=ha, va="top")


def show_grid(
    canvas: Axes,
    layer: MeasuredLayer,
    data: FamilyData,
    member: int | None,
    left: float,
    top: float,
    size: float,
) -> None:
    """Draw a square grid of the canvas over a member's picture, as the member bends it.

    Parameters
    ----------
    canvas
        Axes in mm.
    layer, data
        As for `member_patches`.
    member
        Its place; None for the canvas as it is.
    left, top, size
        Of the picture, in mm.
    """
    at = np.arange(layer.size)
    places = np.stack(np.meshgrid(at, at), -1).astype(float)
    if member is not None:
        family = get_family(data.family)(layer.size, data.delta)
        places += family.displacement(torch.as_tensor(data.members[[member]]))[0].double().numpy()
    x, y = (corner + (at + 0.5) * size / layer.size for corner in (left, top))
    # Lines of the canvas lie where its coordinates, as the member reads them, are round.
    levels = np.arange(1, _GRID) * layer.size / _GRID - 0.5
    style = {"colors": "white", "linewidths": 0.35, "linestyles": "solid", "alpha": 0.75}
    limits = canvas.get_xlim(), canvas.get_ylim()
    for axis in (0, 1):
        canvas.contour(x, y, places[..., axis], levels=levels, **style)
    canvas.set(xlim=limits[0], ylim=limits[1])


def deltas_of(units: pd.DataFrame, family: str) -> list[float]:
    """Return the displacements in the columns ``<family>_index_<delta>``, in rising order."""
    start = f"{family}_index_"
    return sorted(
        float(name.removeprefix(start)) for name in units.columns if name.startswith(start)
    )


def main_delta(deltas: Sequence[float]) -> float | None:
    """Return the displacement to compare at: 2, or the nearest to it; None without any."""
    return min(deltas, key=lambda delta: abs(delta - MAIN_DELTA), default=None)


def stays(units: pd.DataFrame) -> pd.Series:
    """Return which rows are units that were not left out."""
    if "left_out" not in units:
        return pd.Series(True, index=units.index)
    return units.left_out.isna() | (units.left_out == "")


def column(units: pd.DataFrame, name: str) -> pd.Series:
    """Return a column, NaN throughout where it is missing."""
    return units[name] if name in units else pd.Series(np.nan, index=units.index)


def left_out_note(count: int) -> str:
    """Return how many units are left out, and why, in two lines."""
    return f"{units_text(count)} left out:\nnot driven above zero"
