"""The verdict on each claim, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from diversevis.analysis.reproduction import summary_text
from diversevis.analysis.tables import read_frame

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decided"
_SHARE = "share of "


@dataclass(frozen=True)
class Verdict:
    """A claim, what was decided, and what it rests on.

    Parameters
    ----------
    claim, statement, verdict, figure
        As in the claim table; the verdict in words.
    measured
        What was measured, with intervals where there are any, and what was asked of it; one part
        each.
    """

    claim: str
    statement: str
    verdict: str
    measured: tuple[str, ...]
    figure: str


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits; words where there is none."""
    return "not measured" if pd.isna(value) else f"{value:.{digits}g}"


def between(value: float, low: float, high: float) -> str:
    """Return a value with its interval, if there is one."""
    shown = number(value)
    return shown if pd.isna(low) else f"{shown} ({number(low)} to {number(high)})"


def in_words(holds: object) -> str:
    """Return a verdict of the claim table in words."""
    if pd.isna(holds):
        return OPEN
    return HOLDS if str(holds) == "True" else FAILS  # columns with gaps are read as texts


def verdicts(claims: pd.DataFrame) -> list[Verdict]:
    """Return the verdict on each claim.

    Parameters
    ----------
    claims
        `diversevis.analysis.claims.claim_table`. Rows of single tests, of which there are many,
        are left to the pair table.
    """
    found = []
    for claim, rows in claims.groupby("claim", sort=True):
        first = rows.iloc[0]
        whole = rows[~rows.quantity.str.contains(": ")].to_dict("records")
        found.append(
            Verdict(
                claim,
                first.statement,
                in_words(first.holds),
                tuple(_parts(whole)),
                first.figure,
            )
        )
    return found


def _parts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what was measured, row by row; a share goes into the row of the count it belongs to."""
    shares = {row["quantity"]: row for row in rows}
    for row in rows:
        quantity, units = row["quantity"], int(row["units"])
        if quantity.removeprefix(_SHARE) in shares and quantity.startswith(_SHARE):
            continue
        share = shares.get(f"{_SHARE}{quantity}")
        if share is not None and units:
            value = f"{number(row['value'])} of {units}, a share of {_value(share)}"
        else:
            value = f"{_value(row)} ({units} units)"
        wanted = f"; wanted {row['criterion']}" if isinstance(row["criterion"], str) else ""
        yield f"{quantity}: {value}{wanted}"


def _value(row: Mapping[str, Any]) -> str:
    return between(row["value"], row["low"], row["high"])


def verdict_text(claims: pd.DataFrame) -> str:
    """Return all verdicts as text, a line a claim and one for each of its parts."""
    lines = ["Claims:"]
    for entry in verdicts(claims):
        lines.append(f"{entry.claim} {entry.verdict}: {entry.statement}")
        lines += [f"    {part}" for part in entry.measured]
    return "\n".join(lines)


def outcome(tables: Path, reference: str | None) -> Iterator[str]:
    """Yield the reproduction check and the verdicts of a run, as far as it has made them.

    Parameters
    ----------
    tables
        Folder of the run's tables.
    reference
        What it was checked against, in words.
    """
    check, claims = tables / "reproduction.csv", tables / "claims.csv"
    if check.exists():
        yield summary_text(read_frame(check), reference)
    if claims.exists():
        yield verdict_text(read_frame(claims))
