"""The pictures of a result, whatever is in it, and their bytes: for people and notebooks."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from diversevis.figures import unit
from diversevis.figures.sheet import contact_sheet
from diversevis.figures.style import theme
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests

_MOST = 12
"""Units that are drawn: pages of hundreds open in no viewer."""

_DPI = 110  # of a screen; files have more


def figures_of(result: ImageSets | SweepResult | LayerTests) -> list[Figure]:
    """Return the contact sheet of the first units of a set, or a page for each of the first tested.

    Parameters
    ----------
    result
        As arrays.
    """
    if isinstance(result, LayerTests):
        return [unit.draw(result, place) for place in range(min(_MOST, len(result.channels)))]
    return [contact_sheet(result.take(result.channels[:_MOST].tolist()))]


def png_of(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG, at the resolution of a screen."""
    buffer = io.BytesIO()
    with theme():
        figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
