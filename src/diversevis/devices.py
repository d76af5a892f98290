"""Devices and precisions by the names that users give them."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import torch

from diversevis.errors import UserError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Precisions in which optimisation steps can be computed."""


def choose_device(name: str) -> torch.device:
    """Return the device called `name`: ``auto`` takes a GPU where there is one.

    Raises
    ------
    UserError
        If ``cuda`` is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("a CUDA device", "none that PyTorch can use", "take --device cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


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
    return sum(mallopt(name, value) for name, value in settings) == len(settings)


@contextlib.contextmanager
def exact_float32() -> Iterator[None]:
    """Compute in full float32.

    On a GPU, PyTorch rounds convolutions to TF32, and matrix products where the environment asks.
    """
    parts = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [part.allow_tf32 for part in parts]
    for part in parts:
        part.allow_tf32 = False
    try:
        yield
    finally:
        for part, allowed in zip(parts, before, strict=True):
            part.allow_tf32 = allowed
