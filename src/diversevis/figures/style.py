"""How all figures look: theme, colours, labels, pictures placed in millimetres, saving."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diversevis.files import atomic_path
from diversevis.networks.registry import NETWORKS
from diversevis.stimuli.display import to_picture

PAGE_WIDTH = 180.0
"""Full width of a printed page, in mm."""

LABEL, TEXT, TITLE = 6.0, 6.5, 8.0
"""Font sizes in points: numbers at pictures, running text, titles."""

# Okabe & Ito's colours, told apart by readers of any colour vision.
RESTARTS, DIVERSE, NATURAL = "#0072B2", "#D55E00", "#007A5A"
INK, GREY, FAINT = "#1A1A1A", "#6B6B6B", "#D0D0D0"

_NETWORK_COLOURS = {"vgg19": "#882255", "resnet50": "#332288"}

_DPI = 300
_MOST_PIXELS = 30_000  # a side; Agg draws no more than 65,535, and memory goes with it
_MM = 1 / 25.4

_THEME = {
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


def network_title(name: str) -> str:
    """Return what to call a network in figures; its name if it is not registered."""
    return NETWORKS[name].title if name in NETWORKS else name


def network_colour(name: str) -> str:
    """Return a network's colour; variants of one architecture share theirs."""
    return _NETWORK_COLOURS.get(name.partition("-")[0], INK)


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


def page(height: float, width: float = PAGE_WIDTH) -> tuple[Figure, Axes]:
    """Return an empty figure and axes that cover it, in mm from its top left corner."""
    figure = Figure(figsize=(width * _MM, height * _MM))
    canvas = figure.add_axes((0, 0, 1, 1))
    canvas.set(xlim=(0, width), ylim=(height, 0))
    canvas.set_axis_off()
    return figure, canvas


def inset(figure: Figure, left: float, top: float, width: float, height: float, **kw) -> Axes:
    """Return new axes on a figure, placed in mm from its top left corner."""
    across, down = figure.get_size_inches() / _MM
    box = (left / across, 1 - (top + height) / down, width / across, height / down)
    return figure.add_axes(box, **kw)


def show_patches(
    canvas: Axes,
    patches: np.ndarray,
    left: float,
    top: float,
    size: float,
    *,
    gap: float = 0.5,
    per_row: int | None = None,
    faded: bool = False,
) -> None:
    """Show patches side by side, as crisp squares of equal printed size.

    Parameters
    ----------
    canvas
        Axes in mm, as `page` returns them.
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
    """
    pictures = to_picture(torch.as_tensor(np.asarray(patches))).numpy()
    # Repeated to print resolution, for many viewers blur pictures that they enlarge.
    repeat = max(1, -(-round(size * _MM * _DPI) // pictures.shape[1]))
    pictures = pictures.repeat(repeat, axis=1).repeat(repeat, axis=2)
    limits = canvas.get_xlim(), canvas.get_ylim()
    for index, picture in enumerate(pictures):
        row, column = divmod(index, per_row or len(pictures))
        x, y = left + column * (size + gap), top + row * (size + gap)
        canvas.imshow(
            picture,
            extent=(x, x + size, y + size, y),
            alpha=0.35 if faded else 1,
            interpolation="none",
            aspect="auto",
        )
    canvas.set(xlim=limits[0], ylim=limits[1])


def heading(
    canvas: Axes,
    left: float,
    bottom: float,
    width: float,
    text: str,
    colour: str,
    size: float = TEXT,
) -> None:
    """Write a column's heading over a bar of the column's colour, which ends at `bottom`, in mm."""
    bar = [left, left + width], [bottom - 0.3] * 2
    canvas.plot(*bar, color=colour, lw=1.2, solid_capstyle="butt")
    for above, line in enumerate(reversed(text.split("\n"))):
        y = bottom - 1.7 - 2.6 * above
        canvas.text(left, y, line, size=size, color=colour, weight="bold")


def dots_per_inch(figure: Figure) -> float:
    """Return the resolution to save a figure at: 300, less where that could not be drawn."""
    return min(_DPI, _MOST_PIXELS / max(figure.get_size_inches()))


def save(figure: Figure, *paths: Path | str) -> None:
    """Write a figure to files, each whole or not at all, without dates: equal figures, equal bytes.

    Figures made here belong to no global state, so that there is nothing to close.

    Parameters
    ----------
    figure
        What `page` began.
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
        with theme(), atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=metadata)
