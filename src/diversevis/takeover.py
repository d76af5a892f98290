"""Snakemake's locks: one whose run is dead goes, one whose run lives is respected, and named.

A run that was killed leaves its lock, which does not say whose it is. So a run notes itself before
it locks anything.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import psutil

from diversevis.results.formats import write_json

_STATE = Path(".snakemake")


def note(scale: str, folder: Path = Path()) -> None:
    """Note this process as the one that runs a scale in `folder`, unless another one lives."""
    path = _owner(scale, folder)
    if not _lives(_noted(path)):
        about = {"pid": os.getpid(), "host": socket.gethostname()}
        write_json(path, {**about, "since": psutil.Process().create_time()})


def free(scale: str, folder: Path = Path()) -> str | None:
    """Remove the locks of a scale's run that is dead; return what is to be said, if anything.

    Parameters
    ----------
    scale
        Its name: locks of other scales' files are left alone.
    folder
        The working directory.
    """
    locks = [path for path in (folder / _STATE / "locks").glob("*.lock") if _is_of(path, scale)]
    if not locks:
        return None
    owner = _noted(_owner(scale, folder))
    if _lives(owner):
        return (
            f"{folder.resolve()} is locked by process {owner['pid']} on {owner['host']}, which "
            f"makes scale {scale}: wait until it has ended"
        )
    for path in locks:
        path.unlink(missing_ok=True)
    who = f"process {owner['pid']}" if owner else "the run that held it"
    return f"removed the lock of scale {scale}: {who} is no more"


def _owner(scale: str, folder: Path) -> Path:
    return folder / _STATE / "diversevis" / f"{scale}.json"


def _is_of(lock: Path, scale: str) -> bool:
    """Tell whether a lock is of files of a scale."""
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.startswith(f"results/{scale}/") for line in lines)


def _noted(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: content[name] for name in ("pid", "host", "since")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _lives(owner: dict[str, Any]) -> bool:
    """Tell whether a run lives that is not this one; of other machines there is no telling."""
    if not owner or owner["pid"] == os.getpid():
        return False
    if owner["host"] != socket.gethostname():
        return True
    try:
        return abs(psutil.Process(owner["pid"]).create_time() - owner["since"]) < 1
    except psutil.Error:
        return False
