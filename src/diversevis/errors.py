"""Errors that a person can act on: what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


def nearest(name: str, choices: Iterable[str], most: int = 3) -> list[str]:
    """Return the entries of `choices` that look most like `name`, best first."""
    by_lower = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(str(name).lower(), by_lower, n=most, cutoff=0.5)
    return [by_lower[match] for match in found]


def unknown_name(kind: str, name: str, choices: Iterable[str], *, where: str = "") -> UserError:
    """Return the error for a `name` that is none of the `choices`, with the nearest ones."""
    choices = list(choices)
    close = nearest(name, choices)
    remedy = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(choices)}"
    return UserError(
        f"the name of a {kind}{where}",
        repr(name),
        remedy if not close or len(choices) > 12 else f"{remedy} (known: {', '.join(choices)})",
    )
