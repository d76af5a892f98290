"""The workflow in parts: the same files as without, and no part made again once all is gathered."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FEW = {
    "scale": "few",
    "device": "cpu",
    "layers": {"vgg19": ["conv1_2"]},
    "synthesis": {"images": 2, "grid": [0.1], "steps": 4},
    "natural": {"patches": 50},
    "invariance": {
        "delta": [2],
        "steps": 3,
        "starts": 2,
        "trial_steps": 1,
        "per_step": 4,
        "training": 8,
        "held_out": 8,
        "peak_steps": 4,
    },
}
LAYER = "results/few/{}/vgg19/conv1_2/"
WANTED = (
    LAYER.format("gratings") + "gratings.csv",
    *(LAYER.format("tests") + f"seed-{seed}/tests.csv" for seed in (0, 1)),
)


def snakemake(folder: Path, parts: int, *arguments: str) -> str:
    """Make some files in so many parts; return what was said."""
    folder.mkdir(exist_ok=True)
    units = {"per_layer": 4, "parts": parts}
    (folder / "few.yaml").write_text(yaml.safe_dump({**FEW, "units": units}))
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(folder), "--configfile", str(folder / "few.yaml")),
        *("--rerun-triggers", "input", "--cores", "2", *arguments, "--", *WANTED),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout + result.stderr


def made(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for kind in ("sweeps", "tests", "gratings")
        for path in (folder / "results/few" / kind).rglob("*.*")
    }


@pytest.mark.long
def test_parts_are_gathered_to_what_a_run_without_them_makes(tmp_path):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    snakemake(whole, 1)
    said = snakemake(parted, 3)
    assert "rule tests_part" in said
    assert made(parted) == made(whole)
    assert "Nothing to be done" in snakemake(parted, 3)
    assert not (whole / "results/few/parts").exists()
    shutil.rmtree(parted / "results/few/parts")
    assert "Nothing to be done" in snakemake(parted, 3, "-n")
    # As in a fresh clone, where Snakemake knows of nothing that was made.
    shutil.rmtree(parted / ".snakemake")
    assert "Nothing to be done" in snakemake(parted, 3, "-n")
    # Nor by another split, or by none.
    assert "Nothing to be done" in snakemake(parted, 2, "-n")
    assert "Nothing to be done" in snakemake(parted, 1, "-n")
