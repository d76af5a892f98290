"""Figures: drawing only, from arrays and tables that others computed.

Matplotlib is imported by the modules in here, never by this one: synthesis also runs where it is
not installed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diversevis.invariance.indices import Invariance
    from diversevis.synthesis.diverse import DiverseSets


def try_contact_sheet(path: Path | str, sets: DiverseSets) -> bool:
    """Draw and save the contact sheet of `sets` if matplotlib is there, and say whether it was.

    Without matplotlib a line on standard error says that the sheet is left out, and a sheet that
    an earlier run left at `path` goes, for it shows other images.

    Parameters
    ----------
    path
        Where to write it; the format follows the suffix.
    sets
        Sets of images to show.

    Raises
    ------
    UserError
        If `path` cannot be written.
    """
    path = Path(path)
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        path.unlink(missing_ok=True)
        print(f"{path.name} is left out: matplotlib is not installed", file=sys.stderr)
        return False
    from diversevis.figures.sheet import contact_sheet
    from diversevis.figures.style import save

    save(contact_sheet(sets), path)
    return True


def try_unit_figures(folder: Path | str, result: Invariance) -> bool:
    """Draw and save a figure of every unit if matplotlib is there, and say whether it was.

    Without matplotlib a line on standard error says that they are left out, and figures of the
    same units that an earlier run left in `folder` go, for they show other tests.

    Parameters
    ----------
    folder
        Where to write ``unit_<channel>.png``.
    result
        Transformation tests of a layer's units.

    Raises
    ------
    UserError
        If a file cannot be written.
    """
    paths = [Path(folder) / f"unit_{name}.png" for name in result.names]
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        for path in paths:
            path.unlink(missing_ok=True)
        print("figures of units are left out: matplotlib is not installed", file=sys.stderr)
        return False
    from diversevis.figures.invariance_data import from_result
    from diversevis.figures.style import save
    from diversevis.figures.unit import draw

    layer = from_result(result)
    for index, path in enumerate(paths):
        save(draw(layer, index), path)
    return True
