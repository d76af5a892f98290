"""Devices and precisions by the names that users give them."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator
from typing import Any

import torch

from diversevis.errors import UserError, unknown_name

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Precisions in which optimisation steps can be computed."""


def get_dtype(precision: str) -> torch.dtype:
    """Return the dtype of a precision; raise `UserError` with the nearest names otherwise."""
    if not isinstance(precision, str) or precision not in DTYPES:
        raise unknown_name("precision", precision, DTYPES)
    return DTYPES[precision]


def choose_device(name: str | torch.device) -> torch.device:
    """Return the device called `name`: ``auto``, ``cpu``, ``cuda`` or a GPU such as ``cuda:1``.

    ``auto`` takes a GPU where there is one. A device stands for its name.

    Raises
    ------
    UserError
        For another name, or a GPU that PyTorch cannot use.
    """
    if isinstance(name, torch.device):
        name = name.type if name.type == "cpu" else str(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [f"cuda:{number}" for number in range(count)]
    known = ("auto", "cpu", "cuda", *gpus)
    if name == "auto":
        return torch.device("cuda" if gpus else "cpu")
    if not isinstance(name, str):
        raise unknown_name("device", name, known)
    if re.fullmatch(r"cuda(:\d+)?", name) and (not gpus or name not in known):
        there = ", ".join(gpus) or "none that PyTorch can use"
        raise UserError(f"a CUDA device for {name}", there, f"take {gpus[0] if gpus else 'cpu'}")
    if name not in known:
        raise unknown_name("device", name, known)
    return torch.device(name)


_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # as in malloc.h
_GROWTH = 2**26  # bytes


def keep_memory() -> bool:
    """Let this process keep the memory that it frees, and tell whether it does.

    By default the C library gives the maps of an optimisation step back to the system after every
    step and takes them again page by page, which costs a fifth of the time on a CPU. Programs call
    this once, libraries should not. Does nothing where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, _GROWTH))
    done = [int(mallopt(name, value)) for name, value in settings]
    return all(done)


def give_memory_back() -> bool:
    """Return what this process has freed and kept to the system; tell whether there was any."""
    try:
        return bool(ctypes.CDLL(None).malloc_trim(0))
    except (AttributeError, OSError, TypeError):  # not glibc
        return False


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """Compute in full float32.

    On a GPU, PyTorch rounds convolutions to TF32, and matrix products where the environment asks.
    """
    parts: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [part.allow_tf32 for part in parts]
    for part in parts:
        part.allow_tf32 = False
    try:
        yield
    finally:
        for part, allowed in zip(parts, before, strict=True):
            part.allow_tf32 = allowed
