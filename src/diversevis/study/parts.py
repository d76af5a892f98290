"""Parts of a layer's units: what they are called, which units each has, which lie in a folder."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from diversevis.errors import UserError

if TYPE_CHECKING:
    from diversevis.study.layout import Layout
    from diversevis.study.settings import Layer, Settings

T = TypeVar("T")
MOST = 1000
"""Parts of a layer."""


def part_names(count: int) -> list[str]:
    """Return what parts are called, ``"1-of-3"`` and so on."""
    return [f"{number}-of-{count}" for number in range(1, count + 1)]


def read_part(text: str) -> tuple[str, int]:
    """Return a part's name and how many there are, of a text such as ``"2/8"``.

    Raises
    ------
    UserError
        Unless it is one of so many parts.
    """
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    number, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= count <= MOST:
        wanted = f"one of at most {MOST} parts, 1/8 to 8/8 for instance"
        raise UserError(wanted, repr(text[:40]), "name a part that there is")
    return f"{number}-of-{count}", count


def units_of_part(part: str, units: Sequence[T]) -> list[T]:
    """Return the units of a part: every so many, so that all parts have about as many."""
    number, _, count = part.partition("-of-")
    return list(units[int(number) - 1 :: int(count)])


def check_split(layout: Layout, settings: Settings) -> None:
    """Check that parts in a folder of results are of the split that the settings ask for.

    Raises
    ------
    UserError
        Naming both splits of the first layer with another one.
    """
    for layer, found in splits(layout).items():
        if layer not in settings.every_layer:
            continue
        wanted = settings.parts_of(*layer)
        if others := [count for count in found if count != wanted]:
            raise UserError(
                f"{' '.join(layer)} in {wanted} parts",
                f"parts of {others[0]} in {found[others[0]]}",
                f"go on with units.parts: {others[0]}, or remove {layout.parts}",
            )


def splits(layout: Layout) -> dict[Layer, dict[int, Path]]:
    """Return how many parts there are of each layer, by the parts in a folder, and one of each."""
    found: dict[Layer, dict[int, Path]] = defaultdict(dict)
    for path in sorted(layout.parts.glob("*-of-*/*/*/*")):
        count = path.relative_to(layout.parts).parts[0].partition("-of-")[2]
        if count.isdecimal() and path.is_dir():
            found[path.parts[-2], path.parts[-1]].setdefault(int(count), path)
    return dict(found)
