"""Arrays and tables as files: whole or absent, with a kind and a version."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diversevis.errors import UserError
from diversevis.fetching.files import atomic_path, write_text

VERSION = 2
"""Of all formats in this package."""

Array = NDArray[Any]
_ABOUT = "about"


def write_arrays(
    path: Path | str, kind: str, arrays: Mapping[str, Array], about: Mapping[str, Any]
) -> None:
    """Write arrays as an uncompressed ``.npz``, whole or not at all.

    Parameters
    ----------
    path
        The file.
    kind
        What it holds, ``"sweep"`` for instance.
    arrays
        By name.
    about
        What goes with them, ready for JSON: names, seeds.
    """
    text = json.dumps({"kind": kind, "version": VERSION, **about})
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        content: dict[str, Any] = {**arrays, _ABOUT: np.array(text)}
        np.savez(file, **content)


def read_arrays(path: Path | str, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return arrays of `write_arrays`, and what goes with them.

    Raises
    ------
    UserError
        If there is no such file, it is damaged, or of another kind or version.
    """
    wanted = f"{kind} results of version {VERSION} in {path}"
    try:
        with np.load(path) as file:
            arrays = dict(file)
        about = json.loads(str(arrays.pop(_ABOUT)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(wanted, reason, "make the file anew") from error
    found = about.pop("kind", None), about.pop("version", None)
    if found != (kind, VERSION):
        raise UserError(wanted, f"{found[0]} of version {found[1]}", "make the file anew")
    return arrays, about


def write_rows(path: Path | str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV, floats with the seven digits that float32 holds."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _number(value) for name, value in row.items()} for row in rows)
    write_text(path, buffer.getvalue())


def read_rows(path: Path | str) -> list[dict[str, str]]:
    """Return the rows of a CSV file as they are written."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_json(path: Path | str, content: Any) -> None:
    """Write JSON for people and programs, whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path | str) -> Any:
    """Return the content of a JSON file; raise `UserError` if it is none."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"JSON in {path}", str(error), "make the file anew") from error


def place_in(channels: Array, channel: object) -> int | None:
    """Return the place of a channel among `channels` ``[units]``; None if it is not among them."""
    (found,) = np.nonzero(channels == channel)
    return int(found[0]) if len(found) else None


def _number(value: Any) -> Any:
    return f"{value:.7g}" if isinstance(value, float) else value
