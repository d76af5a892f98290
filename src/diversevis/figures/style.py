"""How all figures look: theme, colours, labels, pictures placed in millimetres, saving."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from PIL import Image

from diversevis.fetching.files import atomic_path
from diversevis.results.formats import read_rows

PAGE_WIDTH = 180.0
"""Full width of a printed page, in mm."""

LABEL, TEXT, TITLE = 6.0, 6.5, 8.0
"""Font sizes in points: numbers at pictures, running text, titles."""

# Okabe & Ito's colours, told apart by readers of any colour vision.
RESTARTS, DIVERSE, NATURAL, PIXELS = "#0072B2", "#D55E00", "#007A5A", "#B0619A"
INK, GREY, FAINT = "#1A1A1A", "#6B6B6B", "#D0D0D0"

# Wine and teal: as far apart in lightness as in hue, so that they differ in grey, too.
_NETWORK_COLOURS = {"vgg19": "#882255", "resnet50": "#1B96A8"}
_OTHER_COLOURS = (INK, "#C97B00", "#5B6FB5")

_TITLES: ContextVar[Mapping[str, str]] = ContextVar("titles")
_ENTRIES = 5  # entries of a legend, before its next line begins
_LINEAR = 6.0  # ratios of up to so much need no logarithmic axis
_BOLD, _PLAIN = 1.62, 1.35  # mm, about the width of a letter in a title and in a note
_DPI = 300
_MOST_PIXELS = 30_000  # a side; Agg draws no more than 65,535, and memory goes with it
_MM = 1 / 25.4

_THEME: Any = {
    # Comes with matplotlib, so that a figure looks the same on every machine.
    "font.family": "DejaVu Sans",
    "font.size": TEXT,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.titlesize": TEXT,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": LABEL,
    "ytick.labelsize": LABEL,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.pad": 1.5,
    "ytick.major.pad": 1.5,
    "lines.linewidth": 0.75,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Text stays text, pictures stay at their own resolution.
    "pdf.fonttype": 42,
    "image.composite_image": False,
}


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Apply the theme within the block; matplotlib's settings are untouched outside it."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a user's matplotlibrc says
        mpl.rcParams.update(_THEME)
        yield


@contextlib.contextmanager
def titles(of_networks: Mapping[str, str]) -> Iterator[None]:
    """Call networks by these titles, by name, in figures that are drawn within the block."""
    token = _TITLES.set(of_networks)
    try:
        yield
    finally:
        _TITLES.reset(token)


def read_titles(path: Path | str) -> dict[str, str]:
    """Return titles by name from the table of networks, for `titles`."""
    return {row["name"]: row["title"] for row in read_rows(path)}


def network_title(name: str) -> str:
    """Return what to call a network in figures; its name where `titles` has none."""
    return _TITLES.get({}).get(name, name)


def network_colour(name: str) -> str:
    """Return a network's colour; variants of one architecture, and nulls, share theirs.

    Networks that are not built in have others, in the order of `titles`.
    """
    base, *named = (re.split("[-+]", known)[0] for known in (name, *_TITLES.get({})))
    if base in _NETWORK_COLOURS:
        return _NETWORK_COLOURS[base]
    others = list(dict.fromkeys([known for known in named if known not in _NETWORK_COLOURS]))
    place = others.index(base) if base in others else 0
    return _OTHER_COLOURS[place % len(_OTHER_COLOURS)]


def number(value: float) -> str:
    """Return a number in three digits, two if below 0.1, with a true minus; a dash for NaN."""
    if np.isnan(value):
        return "\N{EN DASH}"
    if value == 0:
        return "0"
    size = abs(value)
    text = f"{value:.0f}" if size >= 100 else f"{value:#.{3 if size >= 0.1 else 2}g}"
    return text.rstrip(".").replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """Return a share, such as 0.9, as ``90 %``."""
    return f"{100 * share:.3g} %".replace("-", "\N{MINUS SIGN}")


def new_page(height: float, width: float = PAGE_WIDTH) -> tuple[Figure, Axes]:
    """Return an empty figure and axes that cover it, in mm from its top left corner."""
    figure = Figure(figsize=(width * _MM, height * _MM))
    page = figure.add_axes((0, 0, 1, 1))
    page.set(xlim=(0, width), ylim=(height, 0))
    page.set_axis_off()
    return figure, page


def inset(figure: Figure, left: float, top: float, width: float, height: float, **kw) -> Axes:
    """Return new axes on a figure, placed in mm from its top left corner."""
    across, down = figure.get_size_inches() / _MM
    box = (left / across, 1 - (top + height) / down, width / across, height / down)
    return figure.add_axes(box, **kw)


def to_picture(patches: np.ndarray) -> np.ndarray:
    """Return patches ``[..., 3, h, w]`` as pictures, ``[..., h, w, 3]`` bytes: 128 added."""
    levels = np.rint(np.clip(np.asarray(patches) + 128, 0, 255)).astype(np.uint8)
    return np.moveaxis(levels, -3, -1)


def show_patches(
    page: Axes,
    patches: np.ndarray,
    left: float,
    top: float,
    size: float,
    *,
    gap: float = 0.5,
    per_row: int | None = None,
    faded: bool = False,
    colours: int | None = None,
) -> None:
    """Show patches side by side, as crisp squares of equal printed size.

    Parameters
    ----------
    page
        Axes in mm, as `new_page` returns them.
    patches
        ``[n, 3, s, s]``, patch units.
    left, top
        Corner of the first picture, in mm.
    size, gap
        Side of a picture, and space between two, in mm.
    per_row
        Pictures in a row before the next begins; by default all.
    faded
        Show them pale.
    colours
        Most colours of all these pictures, at most 256, chosen to suit them: small files where
        there are thousands of pictures. By default they are exact.
    """
    pictures = to_picture(patches)
    if colours is not None:
        pictures = _reduced(pictures, colours)
    # Repeated to print resolution, for many viewers blur pictures that they enlarge.
    repeat = max(1, -(-round(size * _MM * _DPI) // pictures.shape[1]))
    pictures = pictures.repeat(repeat, axis=1).repeat(repeat, axis=2)
    limits = page.get_xlim(), page.get_ylim()
    for index, picture in enumerate(pictures):
        row, column = divmod(index, per_row or len(pictures))
        x, y = left + column * (size + gap), top + row * (size + gap)
        page.imshow(
            picture,
            extent=(x, x + size, y + size, y),
            alpha=0.35 if faded else 1,
            interpolation="none",
            aspect="auto",
        )
    page.set(xlim=limits[0], ylim=limits[1])


def _reduced(pictures: np.ndarray, colours: int) -> np.ndarray:
    """Return pictures ``[n, h, w, 3]`` in so many colours in all."""
    column = Image.fromarray(pictures.reshape(-1, *pictures.shape[2:]))
    method, dither = Image.Quantize.FASTOCTREE, Image.Dither.NONE
    reduced = column.quantize(colours, method=method, dither=dither).convert("RGB")
    return np.asarray(reduced).reshape(pictures.shape)


def heading(
    page: Axes,
    left: float,
    bottom: float,
    width: float,
    text: str,
    colour: str,
    size: float = TEXT,
) -> None:
    """Write a column's heading over a bar of the column's colour, which ends at `bottom`, in mm."""
    bar = [left, left + width], [bottom - 0.3] * 2
    page.plot(*bar, color=colour, lw=1.2, solid_capstyle="butt")
    for above, line in enumerate(reversed(text.split("\n"))):
        y = bottom - 1.7 - 2.6 * above
        page.text(left, y, line, size=size, color=colour, weight="bold")


def panel_title(
    page: Axes, left: float, top: float, width: float, title: str, note: str = ""
) -> None:
    """Write a panel's title above its top left corner and a note at its right one, in mm.

    The note stands above the panel, or within where there is no room; the panel has no background.
    """
    page.text(left, top - 2, title, weight="bold")
    room = width - _BOLD * len(title) - _PLAIN * len(note) > 0
    style: dict[str, Any] = {"size": LABEL, "color": GREY, "ha": "right"}
    page.text(left + width, top - 2 if room else top + 2.2, note, **style)


def strip(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Return axes whose ordinate is the page's, in mm, so that marks align with rows of pictures.

    They have no vertical scale, and text of the page shows through.
    """
    axes = inset(figure, left, top, width, height)
    axes.set(ylim=(top + height, top), yticks=[])
    axes.patch.set_visible(False)
    axes.spines["left"].set_visible(False)
    return axes


def legend(page: Axes, entries: Sequence[tuple[Artist, str]], at: float = 0.0) -> None:
    """Write a legend across the page, `at` a height, as a share from below."""
    page.legend(
        *zip(*entries, strict=True),
        loc="lower center",
        bbox_to_anchor=(0.5, at),
        ncols=min(len(entries), _ENTRIES),
        fontsize=LABEL,
        frameon=False,
        handlelength=2,
        columnspacing=1.5,
        borderaxespad=0.2,
    )


def ratio_scale(axes: Axes, largest: float) -> None:
    """Scale the vertical axis of ratios around 1, logarithmically where they span a lot."""
    if largest > _LINEAR:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def lines_of(names: Sequence[Any], most: int) -> list[list[Any]]:
    """Return names in as few lines of at most `most` as hold them, equally long but for the last.

    Names are layers, or panels of any kind, that stand beside each other.
    """
    length = -(-len(names) // -(-len(names) // most)) if names else most
    return [list(names[begin : begin + length]) for begin in range(0, len(names), length)]


def evenly(count: int, most: int) -> list[int]:
    """Return up to `most` places among `count`, evenly spaced from the first to the last."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))})


def thin(count: int) -> dict[str, Any]:
    """Return the style of one of `count` lines that lie on each other: the paler, the more."""
    return {"lw": 0.5, "alpha": max(0.08, min(0.6, 5 / count)) if count else 0.6}


def units_text(count: int) -> str:
    """Return ``1 unit``, or ``2 units``."""
    return f"{count} unit{'s' * (count != 1)}"


def dots_per_inch(figure: Figure) -> float:
    """Return the resolution to save a figure at: 300, less where that could not be drawn."""
    return min(_DPI, _MOST_PIXELS / max(figure.get_size_inches()))


def save(figure: Figure, *paths: Path | str) -> None:
    """Write a figure to files, each whole or not at all, without dates: equal figures, equal bytes.

    Figures made here belong to no global state, so that there is nothing to close.

    Parameters
    ----------
    figure
        What `new_page` began.
    *paths
        Files; the format follows the suffix. Pictures have 300 dpi, less for very long figures.

    Raises
    ------
    UserError
        If a file cannot be written.
    """
    dpi = dots_per_inch(figure)
    for path in map(Path, paths):
        kind = path.suffix.removeprefix(".").lower()
        metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}}.get(kind)
        options: dict[str, Any] = {"pil_kwargs": {"optimize": True}} if kind == "png" else {}
        with theme(), atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=metadata, **options)


def save_pages(figures: Iterable[Figure], path: Path | str) -> None:
    """Write figures to the pages of one PDF, whole or not at all, without dates.

    Parameters
    ----------
    figures
        One per page; each is drawn before the next is asked for.
    path
        The file.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    with (
        theme(),
        atomic_path(Path(path)) as temporary,
        PdfPages(temporary, metadata={"CreationDate": None}) as pages,
    ):
        for figure in figures:
            pages.savefig(figure, dpi=_DPI)
