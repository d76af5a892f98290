"""Draw what was measured: ``python -m benchmarks.figure results/benchmarks figures/benchmarks``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from benchmarks.measures import SHARE, STEP_TIME, UNIT_TIME
from benchmarks.quality import CONVERGED, ENOUGH, WITHIN
from benchmarks.ratios import TRUNK_SHARE
from diversevis.errors import UserError
from diversevis.figures.style import (
    DIVERSE,
    FAINT,
    GREY,
    INK,
    LABEL,
    NATURAL,
    RESTARTS,
    inset,
    new_page,
    number,
    percent,
    save,
    theme,
)

TABLES = ("steps", "transformations", "quality", "growth", "memory")
_HEIGHT = 209.0  # mm
_ROUND = [m * 10.0**e for e in range(-3, 4) for m in (1, 2, 5)]
_COLOURS = {"published loop": RESTARTS, "engine": DIVERSE, "trunk alone": NATURAL, "lucent": GREY}
_TESTS = "transformation test"


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw time per step, share of the trunk's throughput, time to quality, growth and memory.

    Parameters
    ----------
    tables
        The measures' tables, by name; panels of absent ones stay empty.
    """
    steps, growth = tables.get("steps"), tables.get("growth")
    with theme():
        figure, page = new_page(_HEIGHT)
        _steps(inset(figure, 33, 8, 55, 42), steps)
        _shares(inset(figure, 131, 8, 44, 42), steps, tables.get("transformations"))
        columns = [inset(figure, left, 69, 38, 40) for left in (48, 93, 138)]
        _quality(columns, tables.get("quality"))
        _memory(inset(figure, 48, 129, 40, 29), tables.get("memory"))
        _growth(inset(figure, 131, 129, 44, 29), growth, "units")
        _growth(inset(figure, 33, 179, 55, 20), growth, "images")
        _growth(inset(figure, 131, 179, 44, 20), growth, "layer")
        heads = (
            (2, 4, "a", "time per image and step"),
            (98, 4, "b", "throughput, relative to the trunk alone"),
            (2, 65, "c", "time to quality: sets against what the published loop converges to"),
            (2, 125, "d", "peak memory"),
            (98, 125, "e", "time against units"),
            (2, 175, "f", "time against images in a set"),
            (98, 175, "g", "time against receptive field"),
        )
        for x, y, letter, title in heads:
            page.text(x, y, f"{letter}  {title}", weight="bold", va="center")
    for axes in figure.axes:
        if axes.axison and not axes.has_data():
            axes.set_axis_off()
            axes.text(0, 1, "not measured", size=7, color=GREY, va="top", transform=axes.transAxes)
    return figure


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables that are in `folder`.

    Raises
    ------
    UserError
        If there is none.
    """
    found = {name: folder / f"{name}.csv" for name in TABLES}
    tables = {name: pd.read_csv(path) for name, path in found.items() if path.exists()}
    if not tables:
        raise UserError(f"measurements in {folder}", "none", "run make bench")
    return tables


def _steps(axes: Axes, table: pd.DataFrame | None) -> None:
    if table is None:
        return
    times = table[table.quantity == STEP_TIME]
    alone = times[times.contender == "trunk alone"]
    best = alone.loc[alone.groupby("dtype")["median"].idxmin()]
    order = ("lucent", "lucent, bare", "published loop", "engine", "trunk alone")
    shown = pd.concat([times[times.contender != "trunk alone"], best])
    shown = shown.assign(place=shown.contender.map(order.index))
    shown = shown.sort_values(["place", "dtype"], ascending=[True, False])
    labels = [
        f"{entry.contender}, {entry.dtype}"
        if entry.contender in ("engine", "trunk alone")
        else entry.contender
        for entry in shown.itertuples()
    ]
    _dots(axes, shown, labels, [_colour(name) for name in shown.contender])
    axes.set_xscale("log")
    _plain(axes.xaxis, _ROUND)
    axes.set_xlabel("milliseconds (median, quartiles)")
    axes.margins(x=0.12)


def _shares(axes: Axes, *tables: pd.DataFrame | None) -> None:
    given = [table[table.quantity == SHARE] for table in tables if table is not None]
    if not given:
        return
    shown = pd.concat(given)
    labels = [
        f"{entry.contender.removeprefix(f'{_TESTS}, ')}, {entry.dtype}"
        for entry in shown.itertuples()
    ]
    axes.axvline(TRUNK_SHARE, color=GREY, lw=0.5, ls=(0, (3, 2)))
    _dots(axes, shown, labels, [_colour(name) for name in shown.contender])
    axes.set(xlim=(0, max(1.05, 1.05 * shown["median"].max())))
    axes.set_xlabel(f"share, same precision (dashed: {percent(TRUNK_SHARE)})")


def _quality(columns: list[Axes], table: pd.DataFrame | None) -> None:
    """Draw one row per contender: seconds per unit, activation and distance."""
    if table is None:
        return
    loop = table.contender.isin([CONVERGED, WITHIN])
    places = np.arange(len(table))[::-1]
    for axes in columns:
        axes.grid(axis="x", color=FAINT, lw=0.4)
        axes.set_axisbelow(True)
        axes.set(ylim=(-0.6, len(table) - 0.2), yticks=places, yticklabels=[])
        axes.tick_params(axis="y", length=0)
        axes.spines.left.set_visible(False)
        axes.margins(x=0.12)
    names = table.contender.where(loop, "engine, " + table.contender)
    columns[0].set_yticklabels(names)
    for axes, wanted in zip(columns[1:], (ENOUGH, ENOUGH), strict=True):
        axes.axvline(wanted, color=GREY, lw=0.5, ls=(0, (3, 2)))
    for place, entry, is_loop in zip(places, table.itertuples(), loop, strict=True):
        # Of the loop the mean over units: the engine's is of all of them together.
        seconds = entry.mean if is_loop else entry.median
        shown = (
            (seconds, entry.low, entry.high),
            (entry.activation, entry.activation_low, entry.activation_high),
            (entry.distance, entry.distance_low, entry.distance_high),
        )
        colour = RESTARTS if is_loop else DIVERSE
        face = colour if entry.as_good else "white"
        for axes, (value, low, high) in zip(columns, shown, strict=True):
            axes.plot([low, high], [place] * 2, color=colour, lw=0.8)
            axes.plot(value, place, "o", mfc=face, mec=colour, mew=0.8, ms=4, zorder=3)
            _value(axes, value, place)
    columns[0].set_xscale("log")
    _plain(columns[0].xaxis, _ROUND)
    columns[0].set_xlabel("seconds per unit\n(lines: quartiles; filled: as good)")
    columns[1].set_xlabel(f"mean activation, ratio\n(lines: 95 %; wanted {ENOUGH:g})")
    columns[2].set_xlabel(f"smallest distance, ratio\n(lines: 95 %; wanted {ENOUGH:g})")


def _memory(axes: Axes, table: pd.DataFrame | None) -> None:
    if table is None:
        return
    nothing = table.contender == "nothing"
    shown = table[~nothing]
    labels = [
        f"{entry.contender.removeprefix(f'{_TESTS}, ')}, {entry.dtype}, {entry.patches}"
        for entry in shown.itertuples()
    ]
    places = np.arange(len(shown))[::-1]
    colours = [_colour(name) for name in shown.contender]
    axes.barh(places, shown["median"], height=0.6, color=colours)
    for place, value in zip(places, shown["median"], strict=True):
        axes.text(value, place, f" {value:.0f}", va="center", size=LABEL)
    for value in table[nothing]["median"]:
        axes.axvline(value, color=GREY, lw=0.5, ls=(0, (3, 2)))
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    axes.spines.left.set_visible(False)
    axes.margins(x=0.15)
    axes.set_xlabel("MiB, by precision and patches in all\n(dashed: PyTorch and the weights)")


def _growth(axes: Axes, table: pd.DataFrame | None, varied: str) -> None:
    if table is None:
        return
    shown = table[(table.varied == varied) & table.quantity.isin([STEP_TIME, UNIT_TIME])]
    across = {"units": "units", "images": "images", "layer": "size"}[varied]
    for contender, entries in shown.groupby("contender"):
        ordered = entries.sort_values(across)
        colour = _colour(contender)
        axes.vlines(ordered[across], ordered.low, ordered.high, color=colour, lw=0.6)
        axes.plot(ordered[across], ordered["median"], ".-", color=colour, lw=0.8, ms=4)
        if varied == "layer":
            first = ordered.iloc[0]
            above = contender == "engine"
            where = {"xytext": (0, 8 if above else -7), "textcoords": "offset points"}
            place = (first[across], first["median"])
            axes.annotate(contender, place, size=LABEL, color=colour, va="center", **where)
    if varied == "units":
        first = shown.sort_values("units").iloc[0]
        ends = np.array([shown.units.min(), shown.units.max()])
        axes.plot(ends, first["median"] * ends / ends[0], color=FAINT, lw=1.5, zorder=0)
    axes.set_xscale("log")
    _plain(axes.xaxis, sorted(shown[across].unique()))
    if varied == "images":
        axes.set_ylim(0, 1.25 * shown.high.max())
    else:
        axes.set_yscale("log")
        wide = shown.high.max() > 100 * shown.low.min()
        _plain(axes.yaxis, _ROUND[:: 3 if wide else 1])
    axes.set_ylabel("seconds" if varied == "units" else "ms per image\nand step")
    names = {"units": "units (grey: linear)", "images": "images", "layer": "patch, pixels"}
    axes.set_xlabel(names[varied], labelpad=1)
    axes.margins(x=0.08, y=0.25)


def _dots(axes: Axes, table: pd.DataFrame, labels: list[str], colours: list[str]) -> None:
    """Draw medians with quartiles, one row each from the top, with their values."""
    places = np.arange(len(table))[::-1]
    axes.grid(axis="x", color=FAINT, lw=0.4)
    axes.set_axisbelow(True)
    for place, entry, colour in zip(places, table.itertuples(), colours, strict=True):
        axes.plot([entry.low, entry.high], [place] * 2, color=colour, lw=1)
        axes.plot(entry.median, place, "o", color=colour, ms=4)
        _value(axes, entry.median, place)
    axes.set_yticks(places, labels)
    axes.set_ylim(-0.6, len(table) - 0.2)
    axes.tick_params(axis="y", length=0)
    axes.spines.left.set_visible(False)


def _value(axes: Axes, value: float, place: float) -> None:
    """Write a value above its mark."""
    where = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
    axes.annotate(number(value), (value, place), size=LABEL, color=INK, **where)


def _colour(contender: str) -> str:
    if contender.startswith(_TESTS):
        return INK
    return next((c for name, c in _COLOURS.items() if contender.startswith(name)), GREY)


def _plain(axis, ticks) -> None:
    """Label a logarithmic axis at `ticks`, as plain numbers."""
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def main(folder: str, target: str) -> int:
    """Draw the tables in `folder` to `target` with the suffixes png and pdf."""
    try:
        figure = draw(read(Path(folder)))
        save(figure, *(Path(target).with_suffix(suffix) for suffix in (".png", ".pdf")))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
