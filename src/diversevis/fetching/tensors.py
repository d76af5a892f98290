"""Named tensors in safetensors files that carry a digest of their content."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from diversevis.errors import UserError
from diversevis.fetching.files import atomic_path, make_directory, read_error

FORMAT_VERSION = "1"

Stored = tuple[dict[str, torch.Tensor], dict[str, str]]


class DamagedFileError(Exception):
    """A stored file is not what was written, or was written by another version."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a stored file has to be.

    Parameters
    ----------
    declared
        A digest of all that decides what its tensors are.
    digest
        That of its tensors, where known.
    keys
        What has to be recorded beside them.
    """

    declared: str | None = None
    digest: str | None = None
    keys: tuple[str, ...] = ()


ANYTHING = Expected()


def tensor_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return a SHA-256 over names, types, shapes and values, whatever order they are in."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].detach().cpu().contiguous().numpy()
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], about: dict[str, str]) -> Stored:
    """Write `tensors` to `path`, whole or not at all, and return them as they can be read.

    Parameters
    ----------
    path
        A ``.safetensors`` file.
    tensors
        Tensors by name.
    about
        What to record beside them; ``format_version`` and ``tensor_digest`` are added.

    Raises
    ------
    UserError
        If `path` cannot be written.
    """
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    about = {**about, "format_version": FORMAT_VERSION, "tensor_digest": tensor_digest(tensors)}
    content = safetensors.torch.save(tensors, about)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return tensors, about


def read_about(path: Path, expected: Expected = ANYTHING) -> dict[str, str] | None:
    """Return what is recorded in the file at `path`, or None if there is none.

    Parameters
    ----------
    path
        A ``.safetensors`` file.
    expected
        What it has to be.

    Raises
    ------
    DamagedFileError
        If it is not a whole file of this format version, or not what is expected.
    UserError
        If it cannot be read.
    """
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise read_error(path, error) from error
    except SafetensorError as error:
        raise DamagedFileError(f"{path} is damaged ({error})") from error
    if (version := about.get("format_version")) != FORMAT_VERSION:
        raise DamagedFileError(f"{path} has format version {version}, not {FORMAT_VERSION}")
    if expected.declared not in (None, about.get("declared")):
        difference = "was made for another declaration, or by an earlier version"
        raise DamagedFileError(f"{path} {difference}")
    if missing := [key for key in ("tensor_digest", *expected.keys) if key not in about]:
        raise DamagedFileError(f"{path} does not say its {', '.join(missing)}")
    if expected.digest not in (None, found := about["tensor_digest"]):
        raise DamagedFileError(f"{path} has tensors with digest {found}, not {expected.digest}")
    return about


def read_tensors(path: Path, expected: Expected = ANYTHING) -> Stored | None:
    """Return tensors and record of the file at `path`, or None if there is none; see `read_about`.

    Raises
    ------
    DamagedFileError
        If the tensors are not those that were written, or not those that are expected.
    UserError
        If it cannot be read.
    """
    about = read_about(path, expected)
    if about is None:
        return None
    try:
        tensors = safetensors.torch.load_file(path)
    except SafetensorError as error:
        raise DamagedFileError(f"{path} is damaged ({error})") from error
    if (digest := tensor_digest(tensors)) != about.get("tensor_digest"):
        raise DamagedFileError(f"the tensors in {path} have digest {digest}, not the recorded one")
    return tensors, about


def problem(path: Path, expected: Expected = ANYTHING, *, thorough: bool = False) -> str | None:
    """Return in words what is wrong with the file at `path`; None if nothing, or if there is none.

    Parameters
    ----------
    path
        A ``.safetensors`` file.
    expected
        What it has to be.
    thorough
        Whether to read the tensors, and compare their digest.
    """
    try:
        read_tensors(path, expected) if thorough else read_about(path, expected)
    except DamagedFileError as error:
        return f"{error}; it is made again when it is used"
    except UserError as error:
        return f"{path} cannot be read ({error.received}); {error.remedy}"
    return None


def stored_tensors(path: Path, make: Callable[[], Stored], expected: Expected = ANYTHING) -> Stored:
    """Return what is stored at `path`; where that is nothing usable, make it and store it first.

    Parameters
    ----------
    path
        A ``.safetensors`` file.
    make
        Makes the tensors, and what to record beside them.
    expected
        What it has to be; else it is not usable. The declaration is recorded.

    Raises
    ------
    UserError
        If `path` cannot be read or written.
    """
    try:
        stored = read_tensors(path, expected)
    except DamagedFileError as error:
        warnings.warn(f"{error}; it is made again", stacklevel=2)
        stored = None
    if stored is None:
        make_directory(path.parent)  # before anything is fetched
        tensors, about = make()
        record = {} if expected.declared is None else {"declared": expected.declared}
        stored = write_tensors(path, tensors, {**about, **record})
    return stored
