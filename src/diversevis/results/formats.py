"""Arrays and tables as files: whole or absent, with a kind and a version."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diversevis.errors import UserError
from diversevis.fetching.files import atomic_path, write_text

VERSION = 3
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
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(wanted, reason, "make the file anew") from error
    found = about.pop("kind", None), about.pop("version", None)
    if found != (kind, VERSION):
        raise UserError(wanted, f"{found[0]} of version {found[1]}", "make the file anew")
    return arrays, about


@contextlib.contextmanager
def fitting(path: Path | str) -> Iterator[None]:
    """Turn what goes wrong in making sense of a file's content into a `UserError`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        wanted = f"arrays in {path} that belong together"
        raise UserError(wanted, f"{type(error).__name__}: {error}", "make the file anew") from error


def check_shapes(shapes: Mapping[str, tuple[int, ...]], **arrays: Array) -> None:
    """Raise `ValueError` unless arrays begin with these shapes, by name."""
    for name, shape in shapes.items():
        found = np.shape(arrays[name])
        if found[: len(shape)] != shape:
            raise ValueError(f"{name} of shape {found}, where {shape} begins the others'")


def write_rows(path: Path | str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV, floats with the seven digits that float32 holds."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _number(value) for name, value in row.items()} for row in rows)
    write_text(path, buffer.getvalue())


def read_rows(path: Path | str) -> list[dict[str, str]]:
    """Return the rows of a CSV file as they are written; raise `UserError` if it is none."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            text = file.read()
        if "\0" in text:
            raise ValueError("NUL in a text")
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"a table in {path}", str(error), "make the file anew") from error
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            wanted = f"as many cells as columns in row {number} of {path}"
            raise UserError(wanted, "more" if None in row else "fewer", "make the file anew")
    return rows


def write_json(path: Path | str, content: Any) -> None:
    """Write JSON for people and programs, whole or not at all."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: Path | str) -> Any:
    """Return the content of a JSON file; raise `UserError` if it is none."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"JSON in {path}", str(error), "make the file anew") from error


def place_in(channels: Array, channel: object) -> int | None:
    """Return the place of a channel among `channels` ``[units]``; None if it is not among them."""
    (found,) = np.nonzero(channels == channel)
    return int(found[0]) if len(found) else None


def _number(value: Any) -> Any:
    return f"{value:.7g}" if isinstance(value, float) else value
