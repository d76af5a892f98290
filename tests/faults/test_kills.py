"""Killed at any moment: what was finished is kept, and the same bytes come out in the end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from surfaces import RUN, VISUALIZE, WORKFLOW, Surface, finished, is_whole, made, prepared

SURFACES = {surface.name: surface for surface in (VISUALIZE, RUN, WORKFLOW)}
SEED = 20
LONG = {"visualize": 7, "run": 7, "workflow": 6}
SHORT = {"visualize": 1, "run": 1}


def killed(
    surface: Surface, folder: Path, whole: dict[str, str], seconds: float, **changes: object
) -> dict:
    """Kill a command after so long, run it again, and return what came of it."""
    prepared(folder, **changes)
    running = surface.kill(folder, seconds)
    before = finished(folder)
    if surface is VISUALIZE:
        left = folder / "made"
        assert is_whole(left) or not [path for path in left.glob("*") if path.name[0] != "."]
    surface.finish(folder)
    after = finished(folder)
    # The record of resources reads all others: it is made last, and again.
    redone = [path for path in before if after[path] != before[path] and path.stem != "resources"]
    return {
        "surface": surface.name,
        "seconds": round(seconds, 1),
        "running": running,
        "finished": len(before),
        "redone": len(redone) if surface is not VISUALIZE else 0,
        "equal": made(folder) == whole,
    }


def kills(tmp_path: Path, counts: dict[str, int]) -> list[dict]:
    moments, rows = random.Random(SEED), []
    for name, count in counts.items():
        reference = prepared(tmp_path / name)
        lasted, _ = SURFACES[name].finish(reference)
        whole = made(reference)
        assert whole
        for number in range(count):
            # One in each stretch of the time that it takes: not all in its beginning.
            seconds = lasted * (number + moments.random()) / count
            rows.append(killed(SURFACES[name], tmp_path / f"{name}-{number}", whole, seconds))
            print(rows[-1], flush=True)
    return rows


def check(rows: list[dict]) -> None:
    assert all(row["equal"] for row in rows), rows
    assert not any(row["redone"] for row in rows), rows
    assert sum(row["running"] for row in rows) > len(rows) / 2, "kills came too late"


def test_what_is_killed_goes_on(tmp_path):
    """The workflow is killed in its own test."""
    check(kills(tmp_path, SHORT))


@pytest.mark.long
def test_twenty_kills(tmp_path):
    check(kills(tmp_path, LONG))


@pytest.mark.long
def test_twenty_kills_of_a_run_in_parts(tmp_path):
    """Work that is lost is that of one part at most; the same comes out as of a run without."""
    few = {"per_layer": 3}
    alone = prepared(tmp_path / "alone", units=few)
    RUN.finish(alone)
    whole, parted = made(alone), {"units": {**few, "parts": 3}}
    lasted, _ = RUN.finish(prepared(tmp_path / "parted", **parted))
    assert made(tmp_path / "parted") == whole
    moments, rows = random.Random(SEED), []
    for number in range(20):
        seconds = lasted * (number + moments.random()) / 20
        rows.append(killed(RUN, tmp_path / str(number), whole, seconds, **parted))
        print(rows[-1], flush=True)
    check(rows)
