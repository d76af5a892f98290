"""The verdict on each claim, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from diversevis.analysis.calibration import calibration_text
from diversevis.analysis.claim_parts import (
    BESIDE,
    CONFIRMATION,
    DECIDES,
    FIRST,
    SECOND,
    SHARE,
)
from diversevis.analysis.reproduction import summary_text
from diversevis.analysis.tables import groups_of, read_frame, rows_of

HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"

EDITIONS = {
    FIRST: "first edition (responses over the peak)",
    SECOND: "second edition (effective contrast)",
    CONFIRMATION: "confirmation (the second edition's criteria)",
}
"""What editions are called, with what their indices are made of."""


@dataclass(frozen=True)
class Verdict:
    """A claim, what was decided, and what it rests on.

    Parameters
    ----------
    edition, claim, statement, verdict, figure, note
        As in the claim table; the verdict in words.
    measured
        What was measured, with intervals where there are any, what was asked of it, and why that
        cannot be decided where it cannot; one part each.
    met
        How many of these parts are met.
    beside
        What else was measured, without a say.
    """

    edition: str
    claim: str
    statement: str
    verdict: str
    measured: tuple[str, ...]
    met: int
    beside: tuple[str, ...]
    figure: str
    note: str


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits; words where there is none."""
    return "not measured" if pd.isna(value) else f"{value:.{digits}g}"


def between(value: float, low: float, high: float) -> str:
    """Return a value with its interval, if there is one."""
    shown = number(value)
    return shown if pd.isna(low) else f"{shown} ({number(low)} to {number(high)})"


def in_words(holds: Any) -> str:
    """Return a verdict of the claim table in words."""
    if pd.isna(holds):
        return OPEN
    return HOLDS if str(holds) == "True" else FAILS  # columns with gaps are read as texts


def verdicts(claims: pd.DataFrame) -> list[Verdict]:
    """Return the verdict on each claim, edition by edition.

    Parameters
    ----------
    claims
        `diversevis.analysis.claims.claim_table`. Rows of single tests, of which there are many,
        are left to the pair table.
    """
    found = []
    for (edition, claim), group in groups_of(claims, "edition", "claim"):
        rows = list(rows_of(group))
        first = rows[0]
        found.append(
            Verdict(
                edition,
                claim,
                first.statement,
                in_words(first.holds),
                tuple(_parts(rows, DECIDES)),
                sum(row.kind == DECIDES and str(row.met) == "True" for row in rows),
                tuple(_parts(rows, BESIDE)),
                first.figure,
                first.note,
            )
        )
    return found


def _parts(rows: Sequence[Any], kind: str) -> Iterator[str]:
    """Yield what rows of a kind say; a share goes where the count it belongs to is."""
    shares = {row.part: row for row in rows if row.kind == SHARE}
    for row in rows:
        if row.kind != kind:
            continue
        share = shares.get(row.part)
        if share is not None and row.units:
            value = f"{number(row.value)} of {row.units}, a share of {_value(share)}"
        else:
            value = f"{_value(row)} ({row.units} units)"
        reason = f"; {OPEN}: {row.reason}" if row.reason else ""
        asked = f"; wanted {row.criterion}{reason}" if kind == DECIDES else ""
        yield f"{row.quantity}: {value}{asked}"


def _value(row: Any) -> str:
    return between(row.value, row.low, row.high)


def verdict_text(claims: pd.DataFrame) -> str:
    """Return all verdicts as text, edition by edition, a line per claim and per part of it."""
    lines = []
    for (edition, note), entries in groupby(verdicts(claims), lambda v: (v.edition, v.note)):
        about = f"Claims, {EDITIONS[edition]}"
        lines.append(f"{about}, {note}:" if note else f"{about}:")
        for entry in entries:
            lines.append(f"{entry.claim} {entry.verdict}: {entry.statement}")
            lines += [f"    {part}" for part in entry.measured]
            lines += [f"    beside: {part}" for part in entry.beside]
    return "\n".join(lines)


def outcome(tables: Path, reference: str | None) -> Iterator[str]:
    """Yield the reproduction check, calibration and verdicts of a run, as far as it has made them.

    Parameters
    ----------
    tables
        Folder of the run's tables.
    reference
        What it was checked against, in words.
    """
    check, calibration, claims = (
        tables / f"{name}.csv" for name in ("reproduction", "calibration", "claims")
    )
    if check.exists():
        yield summary_text(read_frame(check), reference)
    if calibration.exists():
        yield calibration_text(read_frame(calibration), reference)
    if claims.exists():
        yield verdict_text(read_frame(claims))
