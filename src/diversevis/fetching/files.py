"""Files that are either whole or absent: cache location, atomic writes, digests."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from diversevis.errors import UserError

CACHE_VARIABLE = "DIVERSEVIS_CACHE"

_REMEDIES = {
    errno.ENOSPC: "free some disk space, then run the same command again",
    errno.EDQUOT: "free some of your disk quota, then run the same command again",
}


def cache_directory() -> Path:
    """Return the folder that keeps networks and photographs between runs.

    ``$DIVERSEVIS_CACHE`` where it is set, else ``diversevis`` in the user's cache folder. Does not
    create it.
    """
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "diversevis"


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
def output_directory(path: Path) -> Iterator[Path]:
    """Yield the folder `path`, made if need be; if the block fails, an empty one goes again."""
    make_directory(path)
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):  # it holds something: not ours to remove
            path.rmdir()
        raise


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place if the block succeeds.

    On any exception, an interrupt included, the temporary file goes and `path` stays as it was.

    Raises
    ------
    UserError
        If the folder is not writable or the disk is full.
    """
    path = Path(path)
    make_directory(path.parent)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
        )
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would hide results from colleagues
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
