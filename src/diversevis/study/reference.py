"""The committed results that a run is checked against."""

from __future__ import annotations

from pathlib import Path

from diversevis.errors import UserError
from diversevis.measures import RESPONSE
from diversevis.results.formats import read_rows
from diversevis.study.layout import Layout
from diversevis.study.settings import Settings


def check_reference(settings: Settings, results: Path) -> None:
    """Check that a run's reference, if it has results, maximised the same measure.

    Parameters
    ----------
    settings
        Of the run.
    results
        Folder of the results of all scales.

    Raises
    ------
    UserError
        As `check_measures`.
    """
    if settings.reference is None:
        return
    path = Layout(settings.reference, results=results).table("units")
    if path.exists() and (rows := read_rows(path)):
        # Tables of the first edition do not say.
        other = rows[0].get("measure", RESPONSE)
        check_measures(settings.invariance.measure, other, settings.reference)


def check_measures(own: str, other: str, reference: str) -> None:
    """Raise `UserError` if a run's canvases maximised another measure than its reference's."""
    if own != other:
        raise UserError(
            f"{other}, the measure of the reference {reference}, for invariance.measure",
            own,
            "set that, or another reference, or null",
        )
