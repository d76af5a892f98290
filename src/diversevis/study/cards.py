"""Several GPUs of one machine: a job has one to itself."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from diversevis.errors import UserError
from diversevis.fetching.files import make_directory
from diversevis.study.locks import held

_POLL = 1.0
"""Seconds between two looks for a card that is free."""


@contextlib.contextmanager
def own_card(device: str, count: int | None = None) -> Iterator[str]:
    """Yield the device to compute on: of several cards one that no other job has, once there is.

    A scheduler that gives each job a card shows it no other one: there is nothing to choose. Nor is
    there where settings name the device: ``cuda:1`` or ``cpu``.

    Parameters
    ----------
    device
        As a run's settings name it.
    count
        Cards; by default those that PyTorch sees.
    """
    if count is None:
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device not in ("auto", "cuda") or count < 2:
        yield device
        return
    folder = make_directory(Path(tempfile.gettempdir()) / f"diversevis-cards-{os.getuid()}")
    locks = [folder / f"{name}.lock" for name in _names(count)]
    with contextlib.ExitStack() as stack:
        yield f"cuda:{_first_free(locks, stack)}"


def _first_free(locks: list[Path], stack: contextlib.ExitStack) -> int:
    """Return the number of a lock that is held from now on."""
    while True:
        for number, lock in enumerate(locks):
            with contextlib.suppress(UserError):
                stack.enter_context(held(lock, "something on this GPU", wait=False))
                return number
        time.sleep(_POLL)


def _names(count: int) -> list[str]:
    """Return what tells cards apart, whichever of them a process is shown."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return shown if len(shown) == count else [str(number) for number in range(count)]
