"""Pictures that synthesis and tests leave out where matplotlib is not installed."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests

if TYPE_CHECKING:
    from diversevis.synthesis.diverse import DiverseSets


def try_contact_sheet(
    path: Path | str,
    sets: ImageSets | DiverseSets | SweepResult,
    titles: Mapping[str, str] | None = None,
) -> bool:
    """Draw and save the contact sheet of `sets` if matplotlib is there, and say whether it was.

    Without matplotlib a line on standard error says that the sheet is left out.

    Parameters
    ----------
    path
        Where to write it; the format follows the suffix.
    sets
        Sets of images to show, or a sweep.
    titles
        What to call networks, by name; by default their names.

    Raises
    ------
    UserError
        If `path` cannot be written.
    """
    path = Path(path)
    if not _can_draw(f"{path.name} is left out"):
        return False
    from diversevis.figures import sheet, style

    with style.titles(titles or {}):
        style.save(sheet.contact_sheet(sets), path)
    return True


def try_unit_figures(
    folder: Path | str,
    tests: LayerTests,
    titles: Mapping[str, str] | None = None,
    *,
    channels: Collection[int] | None = None,
) -> bool:
    """Draw and save a figure of every unit if matplotlib is there, and say whether it was.

    Without matplotlib a line on standard error says that they are left out.

    Parameters
    ----------
    folder
        Where to write ``unit_<channel>.png``.
    tests
        Transformation tests of a layer's units.
    titles
        What to call networks, by name; by default their names.
    channels
        Those that are drawn; by default all of them.

    Raises
    ------
    UserError
        If a file cannot be written.
    """
    drawn = [c for c in tests.channels.tolist() if channels is None or c in channels]
    if not _can_draw("figures of units are left out"):
        return False
    from diversevis.figures import style, unit

    with style.titles(titles or {}):
        for channel in drawn:
            path = Path(folder) / f"unit_{channel}.png"
            style.save(unit.draw(tests, tests.channels.tolist().index(channel)), path)
    return True


def _can_draw(otherwise: str) -> bool:
    """Return whether matplotlib is installed; if not, say so."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        print(f"{otherwise}: matplotlib is not installed", file=sys.stderr)
        return False
    return True
