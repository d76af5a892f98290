"""Folders that a user names: one set of files, the old or the new, and never the user's own.

The record in a folder lists the files that were made with it. Only these are ever replaced, and
only as they were made: what was changed since is the user's. New files are made in a folder inside;
once they are complete they are moved, which the next command goes on with if it is interrupted.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diversevis.errors import UserError
from diversevis.fetching.files import make_directory, write_error
from diversevis.results.formats import write_json
from diversevis.study.freshness import (
    as_recorded,
    changed,
    damaged,
    differences,
    file_digests,
    read_record,
)
from diversevis.study.locks import held

RECORD = "provenance.json"
_LOCK, _MAKING, _COMPLETE = ".diversevis.lock", ".diversevis-making", ".diversevis-complete"


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from a folder while the block runs.

    Parameters
    ----------
    folder
        Made if need be, and removed again if the block fails and it is empty.

    Raises
    ------
    UserError
        If another process is at it, or if it cannot be written.
    """
    made = _make(folder)
    try:
        with held(folder / _LOCK, str(folder), wait=False):
            with _writing(folder):
                if (folder / _COMPLETE).exists():
                    _move(folder / _COMPLETE, folder)
            yield
    except BaseException:
        with contextlib.suppress(OSError):  # it holds something: not ours to remove
            for path in made:
                path.rmdir()
        raise


@contextlib.contextmanager
def renewed(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield a folder to make files in; if the block succeeds they are the only ones in `folder`.

    The block has to leave a record, `RECORD`. Whatever else lies in `folder` stays as it is.

    Parameters
    ----------
    folder
        One that this process is `alone_in`.
    names
        Files that will be made, as far as is known.

    Raises
    ------
    UserError
        If it cannot be written, or if one of the files is there and no record says that it is ours:
        before the block runs, for `names`.
    """
    making, complete = folder / _MAKING, folder / _COMPLETE
    with _writing(folder):
        shutil.rmtree(making, ignore_errors=True)
        _check_foreign(folder, names)
        making.mkdir()
    try:
        yield making
        with _writing(folder):
            _list_files(making)
            _check_foreign(folder, (path.name for path in making.iterdir()))
            making.rename(complete)
            _move(complete, folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def channels_in(
    folder: Path, names: Iterable[str], settings: Mapping[str, Any], code: Mapping[str, str]
) -> list[int]:
    """Return the channels whose results lie in a folder, to which others can be added.

    Parameters
    ----------
    folder
        One that this process is `alone_in`.
    names
        Files without which there is nothing to add to.
    settings, code
        What the others are made with; but for ``channels``.

    Raises
    ------
    UserError
        If those there were made with other settings, or by other code.
    """
    made = read_record(folder / RECORD)
    if not made or damaged(folder / RECORD, [folder / name for name in names]):
        return []
    remedy = "name another folder with --out, or remove that set"
    found, asked = ({**of, "channels": []} for of in (made["settings"], as_recorded(settings)))
    if other := differences(found, asked):
        raise UserError(f"the settings of the set in {folder}", "; ".join(other), remedy)
    if other := changed(made["code"], code):
        raise UserError(f"the code of the set in {folder}", f"another {', '.join(other)}", remedy)
    channels: list[int] = made["settings"].get("channels", [])
    return channels


def tell_channels(record: Path, channels: Sequence[int]) -> None:
    """Let a record tell of all channels whose results lie with it."""
    made = read_record(record)
    made["settings"]["channels"] = list(channels)
    if "channels" in made:
        made["channels"] = list(channels)
    write_json(record, made)


def _make(folder: Path) -> list[Path]:
    """Make a folder with its parents; return those that were not there, the innermost first."""
    with _writing(folder):
        new = [path for path in (folder, *folder.parents) if not path.exists()]
        make_directory(folder)
    return new


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(folder, error) from error


def _check_foreign(folder: Path, names: Iterable[str]) -> None:
    ours = _ours(folder)
    if foreign := [n for n in names if n not in ours and (folder / n).exists()]:
        raise UserError(
            f"to make {foreign[0]} in {folder}",
            "a file of that name that was not made here, or was changed since",
            "move it elsewhere, or name another folder with --out",
        )


def _listed(folder: Path) -> list[str]:
    """Return the names of the files of the set in a folder, as its record lists them."""
    names = read_record(folder / RECORD).get("files", {})
    return [name for name in names if name not in ("", "..") and Path(name).name == name]


def _ours(folder: Path) -> set[str]:
    """Return the names of the files that may be replaced: as they were made, and the record."""
    record, names = folder / RECORD, _listed(folder)
    changed = damaged(record, [folder / name for name in names])
    return {*names, RECORD} - set(changed) if names else set()


def _list_files(making: Path) -> None:
    """Let the record list all files that were made with it."""
    record = making / RECORD
    files = sorted(path for path in making.iterdir() if path != record)
    write_json(record, {**read_record(record), "files": file_digests(files)})


def _move(complete: Path, folder: Path) -> None:
    """Let a complete set take the place of the set in `folder`; its record comes last."""
    if (complete / RECORD).exists():
        new = {path.name for path in complete.iterdir()} | set(_listed(complete))
        for name in _ours(folder) - new:
            (folder / name).unlink(missing_ok=True)
        (folder / RECORD).unlink(missing_ok=True)
        for path in sorted(complete.iterdir(), key=lambda path: path.name == RECORD):
            path.replace(folder / path.name)
    complete.rmdir()
