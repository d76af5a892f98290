"""Errors that a person can act on: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable
from typing import Any


class UserError(Exception):
    """Input or surroundings that the caller can put right.

    Parameters
    ----------
    expected, received, remedy
        What was expected, what came instead, and what to do about it; one phrase each.
    """

    def __init__(self, expected: str, received: str, remedy: str) -> None:
        super().__init__(expected, received, remedy)
        self.expected, self.received, self.remedy = expected, received, remedy

    def __str__(self) -> str:
        return f"expected {self.expected}\n     got {self.received}\n  remedy {self.remedy}"


class NonFiniteLossError(RuntimeError):
    """A loss became infinite or NaN during an optimisation."""


def whole_number(what: str, value: Any, *, least: int, most: int | None = None) -> int:
    """Return a whole number as an int, whatever type of whole number it is.

    Raises
    ------
    UserError
        If it is none (1.0 and true are none), or is beyond the limits.
    """
    # Truths count as 0 and 1 in Python, and are written otherwise in names and seeds.
    truth = isinstance(value, bool) or str(getattr(value, "dtype", "")).endswith("bool")
    try:
        number = least - 1 if truth else operator.index(value)
    except (TypeError, ValueError):
        number = least - 1
    if number < least or (most is not None and number > most):
        limits = f"at least {least}" if most is None else f"{least} to {most}"
        raise UserError(f"a whole number, {limits}, for {what}", _shown(value), "change it")
    return number


def real_number(
    what: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> float:
    """Return a finite number as a float.

    Raises
    ------
    UserError
        If it is none, or is beyond the limits.
    """
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = math.nan
    if not (math.isfinite(number) and least <= number <= most and above < number < below):
        bounds = {"at least": least, "above": above, "at most": most, "below": below}
        limits = " and ".join(f"{words} {b:g}" for words, b in bounds.items() if math.isfinite(b))
        raise UserError(f"a number {limits} for {what}", _shown(value), "change it")
    return number


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) < 80 else f"{text[:77]}..."


def nearest(name: str, choices: Iterable[str], most: int = 3) -> list[str]:
    """Return the entries of `choices` that look most like `name`, best first."""
    by_lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), by_lower, n=most, cutoff=0.5)
    return [by_lower[match] for match in found]


def unknown_name(kind: str, name: Any, choices: Iterable[str], *, where: str = "") -> UserError:
    """Return the error for a `name` that is none of the `choices`, with the nearest ones."""
    choices = list(choices)
    close = nearest(str(name), choices)
    remedy = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(choices)}"
    return UserError(
        f"the name of {'an' if kind[0] in 'aeiou' else 'a'} {kind}{where}",
        _shown(name),
        remedy if not close or len(choices) > 12 else f"{remedy} (known: {', '.join(choices)})",
    )
