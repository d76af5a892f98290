"""Commands that are killed, cut short and repeated, and what they make."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from diversevis.study.freshness import damaged, read_record

ROOT = Path(__file__).parents[2]
PROGRAM = str(Path(sys.executable).with_name("diversevis"))
SETTINGS = {
    "scale": "some",
    "seed": 3,
    "device": "cpu",
    "layers": {"vgg19": ["conv2_1"], "resnet50": ["layer1.0"]},
    "pairs": [[["vgg19", "conv2_1"], ["resnet50", "layer1.0"]]],
    "units": {"per_layer": 2},
    "synthesis": {"images": 3, "grid": [0.01, 0.1], "steps": 30},
    "natural": {"patches": 200},
    "invariance": {
        "families": ["all-shifts", "shifts", "deformations"],
        "delta": [2],
        "steps": 12,
        "starts": 2,
        "trial_steps": 2,
        "per_step": 4,
        "training": 16,
        "held_out": 8,
        "peak_steps": 20,
        "repeat_delta": [2],
    },
    "controls": {"kinds": "plain", "steps": 8, "peak_steps": 20, "members": 16},
}
_OF_THE_RUN = ("provenance", "logs", "benchmarks", "timings.csv", "resources.csv", "parts")
"""What tells when and how long, and what is there to be gathered; all else has to be equal byte for
byte."""


@dataclass(frozen=True)
class Surface:
    """One way to make results."""

    name: str
    arguments: tuple[str, ...]

    def start(self, folder: Path, threads: int = 1) -> subprocess.Popen:
        """Start it in a folder, in a group of processes of its own."""
        return subprocess.Popen(
            self.arguments,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )

    def finish(self, folder: Path, threads: int = 1) -> tuple[float, str]:
        """Run it to its end; return seconds and what it said."""
        begin = time.monotonic()
        process = self.start(folder, threads)
        said, _ = process.communicate(timeout=1200)
        assert process.returncode == 0, said[-4000:]
        return time.monotonic() - begin, said

    def kill(self, folder: Path, seconds: float) -> bool:
        """Run it for so long and kill it; return whether it was still running."""
        process = self.start(folder)
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        return False


VISUALIZE = Surface(
    "visualize",
    (PROGRAM, "visualize", "vgg19", "conv2_1", "21", "7", "--steps", "60", "--out", "made"),
)
RUN = Surface("run", (PROGRAM, "run", "some.json", "--out", "results"))
WORKFLOW = Surface(
    "workflow",
    (
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--configfile", "some.json", "--rerun-incomplete"),
        *("--rerun-triggers", "input", "--cores", "2"),
    ),
)


def prepared(folder: Path, **changes: object) -> Path:
    """Return the folder with a configuration in it."""
    folder.mkdir(exist_ok=True)
    (folder / "some.json").write_text(json.dumps({**SETTINGS, **changes}))
    return folder


def made(folder: Path) -> dict[str, str]:
    """Return the digest of every result in a folder, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in ("some.json", "provenance.json")
        and not {*path.relative_to(folder).parts} & {*_OF_THE_RUN, ".snakemake"}
    }


def finished(folder: Path) -> dict[Path, str]:
    """Return the records of what is complete, and when each was made."""
    found = {}
    for path in folder.rglob("*.json"):
        if "provenance" in str(path) and ".diversevis" not in str(path) and read_record(path):
            found[path] = str(read_record(path).get("created")) + str(path.stat().st_mtime_ns)
    return found


def is_whole(folder: Path) -> bool:
    """Tell whether a folder made by hand holds one set: all that its record lists."""
    record = folder / "provenance.json"
    names = read_record(record).get("files", {})
    return bool(names) and damaged(record, [folder / name for name in names]) == []
