"""Equal inputs, settings and threads give equal bytes, stage by stage: in twenty runs of twenty.

That two runs are equal, killed or not, tests/faults/test_kills.py shows every time.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from surfaces import RUN, SETTINGS, prepared

RUNS = 20
# All families, and layers whose parallel loops are long enough to be split.
LARGER = {
    "layers": {"vgg19": ["conv3_1"], "resnet50": ["layer1.1"]},
    "pairs": [],
    "units": {"per_layer": 4},
    "invariance": {
        **SETTINGS["invariance"],
        "families": ["all-shifts", "shifts", "deformations", "rotations", "scales"],
        "steps": 30,
        "per_step": 16,
        "training": 64,
        "repeats": 1,
    },
}


def digests(folder: Path) -> dict[str, dict[str, str]]:
    """Return what the records of a run say was written, by job."""
    root = folder / "results/some/provenance"
    return {
        str(path.relative_to(root)): json.loads(path.read_text())["files"]
        for path in root.rglob("*.json")
    }


def counted(tmp_path: Path, threads: int, runs: int, **changes: object) -> dict[str, Counter]:
    """Return how often each content came out, by stage."""
    found: dict[str, Counter] = defaultdict(Counter)
    for number in range(runs):
        folder = prepared(tmp_path / f"{threads}-{number}", **changes)
        RUN.finish(folder, threads)
        for key, files in digests(folder).items():
            found[f"{key.split('/')[0].removesuffix('.json')}: {key}"][str(files)] += 1
    return found


@pytest.mark.long
@pytest.mark.parametrize("threads", [1, 2])
def test_twenty_runs_are_equal(tmp_path, threads):
    found = counted(tmp_path, threads, RUNS, **LARGER)
    stages: dict[str, list[int]] = defaultdict(list)
    for key, contents in found.items():
        stages[key.split(":")[0]].append(max(contents.values()))
    for stage, equal in stages.items():
        print(f"{threads} threads, {stage}: {min(equal)} of {RUNS} equal", flush=True)
    assert [key for key, contents in found.items() if len(contents) > 1] == []
