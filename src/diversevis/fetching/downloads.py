"""Downloads that go on where they stopped, and are verified before they get their name."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import io
import os
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from diversevis.fetching.files import write_error
from diversevis.fetching.web import DIRECT, Route, failure_reason, open_url

if TYPE_CHECKING:
    from diversevis.fetching.sources import Source

_CHUNK = 1 << 18


class SourceError(Exception):
    """One source cannot serve its file, for the reason given; another one may."""


def download(
    source: Source, url: str, target: Path, *, progress: bool, route: Route = DIRECT
) -> None:
    """Download what `source` describes from `url` to `target`, by way of ``<target>.part``.

    Raises
    ------
    SourceError
        If that address does not serve the right file.
    UserError
        If the folder cannot be written, or its disk is full.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        # Without a buffer: one that is left full would be written, and fail, when it is closed.
        file = part.open("ab", buffering=0)
    except OSError as error:
        raise write_error(part, error) from error
    with file:
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if target.exists():  # another process was faster
            if problem := source.mismatch(target):
                raise SourceError(f"another process has put there a file with {problem}")
            return
        if not part.exists():
            raise SourceError("another process tried at the same time, and failed")
        try:
            _complete(source, url, part, file, progress=progress, route=route)
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(failure_reason(error)) from error
        finally:
            if os.fstat(file.fileno()).st_size == 0:
                part.unlink(missing_ok=True)
        if problem := source.mismatch(part):
            part.unlink()
            raise SourceError(f"served a file with {problem}")
        try:
            os.fsync(file.fileno())
            part.replace(target)
        except OSError as error:
            raise write_error(target, error) from error


def _complete(
    source: Source, url: str, part: Path, file: io.FileIO, *, progress: bool, route: Route
) -> None:
    start = os.fstat(file.fileno()).st_size
    if start and source.mismatch(part) is None:
        return
    resumed = _receive(source, url, file, start, progress=progress, route=route)
    if resumed and source.mismatch(part):  # the earlier part may have been of another file
        _receive(source, url, file, 0, progress=progress, route=route)


def _receive(
    source: Source, url: str, file: io.FileIO, start: int, *, progress: bool, route: Route
) -> bool:
    """Append what follows the first `start` bytes, or else start anew; return which it was."""
    try:
        response = open_url(url, start, route=route)
    except urllib.error.HTTPError as error:
        if not start or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        response = open_url(url, 0, route=route)
    with response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if not resumed:
            file.truncate(0)
            start = 0
        length = response.headers.get("Content-Length")
        end = start + int(length) if length else None
        bar = tqdm(
            desc=source.filename,
            initial=start,
            total=end or source.size,
            unit="B",
            unit_scale=True,
            disable=not progress,
        )
        with bar:
            received = start
            while chunk := response.read(_CHUNK):
                _append(file, chunk)
                bar.update(len(chunk))
                received += len(chunk)
                if source.size is not None and received > source.size:
                    file.truncate(0)  # else it could fill the disk
                    raise SourceError(f"served more than {source.size:,} bytes")
    if end is not None and received < end:
        raise SourceError(f"the connection ended after {received:,} of {end:,} bytes")
    return resumed


def _append(file: io.FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise write_error(Path(file.name), error) from error
