"""What CONTRIBUTING says is enough: its examples are done in a copy, and their files counted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n# (\S+)\n(.*?)^```$", re.M | re.S)
MOST = {"A family": 1, "A network": 1, "A figure": 4, "An index": 2, "A cluster": 1}

# A line of configuration uses the family; conv1_2 is too small for deformations.
FEW = {
    "scale": "few",
    "device": "cpu",
    "layers": {"vgg19": ["conv1_2", "conv2_1"]},
    "pairs": [[["vgg19", "conv1_2"], ["vgg19", "conv2_1"]]],
    "units": {"per_layer": 2},
    "synthesis": {"images": 2, "grid": [0.1], "steps": 3},
    "natural": {"patches": 50},
    "invariance": {
        "families": ["all-shifts", "shifts", "deformations", "blurs"],
        "delta": [2],
        "steps": 3,
        "peak_steps": 3,
        "trial_steps": 1,
        "per_step": 2,
        "training": 4,
        "held_out": 4,
    },
    "controls": {"kinds": "plain", "steps": 3, "peak_steps": 3, "members": 16},
}

# In one process, without the workflow: its rules follow from the same stages.
DRIVER = """
import sys
from diversevis.networks.registry import get_network
from diversevis.networks.trunk import layers
from diversevis.pipeline import all_jobs
from diversevis.study.job import make_job
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Run

run = Run.of(read_settings("few.json"), read_criteria("config/criteria.yaml"))
skipped = ("distances", "control_sets", "pixel_sweep", "resources", "claims", "norms")
figures = ("natural_peaks_figure", "sheets_figure")
for job in all_jobs(run):
    name = job.stage.name
    if name in skipped or (name.endswith("_figure") and name not in figures):
        continue
    make_job(job, {})  # the table of controls is changed by hand
    if name == "controls":  # a handful of steps is too few for them, and would withhold indices
        table = job.writes["controls"]
        table.write_text(table.read_text().replace("False", "True"))
print(*[step.layer for step in layers(get_network("resnet18"))])
"""


def sections() -> dict[str, list[tuple[str, str, str]]]:
    """Return the blocks of each task: kind, path, content."""
    parts = re.split(r"^## (.+)$", TEXT, flags=re.M)[1:]
    return {title: BLOCK.findall(body) for title, body in zip(parts[::2], parts[1::2], strict=True)}


def apply(root: Path, kind: str, path: str, content: str) -> None:
    """Write a new file, or add the lines of a diff after its first lines."""
    target = root / path
    if kind != "diff":
        target.write_text(content)
        return
    lines = content.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines)
    text = target.read_text()
    assert text.count(before) == 1, (path, before)
    target.write_text(text.replace(before, after))


@pytest.mark.parametrize("task", MOST)
def test_a_task_touches_few_files(task):
    touched = {path for _, path, _ in sections()[task]}
    assert 1 <= len(touched) <= MOST[task], touched


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A copy of the checkout after the first four tasks, and a small run of it."""
    root = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "config", "workflow"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    (root / "tests/figures").mkdir(parents=True)
    for task in list(MOST)[:4]:
        for block in sections()[task]:
            apply(root, *block)
    (root / "few.json").write_text(json.dumps(FEW))
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    result = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    tables = {path.stem: pd.read_csv(path) for path in (root / "results/few/tables").glob("*.csv")}
    return root, tables, result.stdout


def test_a_family_is_in_tables_layers_and_pairs(done):
    _, tables, _ = done
    units = tables["units"]
    assert units.blur_index.notna().all()
    assert {"blur_surrogate", "blur_above", "blur_uncertainty"} <= set(units)
    of_layers = tables["layers"]
    assert {"blur_index", "blur_above"} <= set(of_layers.quantity)
    pairs = tables["pairs"].set_index("quantity")
    assert pairs.family["blur_above"] == "exploratory"
    assert "blurs" in set(tables["indices"].family)


def test_a_network_is_listed_with_its_layers(done):
    assert "layer1.0" in done[2].splitlines()[-1]


def test_a_figure_is_drawn_and_has_its_caption_and_test(done):
    root, _, _ = done
    for suffix in ("png", "pdf"):
        assert (root / f"figures/few/natural_peaks.{suffix}").stat().st_size > 3000
    assert (root / "figures/few/sheets/vgg19_conv2_1.pdf").exists()
    assert (root / "workflow/report/natural_peaks_figure.rst").exists()
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/figures/test_natural_peaks.py"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_an_index_is_in_tables_and_layers(done):
    _, tables, _ = done
    assert tables["units"].phase_std.notna().any()
    assert "std" in set(tables["indices"].statistic)
    medians = tables["layers"].quantity
    assert {"phase_std", "shift_std_2", "blur_std"} <= set(medians)
