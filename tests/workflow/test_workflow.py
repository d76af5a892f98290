"""The whole workflow on a tiny configuration, with the real networks and photographs."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
import yaml

from diversevis.figures.stages import FIGURES
from diversevis.results.sets import SweepResult
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run

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
    "controls": {"kinds": "plain", "steps": 4, "peak_steps": 4, "members": 16},
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
        *("--rerun-triggers", "input", "--cores", "2"),
        *arguments,
    ]


def summary(folder: Path) -> list[dict[str, str]]:
    """Return Snakemake's own account of a run's files, one row each."""
    lines = snakemake(folder, "--detailed-summary").stdout.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("output_file\t"))
    names = lines[head].split("\t")
    return [dict(zip(names, line.split("\t"), strict=False)) for line in lines[head + 1 :]]


def planned(folder: Path) -> set[str]:
    """Return the rules that a run would start."""
    result = snakemake(folder, "-n", "--quiet", "host")
    assert result.returncode == 0, result.stderr[-4000:]
    return set(re.findall(r"^(?:local)?rule (\w+):", result.stdout + result.stderr, re.M))


def ended(folder: Path) -> str:
    """Return what the complete run printed on standard output."""
    return (folder / "ended.txt").read_text()


def sweep_is_noted(folder: Path) -> bool:
    """Tell whether Snakemake has taken note that a sweep is finished."""
    notes = [path for path in folder.glob(".snakemake/metadata/**/*") if path.is_file()]
    return any('"rule": "sweep"' in path.read_text() for path in notes)


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
    deadline = time.monotonic() + 300  # also beside other work
    finished = "provenance/sweep/*/*.json"
    while not sweep_is_noted(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(started.pid, signal.SIGINT)
    started.wait(timeout=60)
    kept = {path: path.stat().st_mtime_ns for path in results.glob(finished)}
    assert kept, "the run was to be interrupted between its results"
    assert not (results / "tables" / "units.csv").exists(), "it was interrupted too late"
    finished = snakemake(folder, "--rerun-incomplete")
    assert finished.returncode == 0, finished.stderr[-4000:]
    (folder / "ended.txt").write_text(finished.stdout)
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
            path = folder / f"results/tiny/sweeps/{network}/{layer}/sweep.npz"
            levels = SweepResult.load(path).levels
            means = [value for level in levels for value in level.activations.mean(1).tolist()]
            table = [r for r in rows if (r["network"], r["layer"]) == (network, layer)]
            assert [float(r["mean_activation"]) for r in table] == pytest.approx(means, rel=1e-6)
            assert [int(r["channel"]) for r in table] == levels[0].channels.tolist() * 3


def test_every_claim_is_judged(folder):
    claims = read(folder / "results/tiny/tables/claims.csv")
    verdicts = {}
    for row in claims:
        verdicts.setdefault((row["edition"], row["claim"]), set()).add(row["holds"])
    editions, numbers = ("first", "second"), ("C1", "C2", "C3", "C4")
    assert set(verdicts) == set(itertools.product(editions, numbers))
    assert all(len(found) == 1 for found in verdicts.values())
    assert claims[0]["units"] == "4"
    assert verdicts["first", "C1"] <= {"True", "False"}
    # A handful of steps is too few for the controls: what rests on indices cannot be told.
    for edition in editions:
        assert verdicts[edition, "C2"] == verdicts[edition, "C4"] == {""}
    pairs = read(folder / "results/tiny/tables/pairs.csv")
    assert {(row["first_layer"], row["second_layer"]) for row in pairs} == {("conv2_1", "layer1.0")}


def test_a_run_ends_with_the_check_and_the_verdicts(folder):
    assert "Reproduction check: no unit to compare" in ended(folder)
    for claim in ("C1 ", "C2 undecided", "C3 ", "C4 undecided"):
        assert f"\n{claim}" in ended(folder)
    assert read(folder / "results/tiny/tables/reproduction.csv") == []


def test_time_and_memory_of_every_rule_are_in_a_table(folder):
    rows = {row["rule"]: row for row in read(folder / "results/tiny/tables/resources.csv")}
    others = {row["rule"] for row in summary(folder)} - {"resources"}
    assert set(rows) == {*others, "all"}
    for row in rows.values():
        assert row["jobs"] == row["measured"]
        assert float(row["seconds"]) > 0
        assert row["note"] == ""
    # Both layers, each with two seeds, and five kinds of controls.
    jobs = [rows[rule]["jobs"] for rule in ("sweep", "tests", "control_tests")]
    assert jobs == ["2", "4", "5"]
    assert float(rows["all"]["peak_mib"]) > 100  # PyTorch alone takes more


def test_invariance_has_a_row_for_every_unit_and_controls_are_judged(folder):
    tables = folder / "results/tiny/tables"
    units = read(tables / "units.csv")
    tests = read(tables / "tests.csv")
    names = [{(row["layer"], row["channel"]) for row in table} for table in (units, tests)]
    assert names[0] == names[1]
    controls = read(tables / "controls.csv")
    assert {row["index"] for row in controls} == {"phase", "shift", "deformation"}
    # A handful of steps is too few for the controls: what they fail is withheld, not reported.
    ends = {"contrast": "", "response": "_response"}
    failed = {row["index"] + ends[row["measure"]] for row in controls if row["holds"] == "False"}
    assert "phase" in failed
    for row in units:
        assert set(row["withheld"].split()) == failed
        assert row["f1_f0"]
        for index in ("phase_index", "shift_index_2", "deformation_index_2"):
            assert bool(row[index]) == (index.split("_")[0] not in failed)
    assert read(tables / "agreement.csv")


def test_every_figure_is_drawn_twice(folder):
    drawn = folder / "figures/tiny"
    pictures = sorted(path.with_suffix("") for path in drawn.rglob("*.png"))
    # Eleven, two galleries, and the controls.
    assert len(pictures) == 11 + 2 + 1
    for picture in pictures:
        for suffix in (".png", ".pdf"):
            # Blank figures are smaller.
            assert Path(f"{picture}{suffix}").stat().st_size > 5000
    sheets = sorted(path.stem for path in (drawn / "sheets").iterdir())
    assert sheets == sorted(f"{network}_{name}" for network in LAYERS for name in LAYERS[network])


def test_every_rule_leaves_log_and_benchmark(folder):
    results = folder / "results/tiny"
    logs = {path.relative_to(results / "logs").with_suffix("") for path in results.rglob("*.log")}
    marks = {
        path.relative_to(results / "benchmarks").with_suffix("") for path in results.rglob("*.tsv")
    }
    assert logs == marks
    named = {path.parts[0] for path in logs}
    ran = {row["rule"] for row in summary(folder)}
    assert named == ran


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
    for name in ("claims", "resources", "comparison_figure", "sheets_figure"):
        assert name in page
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://', page)


def test_figures_of_the_registry_are_those_of_the_run(folder):
    """The table of figures in docs/results.md is made of the same registry."""
    drawn = {}
    for row in summary(folder):
        if row["output_file"].startswith("figures/"):
            drawn.setdefault(row["rule"], []).append(row["input-file(s)"].split(","))
    tiny = Run.of(read_settings(TINY), {})
    of_run = [figure for figure in FIGURES if figure.stage.places(tiny)]
    assert set(drawn) == {figure.stage.name for figure in of_run}
    text = (ROOT / "docs/results.md").read_text()
    for figure in of_run:
        assert figure.title in text
    for figure in of_run:
        pattern = re.escape(f"results/tiny/{figure.data}")
        pattern = re.sub("<network>|<layer>", "[^/]+", pattern)
        for inputs in drawn[figure.stage.name]:
            assert any(re.fullmatch(pattern, path) for path in inputs), figure.name


@pytest.fixture
def checkout(folder, tmp_path):
    """A copy of the checkout and of the run's results, whose code may be changed."""
    root = tmp_path / "checkout"
    for name in ("Snakefile", "workflow", "config", "envs", "src", "results/standard"):
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return root


def stale(folder: Path, root: Path) -> set[str]:
    """Return the rules whose jobs a run would do again with the code in `root`."""
    arguments = ["-n", "--quiet", "host"]
    whole = command(folder, *arguments)
    whole[whole.index(str(ROOT / "Snakefile"))] = str(root / "Snakefile")
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    result = subprocess.run(
        whole, capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return set(re.findall(r"^(\w+)\S*: made anew \(changed code", result.stderr, re.M))


def edit(root: Path, file: str, old: str, new: str) -> None:
    path = root / "src/diversevis" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_changed_code_makes_its_own_results_anew(folder, checkout):
    """One line in a docstring and a figure, then in a family and in the choice of diversity.

    What each of them changes alone is tested with the digests, in tests/study/test_freshness.py.
    """
    edit(checkout, "optimisation/engine.py", '"""Minimise every job', '"""Make smaller every job')
    edit(checkout, "figures/phase.py", "_MOST_ACROSS = 3", "_MOST_ACROSS = 2")
    assert stale(folder, checkout) == {"phase_figure"}
    edit(checkout, "invariance/families/shifts.py", "2 * math.pi / count", "math.tau / count")
    edit(checkout, "synthesis/choice.py", "fraction: float = 0.9", "fraction: float = 0.8")
    sweeps = {"sweep", "pixel_sweep", "control_sets"}
    assert stale(folder, checkout) == {
        *("tests", "control_tests", "natural_stability", "phase_figure"),
        *sweeps,
    }


COMPUTING = {
    *("network", "photographs", "sweep", "pixel_sweep", "natural", "tests", "gratings"),
    *("stability", "distances", "norms", "control_tests", "control_sets", "contrasts"),
    *("surrogate_set", "natural_stability"),
}


def test_what_a_bare_machine_computed_is_taken_up(folder, tmp_path):
    """`diversevis run` leaves the workflow only tables and figures to make."""
    one = {**TINY, "layers": {"vgg19": ["conv2_1"]}, "pairs": []}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(one))
    before = planned(tmp_path)
    assert before >= COMPUTING
    subprocess.run(
        [str(Path(sys.executable).with_name("diversevis")), "run", "tiny.yaml"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    after = planned(tmp_path)
    assert not after & COMPUTING
    timings = pd.read_csv(tmp_path / "results/tiny/timings.csv")
    assert timings.stage.is_unique
    assert len(timings) >= len(COMPUTING)
    assert (timings.seconds > 0).any()
    # All else is left to do: what is computed there is all that is computed.
    assert after == before - COMPUTING
    sweep = "results/tiny/sweeps/vgg19/conv2_1/sweep.npz"
    ours, theirs = (SweepResult.load(root / sweep).levels[0] for root in (tmp_path, folder))
    # The same units and levels; in the images threads may sum in another order.
    assert ours.channels.tolist() == theirs.channels.tolist()
    assert ours.images.shape == theirs.images.shape


def test_scale_of_nulls_is_planned_with_what_it_needs_alone(tmp_path):
    shutil.copy2(ROOT / "config/nulls.yaml", tmp_path / "tiny.yaml")
    tables = {"networks", "controls", "units", "nulls", "claims", "resources", "nulls_figure"}
    computed = {"photographs", "network", "natural", "tests", "contrasts", "control_tests"}
    assert planned(tmp_path) - {"all"} == tables | computed


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


def test_progress_is_a_line_per_step_then_the_verdict(folder):
    (folder / "results/tiny/tables/claims.csv").unlink()
    result = snakemake(folder, "--logger", "diversevis")
    assert result.returncode == 0, result.stderr[-4000:]
    lines = result.stderr.splitlines()
    assert "2 steps to do" in lines  # resources read the claims' record
    assert any(re.fullmatch(r"1/2  claims +\d+ s .*", line) for line in lines)
    assert re.fullmatch(r"2/2  resources +\d+ s   done", lines[-1])
    assert "\nC1 " in result.stdout
    again = snakemake(folder, "--logger", "diversevis")
    assert again.stderr.count("nothing to do") == 1
    broken = snakemake(folder, "--logger", "diversevis", "--config", "sede=1")
    assert broken.returncode == 2
    assert "nothing to do" not in broken.stderr


@pytest.fixture
def elsewhere(folder, tmp_path):
    """The complete run's results in another folder, of which Snakemake knows nothing."""
    for name in ("results", "figures"):
        shutil.copytree(folder / name, tmp_path / name)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return tmp_path


def made_anew(folder: Path, **changes) -> dict[str, str]:
    """Return which jobs a run would do again and why, as it says."""
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**TINY, **changes}))
    result = snakemake(folder, "-n", "--quiet", "host")
    assert result.returncode == 0, result.stderr[-4000:]
    found = dict(re.findall(r"^(\S+): made anew \((.*)\)$", result.stderr, re.M))
    done = set(re.findall(r"^(?:local)?rule (\w+):", result.stdout + result.stderr, re.M))
    assert {key.split("/")[0] for key in found} <= done
    return found


def test_results_from_elsewhere_are_held_to_their_records(elsewhere):
    assert planned(elsewhere) <= {"all"}  # whatever the times of their files
    found = made_anew(elsewhere, natural={"patches": 100})
    assert found == {
        f"natural/{name}/{layers[0]}": "patches was 200, is 100" for name, layers in LAYERS.items()
    }
    assert made_anew(elsewhere) == {}, "a dry run leaves everything as it is"


def test_damaged_results_are_named_and_made_anew(elsewhere):
    results = elsewhere / "results/tiny"
    sweep = results / "sweeps/vgg19/conv2_1/sweep.npz"
    peaks = results / "tests/resnet50/layer1.0/seed-0/peaks.csv"
    before = {path: path.read_bytes() for path in (sweep, peaks)}
    times = sweep.stat()
    sweep.write_bytes(before[sweep][:-100])
    os.utime(sweep, ns=(times.st_atime_ns, times.st_mtime_ns))  # under its old time
    peaks.write_text("".join(peaks.read_text().splitlines(keepends=True)[:2]))
    found = made_anew(elsewhere)
    assert found["sweep/vgg19/conv2_1"] == "not as it was made: sweep.npz"
    assert found["tests/resnet50/layer1.0/seed-0"] == "not as it was made: peaks.csv"
    result = snakemake(elsewhere, *(str(path.relative_to(elsewhere)) for path in before))
    assert result.returncode == 0, result.stderr[-4000:]
    assert {path: path.read_bytes() for path in before} == before
    assert not {"sweep", "tests"} & {key.split("/")[0] for key in made_anew(elsewhere)}


def test_what_was_damaged_since_is_refused_by_whoever_reads_it(elsewhere):
    """A job checks what it reads when it starts, not when the run was planned."""
    results = elsewhere / "results/tiny"
    (results / "provenance/gratings/vgg19/conv2_1.json").unlink()
    log = results / "logs/gratings/vgg19/conv2_1.log"
    sweep = results / "sweeps/vgg19/conv2_1/sweep.npz"
    spoil = f"open({str(sweep)!r}, 'ab').write(b'more')"
    code = (
        f"import sys; {spoil}; from snakemake.cli import main; main(sys.argv[1:])"  # once planned
    )
    target = "results/tiny/provenance/gratings/vgg19/conv2_1.json"
    arguments = command(elsewhere, "--mode", "subprocess", "--target-jobs")[3:]
    job = "gratings:network=vgg19,layer=conv2_1"
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments, job, "--allowed-rules", "gratings", "--nolock"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert not (elsewhere / target).exists()
    assert f"expected {sweep.relative_to(elsewhere)} as it was made" in log.read_text()


def lock(folder: Path, pid: int) -> Path:
    """Leave what a run of a process leaves when it is killed."""
    path = folder / ".snakemake/locks/0.output.lock"
    path.parent.mkdir(parents=True)
    path.write_text("results/tiny/tables/claims.csv\n")
    try:
        since = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        since = 0
    note = folder / ".snakemake/diversevis/tiny.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"pid": pid, "host": socket.gethostname(), "since": since}))
    return path


def test_lock_of_a_dead_run_goes_with_a_word(elsewhere):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = lock(elsewhere, dead.pid)
    result = snakemake(elsewhere)
    assert result.returncode == 0, result.stderr[-4000:]
    assert f"removed the lock of scale tiny: process {dead.pid} is no more" in result.stderr
    assert not path.exists()


def test_lock_of_a_living_run_is_respected_and_its_process_named(elsewhere):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        path = lock(elsewhere, living.pid)
        (elsewhere / "results/tiny/tables/claims.csv").unlink()
        result = snakemake(elsewhere)
        assert result.returncode == 1
        assert f"locked by process {living.pid}" in result.stderr
        assert path.exists()


def test_folders_may_have_a_space_in_their_names(tmp_path):
    """Snakemake hands the shell the interpreter's path as it is."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (folder / "environment").symlink_to(sys.prefix)
    whole = command(folder, "photographs")
    whole[0] = str(folder / "environment/bin/python")
    result = subprocess.run(whole, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-4000:]
    assert (folder / "results/tiny/networks/photographs.json").exists()


def test_any_working_directory_has_the_checkout_s_configuration(tmp_path):
    """Without --configfile the default one is read, wherever the command is given."""
    whole = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-n"]
    result = subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-4000:]
    assert "results/quick/" in result.stdout + result.stderr
