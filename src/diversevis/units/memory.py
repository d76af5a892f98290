"""How much memory is free, and the refusal of requests that take more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

from diversevis.devices import give_memory_back
from diversevis.errors import UserError

CPU = torch.device("cpu")

_SYSTEM = Path("/")
_CGROUPS = {
    "": ("sys/fs/cgroup", "memory.max", "memory.current"),
    "memory": ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Where version 2, which has no name, and version 1 say how much a group of processes may take."""


def require(needed: int, what: str, remedy: str, device: torch.device = CPU) -> None:
    """Raise `UserError` if a request needs more memory than is free, before any is taken.

    Parameters
    ----------
    needed
        Bytes.
    what, remedy
        What it is for, and what to do if it is too much, in a phrase each.
    device
        Whose memory.
    """
    free = free_bytes(device)
    if needed > free and device.type == "cpu" and give_memory_back():
        free = free_bytes(device)
    if needed > free:
        where = "" if device.type == "cpu" else f" on {device}"
        raise UserError(
            f"at most about {free / 2**30:,.1f} GiB, what is free{where}",
            f"{needed / 2**30:,.1f} GiB for {what}",
            remedy,
        )


def free_bytes(device: torch.device) -> int:
    """Return how much memory this process can still take on a device.

    On a CPU the least of what the system has, what the process's control groups allow (containers,
    jobs of a cluster) and what its own limits do (``ulimit -v``, ``ulimit -d``).
    """
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    found = [*_of_the_system(_SYSTEM), *_of_groups(_SYSTEM), *_of_the_process(_SYSTEM)]
    return max(0, min(found)) if found else 2**31  # not told here: the CPU's cap decides


def _of_the_system(root: Path) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable"):
                yield 1024 * int(line.split()[1])


def _of_groups(root: Path) -> Iterator[int]:
    """Yield what each control group above this process leaves."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller in _CGROUPS:
                folder, limit, usage = _CGROUPS[controller]
                # In a container the path may be the host's, of which only the top is seen.
                for group in (Path(path), *Path(path).parents):
                    at = root / folder / str(group).lstrip("/")
                    with contextlib.suppress(OSError, ValueError):  # none here, or "max"
                        most = int((at / limit).read_text(encoding="ascii"))
                        yield most - int((at / usage).read_text(encoding="ascii")) + _files(at)


def _files(group: Path) -> int:
    """Return what a group's cached files take, which the system gives back when it has to."""
    counts = {}
    for line in (group / "memory.stat").read_text(encoding="ascii").splitlines():
        name, _, count = line.partition(" ")
        counts[name] = int(count)
    total = "total_" if "total_active_file" in counts else ""  # version 1: of groups below, too
    return sum(counts.get(f"{total}{kind}_file", 0) for kind in ("active", "inactive"))


def _of_the_process(root: Path) -> Iterator[int]:
    try:
        import resource
    except ImportError:  # no such limits on this system
        return
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = [int(n) for n in (root / "proc/self/statm").read_text(encoding="ascii").split()]
        for limit, taken in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
            most = resource.getrlimit(limit)[0]
            if most != resource.RLIM_INFINITY:
                yield most - taken * resource.getpagesize()
