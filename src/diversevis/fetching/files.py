"""Files that are either whole or absent: cache location, atomic writes, digests."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from diversevis.errors import UserError

CACHE_VARIABLE = "DIVERSEVIS_CACHE"
OFFLINE_VARIABLE = "DIVERSEVIS_OFFLINE"

_REMEDIES = {
    errno.ENOSPC: "free some disk space, then run the same command again",
    errno.EDQUOT: "free some of your disk quota, then run the same command again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or choose another disk",
}
_TEMPORARY = ".unfinished-diversevis-"
"""How the names of unfinished files begin; those that nobody writes any more are removed."""


def cache_directory() -> Path:
    """Return the folder that keeps networks and photographs between runs, as an absolute path.

    ``$DIVERSEVIS_CACHE`` where it is set, else ``diversevis`` in the user's cache folder. Does not
    create it.

    Raises
    ------
    UserError
        If the name begins with ``~`` and there is no such user, or no working directory.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return _absolute(chosen, f"${CACHE_VARIABLE}")
    if base := os.environ.get("XDG_CACHE_HOME"):
        return _absolute(base, "$XDG_CACHE_HOME") / "diversevis"
    return _absolute("~/.cache", "the home folder") / "diversevis"


def is_offline() -> bool:
    """Tell whether nothing may be downloaded: ``$DIVERSEVIS_OFFLINE`` is set, and not 0."""
    return os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0")


def _absolute(name: str, said: str) -> Path:
    # pip and npm run in other folders: a relative name would mean another folder there.
    try:
        return Path(name).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        remedy = f"set ${CACHE_VARIABLE} to the full path of a folder"
        raise UserError(f"a folder in {said}", f"{name!r} ({error})", remedy) from error


def write_error(path: Path, error: OSError) -> UserError:
    """Return the message for a failed write to `path`."""
    remedy = _REMEDIES.get(
        error.errno or 0,
        f"choose a folder you may write to (the cache's is set by ${CACHE_VARIABLE})",
    )
    return UserError(f"to be able to write {path}", error.strerror or str(error), remedy)


def make_directory(path: Path) -> Path:
    """Create the folder `path` with its parents and return it; raise `UserError` if it can't be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    return path


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place if the block succeeds.

    On any exception, an interrupt included, the temporary file goes and `path` stays as it was.
    What a killed process has left goes with the next file that is written to the folder.

    Raises
    ------
    UserError
        If the folder is not writable or the disk is full.
    """
    path = Path(path)
    make_directory(path.parent)
    try:
        with _temporary(path.parent, f"-{path.name}") as temporary:
            yield temporary
            _flush(temporary)
            temporary.replace(path)
    except OSError as error:
        raise write_error(path, error) from error


@contextlib.contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """Yield a new folder in `folder` that goes whatever happens; raise `UserError` as above."""
    make_directory(folder)
    try:
        with _temporary(folder, is_folder=True) as temporary:
            yield temporary
    except OSError as error:
        raise write_error(folder, error) from error


@contextlib.contextmanager
def _temporary(folder: Path, suffix: str = "", *, is_folder: bool = False) -> Iterator[Path]:
    """Yield a new file or folder, locked as long as it is used, then remove it if it is there."""
    _sweep(folder)
    while True:
        if is_folder:
            path = Path(tempfile.mkdtemp(suffix, _TEMPORARY, folder))
            try:
                handle = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
        else:
            handle, name = tempfile.mkstemp(suffix, _TEMPORARY, folder)
            path = Path(name)
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists():  # else another process took it for a leftover before it was locked
            break
        os.close(handle)
    try:
        if not is_folder:
            path.chmod(0o666 & ~_umask())  # mkstemp's 0600 would hide results from colleagues
        yield path
    finally:
        _remove(path)
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what killed processes have left: a lock goes with the process that holds it."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):  # in use, gone, not ours, or no locks here
            # Over a network, an exclusive lock on a file needs the right to write.
            handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
            finally:
                os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _flush(path: Path) -> None:
    """Bring a file to the disk: else a power cut can leave an empty one under its final name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_error(path: Path, error: OSError) -> UserError:
    """Return the message for a failed read of `path`."""
    remedy = "make it readable, or move it out of the way"
    return UserError(f"to be able to read {path}", error.strerror or str(error), remedy)


def file_digest(path: Path, algorithm: str) -> str:
    """Return a digest of a file, in hexadecimal; `algorithm` as `hashlib` names it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return file_digest(path, "sha256")


def known_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, read once by a process as long as the file does not change.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    about = path.stat()
    # What changes whenever a file does; the time of its last change cannot be set back.
    stamp = about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
    return _sha256(path, *stamp)


@functools.cache
def _sha256(path: Path, *_stamp: int) -> str:
    return file_sha256(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
