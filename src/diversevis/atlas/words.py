"""What pages say in words, made of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from diversevis.analysis.conditions import BENDS, NEAR_PERFECT, NO, UNDECIDED, YES
from diversevis.figures.transforms import ratio
from diversevis.results.quantities import Quantity, column

KINDS = {
    "phase": "phase invariant",
    "deformation": "deformation invariant",
    "undecided": "undecided",
    "neither": "neither",
    "unknown": "not judged",
}
"""Kinds of units by the second edition, as filters name them and in words."""

_CONDITIONS = {"phase": NEAR_PERFECT, "deformation": BENDS}


def shown(value: Any, digits: int = 3) -> str:
    """Return a number in so many significant digits; a dash for what is not known."""
    if value is None or pd.isna(value):
        return "\N{EN DASH}"
    text = f"{float(value):#.{digits}g}".rstrip(".")
    if "e" in text:
        text = f"{float(value):.2e}" if abs(float(value)) < 1 else f"{float(value):.0f}"
    return text.replace("-", "\N{MINUS SIGN}")


def two(value: Any) -> str:
    """Return an index in two decimals; a dash for what is not known."""
    return ratio(float("nan") if value is None else float(value))


def kinds_of(judged: Mapping[str, str]) -> list[str]:
    """Return a unit's kinds, of the keys of `KINDS`, from what the second edition says of it."""
    said = {kind: judged.get(name, "") for kind, name in _CONDITIONS.items()}
    found = [kind for kind, answer in said.items() if answer == YES]
    if UNDECIDED in said.values():
        found.append("undecided")
    if found:
        return found
    return ["neither"] if set(said.values()) == {NO} else ["unknown"]


def kind_sentence(judged: Mapping[str, str], *, by_hand: bool) -> str:
    """Return what the criteria say of a unit."""
    parts = []
    for name, words in (
        (NEAR_PERFECT, "near perfectly phase invariant"),
        (BENDS, "invariant to deformations"),
    ):
        answer = judged.get(name, "")
        if answer == YES:
            parts.append(f"it is {words}")
        elif answer == NO:
            parts.append(f"it is not {words}")
        elif answer == UNDECIDED:
            parts.append(f"whether it is {words} is within its uncertainty")
    if not parts:
        return "No criterion was applied to it."
    text = f"By the criteria of the second edition {', and '.join(parts)}."
    return f"{text} It was picked by hand and has no say in the claims." if by_hand else text


def sentence(title: str, row: Mapping[str, Any], indices: Iterable[Quantity]) -> str:
    """Return what a unit is, in one sentence made of its numbers.

    Parameters
    ----------
    title
        Its network and layer.
    row
        Its row of the table of units.
    indices
        Quantities that are indices.
    """
    begin = f"A unit of {title} that sees {int(row['size'])} by {int(row['size'])} pixels"
    if row["left_out"]:
        return f"{begin}. It has no index: {row['left_out']}."
    parts = []
    for entry in indices:
        value = row.get(entry.name, math.nan)
        if pd.isna(value):
            continue
        linear = row.get(column(entry.index, "surrogate", entry.delta), math.nan)
        at = "" if entry.delta is None else f" of {entry.delta:g} px"
        beside = "" if pd.isna(linear) else f" (a linear unit would keep {two(linear)})"
        parts.append(f"{two(value)} over {plural(entry.family)}{at}{beside}")
    if not parts:
        return f"{begin}; none of its indices was measured."
    kept = "; ".join(parts)
    return f"{begin} and keeps this much of its best patch's effective contrast: {kept}."


def plural(family: str) -> str:
    """Return a family's name as a text has it."""
    return family.replace("-", " ")


def rank(value: float, others: Iterable[float]) -> tuple[int, int]:
    """Return the place of a value among others, 1 the highest, and how many there are."""
    known = [other for other in others if not math.isnan(other)]
    return 1 + sum(other > value for other in known), len(known)
