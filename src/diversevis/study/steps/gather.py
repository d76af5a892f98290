"""Gather the parts of a layer's units: the same files as if all had been made at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from diversevis.errors import UserError
from diversevis.results.formats import write_rows
from diversevis.results.joining import join_sweeps, join_tables, join_tests
from diversevis.results.sets import SweepResult
from diversevis.results.tests import load_tests
from diversevis.study.freshness import read_record
from diversevis.study.parts import part_names, units_of_part

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes

_OF_ITSELF = (
    *("created", "settings", "reads", "files", "channels"),
    *("checkout", "code", "platform", "python", "packages"),
)
"""What the record of a part does not have from its step, or of all units."""


def sweep(reads: Reads, writes: Writes) -> dict[str, Any]:
    """Write ``arrays`` and ``table`` of the sweeps ``parts``, which ``records`` tell of."""
    more = _told(reads)
    join_sweeps([SweepResult.load(path) for path in _parts(reads)]).save(**writes)
    return more


def tests(reads: Reads, writes: Writes) -> dict[str, Any]:
    """Write ``arrays``, ``table``, ``peaks`` and ``families`` of the tests ``parts``."""
    more = _told(reads)
    join_tests(load_tests(_parts(reads))).save(**writes)
    return more


def table(reads: Reads, writes: Writes) -> dict[str, Any]:
    """Write the ``table`` of the tables ``parts``."""
    more = _told(reads)
    rows, columns = join_tables(_parts(reads))
    write_rows(writes["table"], rows, columns)
    return more


def _parts(reads: Reads) -> Sequence[Path]:
    return cast(Sequence[Path], reads["parts"])


def _told(reads: Reads) -> dict[str, Any]:
    """Return what the records of all parts tell, together.

    Raises
    ------
    UserError
        Unless each part has its share of the channels.
    """
    records = cast(Sequence[Path], reads["records"])
    made = [read_record(path) for path in records]
    channels = sorted({channel for one in made for channel in one.get("channels", [])})
    for path, name, one in zip(records, part_names(len(made)), made, strict=True):
        own, found = units_of_part(name, channels), one.get("channels", [])
        if found != own:
            raise UserError(
                f"in part {name} its share of all channels: {_few(own)}",
                f"{_few(found)} in {path}",
                "remove the folder of the parts, and make them anew",
            )
    told = {name: _together(name, made) for name in made[0] if name not in _OF_ITSELF}
    return {**told, "channels": channels, "parts": len(made)}


def _together(name: str, made: Sequence[Mapping[str, Any]]) -> Any:
    """Return what all records say; where they differ, as of devices, one after the other."""
    said = list({repr(one.get(name)): one.get(name) for one in made}.values())
    return said[0] if len(said) == 1 else " and ".join(map(str, said))


def _few(channels: Sequence[int]) -> str:
    text = ", ".join(map(str, channels[:5])) or "none"
    return f"{text} and so on" if len(channels) > 5 else text
