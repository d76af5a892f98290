"""The whole workflow on a tiny configuration, with the real networks and photographs."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).parents[2]
LAYERS = {"vgg19": ["conv2_1"], "resnet50": ["layer1.0"]}
TINY = {
    "scale": "tiny",
    "seed": 3,
    "device": "cpu",
    "layers": LAYERS,
    "pairs": [[["vgg19", "conv2_1"], ["resnet50", "layer1.0"]]],
    "distances": ["vgg19", "conv2_1"],
    "reference": None,
    "units": {"per_layer": 2, "include": {"vgg19": {"conv2_1": [21]}}},
    "synthesis": {
        "images": 3,
        "grid": [0.01, 0.1],
        "fraction": 0.9,
        "schedule": "fast",
        "steps": 30,
        "precision": "float32",
    },
    "natural": {"patches": 200},
    "invariance": {
        "families": ["all-shifts", "shifts", "deformations"],
        "delta": [2],
        "learn_masks": True,
        "steps": 4,
        "control_steps": 8,
        "schedule": "fast",
        "starts": 2,
        "trial_steps": 2,
        "per_step": 4,
        "training": 16,
        "held_out": 8,
        "peak_steps": 20,
        "precision": "float32",
        "repeats": 2,
        "repeat_delta": [2],
    },
}


def snakemake(folder: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    """Run the workflow with its outputs under `folder`."""
    return subprocess.run(
        command(folder, *arguments), capture_output=True, text=True, check=False, **options
    )


def command(folder: Path, *arguments: str) -> list[str]:
    return [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(folder), "--configfile", str(folder / "tiny.yaml")),
        *("--cores", "2", *arguments),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which a run was interrupted, then run again to its end."""
    folder = tmp_path_factory.mktemp("workflow")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    # In the background the shell has interrupts ignored, which children inherit.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = subprocess.Popen(
        command(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, handler)
    results = folder / "results" / "tiny"
    deadline = time.monotonic() + 120
    # The second sweep has begun to write: the first one is recorded as finished.
    while len(list(results.glob("synthesis/*/*/sweep.npz"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(started.pid, signal.SIGINT)
    started.wait(timeout=60)
    kept = {path: path.stat().st_mtime_ns for path in results.glob("synthesis/*/*/sweep.npz")}
    assert kept, "the run was to be interrupted between its results"
    assert not (results / "tables" / "units.csv").exists(), "it was interrupted too late"
    finished = snakemake(folder, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stderr[-4000:]
    unchanged = [path for path, time_then in kept.items() if path.stat().st_mtime_ns == time_then]
    assert unchanged, "what the first run had finished was computed again"
    return folder


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_every_unit_has_its_row(folder):
    units = read(folder / "results/tiny/tables/units.csv")
    found = {(row["network"], row["layer"]) for row in units}
    assert found == {(network, layer) for network, names in LAYERS.items() for layer in names}
    assert len(units) == 4
    assert ("conv2_1", "21") in {(row["layer"], row["channel"]) for row in units}
    for row in units:
        assert float(row["restart_mean_activation"]) > 0
        # The chosen set keeps its share, up to the digits that are written.
        assert float(row["activation_ratio"]) >= 0.9 - 1e-6


def test_tables_agree_with_the_arrays(folder):
    rows = read(folder / "results/tiny/tables/sweeps.csv")
    for network, names in LAYERS.items():
        for layer in names:
            with np.load(folder / f"results/tiny/synthesis/{network}/{layer}/sweep.npz") as sweep:
                activations, channels = sweep["activations"].mean(2), sweep["channels"]
            table = [r for r in rows if (r["network"], r["layer"]) == (network, layer)]
            written = [float(r["mean_activation"]) for r in table]
            assert written == pytest.approx(activations.ravel().tolist(), rel=1e-6)
            assert [int(r["channel"]) for r in table] == channels.tolist() * 3


def test_claim_counts_the_units(folder):
    claim = read(folder / "results/tiny/tables/claim_c1.csv")
    assert (claim[-1]["layer"], claim[-1]["units"]) == ("all", "4")
    assert {row["holds"] for row in claim} <= {"True", "False"}


def test_invariance_has_a_row_for_every_unit_and_controls_are_judged(folder):
    tables = folder / "results/tiny/tables"
    units = read(tables / "units.csv")
    invariance = read(tables / "invariance_units.csv")
    names = [[(row["layer"], row["channel"]) for row in table] for table in (units, invariance)]
    assert sorted(names[0]) == sorted(names[1])
    controls = read(tables / "controls.csv")
    assert {row["index"] for row in controls} == {"phase", "shift", "deformation"}
    # A handful of steps is too few for the controls: what they fail is withheld, not reported.
    failed = {row["index"] for row in controls if row["holds"] == "False"}
    assert "phase" in failed
    for row in invariance:
        assert set(row["withheld"].split()) == failed
        assert row["f1_f0"]
        for index in ("phase_index", "shift_index_2", "deformation_index_2"):
            assert bool(row[index]) == (index.split("_")[0] not in failed)
    assert read(tables / "invariance_agreement.csv")


def test_every_figure_is_drawn_twice(folder):
    pictures = sorted(path.with_suffix("") for path in (folder / "figures/tiny").rglob("*.png"))
    # Restarts by layer, trade-off, galleries, and four of invariance.
    assert len(pictures) == 2 + 1 + 2 + 4
    for picture in pictures:
        for suffix in (".png", ".pdf"):
            # Blank figures are smaller.
            assert Path(f"{picture}{suffix}").stat().st_size > 5000


def test_every_rule_leaves_log_and_benchmark(folder):
    results = folder / "results/tiny"
    logs = {path.relative_to(results / "logs").with_suffix("") for path in results.rglob("*.log")}
    marks = {
        path.relative_to(results / "benchmarks").with_suffix("") for path in results.rglob("*.tsv")
    }
    assert logs == marks
    # Networks, photographs; five jobs a layer and a second seed; controls; tables; figures.
    assert len(logs) == 2 + 1 + 2 * (5 + 1) + 5 + 5 + 9


def test_nothing_is_left_to_do(folder):
    again = snakemake(folder)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stderr + again.stdout


def test_report_is_one_offline_file_with_captions(folder):
    # No route out: the report has to be made of what is installed.
    offline = {
        **os.environ,
        "https_proxy": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    made = snakemake(folder, "--report", "report.html", env=offline)
    assert made.returncode == 0, made.stderr[-4000:]
    page = (folder / "report.html").read_text()
    assert len(page) < 50e6
    assert "claim_c1" in page
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://', page)


def test_readme_names_every_figure_with_script_rule_and_data(folder):
    """README's table is held against the DAG."""
    summary = snakemake(folder, "--summary").stdout.splitlines()
    made = [dict(zip(summary[0].split("\t"), line.split("\t"), strict=False)) for line in summary]
    drawn = {row["rule"] for row in made if row["output_file"].startswith("figures/")}
    table = re.findall(
        r"^\|[^|]*\| `([^`]+)` \| `([^`]+)` \| `([^`]+)` \|", (ROOT / "README.md").read_text(), re.M
    )
    assert {rule for _, rule, _ in table} == drawn
    rules = (ROOT / "workflow/rules/figures.smk").read_text()
    for script, rule, data in table:
        body = rules.split(f"rule {rule}:")[1].split("\nrule ")[0]
        assert script.removeprefix("workflow/") in body
        assert (ROOT / script).exists()
        assert re.sub(r"<[a-z]+>", "", data).split("/")[-1] in body


def test_misspelt_key_is_named_with_exit_code_2(folder):
    result = snakemake(folder, "--config", "sede=1", "-n")
    assert result.returncode == 2
    assert "did you mean seed?" in result.stderr
    assert "Traceback" not in result.stderr


def test_unit_that_cannot_be_made_ends_with_a_message(folder, tmp_path):
    changed = {**TINY, "layers": {"vgg19": ["conv9_1"]}}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(changed))
    result = snakemake(tmp_path, "-n")
    assert result.returncode == 2
    assert "conv4_1" in result.stderr
