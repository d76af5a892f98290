"""Results of parts of a layer's units, put together: as if all units had been made at once."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from diversevis.errors import UserError
from diversevis.results.formats import Array, read_rows
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests

_OF_SETS = ("network", "layer", "distance", "seed")
_OF_TESTS = ("network", "layer", "measure", "seed")
_OF_A_FAMILY = ("family", "delta", "mask", "members")
_OF_ROWS = ("family", "delta")
"""Columns that tell apart the rows which a table has of one unit."""


def join_sets(parts: Sequence[ImageSets], order: Sequence[int] | None = None) -> ImageSets:
    """Return sets of several parts as one.

    Parameters
    ----------
    parts
        Sets of different units that were made alike.
    order
        ``[units]``, places of the units among those of all parts, one part after the other; by
        default as their channels rise.

    Raises
    ------
    UserError
        Naming what two parts differ in, or a channel that is in two of them.
    """
    _check_alike(parts, _OF_SETS)
    return replace(parts[0], **_joined(parts, _order(parts, order), but=_OF_SETS))


def join_sweeps(parts: Sequence[SweepResult], order: Sequence[int] | None = None) -> SweepResult:
    """Return sweeps of several parts as one; all else as for `join_sets`."""
    _check_alike(parts, ("relative",))
    own = _joined(
        parts, _order([part.levels[0] for part in parts], order), but=("levels", "relative")
    )
    levels = zip(*(part.levels for part in parts), strict=True)
    return replace(parts[0], levels=tuple(join_sets(level, order) for level in levels), **own)


def join_tests(parts: Sequence[LayerTests], order: Sequence[int] | None = None) -> LayerTests:
    """Return tests of several parts as one; all else as for `join_sets`."""
    _check_alike(parts, _OF_TESTS)
    counts = sorted({len(part.families) for part in parts})
    if len(counts) > 1:
        raise _unlike("number of families", counts[0], counts[1])
    places = _order(parts, order)
    families = []
    for tests in zip(*(part.families for part in parts), strict=True):
        _check_alike(tests, _OF_A_FAMILY)
        families.append(replace(tests[0], **_joined(tests, places, but=_OF_A_FAMILY)))
    own = _joined(parts, places, but=(*_OF_TESTS, "families"))
    return replace(parts[0], families=tuple(families), **own)


def join_tables(parts: Sequence[Path]) -> tuple[list[dict[str, str]], list[str]]:
    """Return the rows of tables of several parts, and their columns.

    Rows are as in one table of all units: as channels rise, for one family and displacement after
    the other where there are rows of several.

    Raises
    ------
    UserError
        If one is no table or has other columns, or for a channel that is in two of them.
    """
    rows = [row for path in parts for row in read_rows(path)]
    columns = [_columns(path) for path in parts]
    for of_part in columns:
        if of_part != columns[0]:
            raise _unlike("columns", columns[0], of_part)
    groups = [tuple(row.get(name) for name in _OF_ROWS) for row in rows]
    first = {group: place for place, group in reversed(list(enumerate(groups)))}
    keys = [(first[group], int(row["channel"])) for group, row in zip(groups, rows, strict=True)]
    order = sorted(range(len(rows)), key=keys.__getitem__)
    _check_once([keys[place] for place in order])
    return [rows[place] for place in order], columns[0]


def _columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file), [])


def _order(parts: Sequence[ImageSets | LayerTests], order: Sequence[int] | None) -> Array:
    channels = np.concatenate([part.channels for part in parts])
    rising = np.argsort(channels, kind="stable")
    _check_once([(0, channel) for channel in channels[rising].tolist()])
    return rising if order is None else np.asarray(order)


def _joined(parts: Sequence[Any], order: Array, *, but: Sequence[str]) -> dict[str, Any]:
    """Return what parts have of each unit, of all units; what they have none of is left out."""
    names = [field.name for field in fields(parts[0]) if field.name not in but]
    found = {name: [getattr(part, name) for part in parts] for name in names}
    return {
        name: np.concatenate(values)[order]
        for name, values in found.items()
        if not any(value is None for value in values)
    }


def _check_alike(parts: Sequence[Any], names: Sequence[str]) -> None:
    for name in names:
        first, *others = (getattr(part, name) for part in parts)
        for other in others:
            if not np.array_equal(first, other):
                raise _unlike(name, first, other)


def _check_once(ordered: Sequence[tuple[int, Any]]) -> None:
    for one, after in itertools.pairwise(ordered):
        if one == after:
            wanted, remedy = "each channel in one part", "make the parts anew"
            raise UserError(wanted, f"{one[1]} in two", remedy)


def _unlike(what: str, *found: Any) -> UserError:
    both = " and ".join(" ".join(str(one).split())[:60] for one in found)
    return UserError(f"parts of the same {what}", both, "make all parts with the same settings")
