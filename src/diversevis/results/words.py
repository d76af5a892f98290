"""Units and numbers in words, for a line that says what a result is."""

from __future__ import annotations

from diversevis.results.formats import Array

_NAMED = 3
"""Units that a line names; of more it says how many there are."""


def short(value: float) -> str:
    """Return a number in three digits."""
    return f"{float(value):.3g}"


def listed(channels: Array) -> str:
    """Return units in words: ``units 21 and 187``."""
    names = [str(channel) for channel in channels.tolist()]
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    *before, last = names
    return f"units {', '.join(before)} and {last}" if before else f"unit {last}"
