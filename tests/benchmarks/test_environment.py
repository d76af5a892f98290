"""The benchmarks' environment has the versions of the lock file."""

from __future__ import annotations

import re
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def entries(name: str) -> list[str]:
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    return [line for line in text.replace("\\\n", "").splitlines() if line.strip()]


def pins(name: str) -> dict[str, set[str]]:
    """Return the versions, with their markers, of each package."""
    found: dict[str, set[str]] = {}
    for entry in entries(name):
        package, version = re.split(" +--hash=", entry)[0].split("==", 1)
        found.setdefault(package, set()).add(version.strip())
    return found


def test_versions_are_those_of_the_lock():
    bench, lock = pins("bench.txt"), pins("lock.txt")
    differing = {
        name
        for name in bench.keys() & lock.keys()
        if {v.split(" ;")[0] for v in bench[name]} != {v.split(" ;")[0] for v in lock[name]}
    }
    assert not differing
    assert {"torch", "torchvision", "numpy"} <= bench.keys() & lock.keys()
    assert "torch-lucent" in bench
    assert "torch-lucent" not in lock


def test_every_entry_has_hashes_and_no_host():
    for entry in entries("bench.txt"):
        assert re.search(r"==[\w.]+( ; .+?)?(\s+--hash=sha256:[0-9a-f]{64})+$", entry)
        assert "://" not in entry
