"""Members of verified archives, by exact name; nothing is unpacked to disk."""

from __future__ import annotations

import fnmatch
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from diversevis.errors import UserError, unknown_name

LARGEST = 1 << 31
"""Bytes that members may have together: an archive that says more is not unpacked into memory."""


def read_members(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return members of a tar or zip archive by their exact names.

    Parameters
    ----------
    path
        A verified archive.
    names
        Names of members, as the archive spells them.

    Raises
    ------
    UserError
        If the archive has no such member, or they are larger than `LARGEST`.
    """
    names = list(names)
    found: dict[str, bytes] = {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            known = archive.namelist()
            present = [name for name in names if name in known]
            _check_size(path, sum(archive.getinfo(name).file_size for name in present))
            found = {name: archive.read(name) for name in present}
    else:
        known, size = [], 0
        with tarfile.open(path) as archive:  # in the archive's order: its compression has no index
            for member in archive:
                known.append(member.name)
                if member.name in names and (file := archive.extractfile(member)):
                    _check_size(path, size := size + member.size)
                    found[member.name] = file.read()
                if len(found) == len(set(names)):
                    break
    for name in names:
        if name not in found:
            raise unknown_name("member", name, known, where=f" of {path}")
    return found


def _check_size(path: Path, size: int) -> None:
    if size > LARGEST:
        limit = f"members of {path} with at most {LARGEST:,} bytes"
        raise UserError(limit, f"{size:,} bytes", "use another archive")


def zip_members(path: Path, pattern: str) -> list[str]:
    """Return the sorted names of the members of a zip archive that match a shell pattern."""
    with zipfile.ZipFile(path) as archive:
        return sorted(fnmatch.filter(archive.namelist(), pattern))
