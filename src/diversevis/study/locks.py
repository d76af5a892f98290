"""Locks of files that one process at a time may make. They end with it, killed or not."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from diversevis.errors import UserError
from diversevis.fetching.files import make_directory, write_error

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems answer that know no locks: there, nobody is kept from anything."""


@contextlib.contextmanager
def held(path: Path, what: str, *, wait: bool) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; it is gone afterwards.

    Parameters
    ----------
    path
        Beside what is made.
    what
        It, in words.
    wait
        Wait for another process that holds it, which is said, or raise.

    Raises
    ------
    UserError
        If another process holds it and `wait` is false, or if `path` cannot be written.
    """
    make_directory(path.parent)
    try:
        file = _locked(path, what, wait=wait)
    except OSError as error:
        raise write_error(path, error) from error
    with file:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(path: Path, what: str, *, wait: bool) -> IO[str]:
    """Return the open lock file, locked, with this process's name in it."""
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            if not wait:
                file.close()
                remedy = "wait until it has ended, or name another folder"
                raise UserError(
                    f"to be alone in making {what}", f"{holder} at it", remedy
                ) from None
            print(f"{what}: waiting for {holder}", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        # Whoever held it has removed it: what was waited for is no longer at its place.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                break
        file.close()
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    return file
