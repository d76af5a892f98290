"""The command line: what it writes, and what bad input gets."""

from __future__ import annotations

import csv
import dataclasses
import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

import diversevis as dv
from diversevis import cli
from diversevis.cli import INTERRUPTED, main
from diversevis.fetching.sources import Url
from diversevis.networks import registry
from diversevis.networks.registry import get_network
from diversevis.optimisation.schedule import FAST
from diversevis.results.formats import read_rows
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.study.job import stale
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run, jobs
from diversevis.study.stages import COMPUTING

QUICK = ["--steps", "3", "--device", "cpu"]


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Run the command line in this process; return exit code, output and messages."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse's way out
        code = stop.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_visualize_writes_what_it_promises(capsys, tmp_path):
    code, output, _ = run(
        capsys,
        *("visualize", "vgg19", "conv2_2", "3", "40", "--images", "4", "--diversity", "0.5"),
        *("--seed", "7", "--out", tmp_path, *QUICK),
    )
    assert code == 0
    assert "vgg19 conv2_2 40: activation" in output
    assert {path.name for path in tmp_path.iterdir()} == {
        "visualizations.npz",
        "metrics.csv",
        "contact_sheet.png",
        "provenance.json",
    }
    sets = ImageSets.load(tmp_path / "visualizations.npz")
    assert sets.images.dtype == np.float32
    assert sets.images.shape == (2, 4, 3, 14, 14)
    assert sets.channels.tolist() == [3, 40]
    assert sets.diversity.tolist() == [0.5, 0.5]
    mean = sets.activations.mean(1)
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("network", "layer", "channel", "diversity", "mean_activation", "min_activation"),
        *("max_activation", "min_distance", "mean_distance", "steps", "seed"),
    ]
    assert [row["channel"] for row in rows] == ["3", "40"]
    assert [float(row["mean_activation"]) for row in rows] == pytest.approx(mean, rel=1e-5)
    assert rows[0]["seed"] == "7"
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["network"]["weights_sha256"] == get_network("vgg19").digest
    assert provenance["distance"] == "conv1_2"
    assert provenance["settings"]["seed"] == 7
    assert provenance["packages"]["torch"]


def test_sweep_keeps_every_level(capsys, tmp_path):
    code, output, errors = run(
        capsys, "visualize", "vgg19", "conv1_2", "5", "--sweep", "--out", tmp_path, *QUICK
    )
    assert code == 0
    assert "next: diversevis invariance vgg19 conv1_2 5" in errors
    with (tmp_path / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["relative_diversity"]) for row in rows] == [0, 0.003, 0.01, 0.03, 0.1, 0.3, 1]
    assert sum(int(row["selected"]) for row in rows) == 1
    sweep = SweepResult.load(tmp_path / "sweep.npz")
    assert [level.images.shape for level in sweep.levels] == [(1, 6, 3, 5, 5)] * 7
    shown = ImageSets.load(tmp_path / "visualizations.npz")
    np.testing.assert_array_equal(shown.images, sweep.chosen.images)
    share = shown.activations.mean() / sweep.levels[0].activations.mean()
    assert f"keeps {100 * share:.0f} % of the restarts' activation" in output
    assert sweep.natural.shape == (1, 3, 5, 5)
    # The function of that name, of which the command is made.
    made = dv.visualize("vgg19", "conv1_2", 5, steps=3, device="cpu", progress=False)
    np.testing.assert_array_equal(made.numpy().chosen.images, shown.images)
    np.testing.assert_array_equal(made.natural, sweep.natural)


def test_invariance_writes_what_it_promises(capsys, tmp_path):
    code, output, errors = run(
        capsys,
        *("invariance", "controls", "complex", "0", "2", "--families", "all-shifts,deformations"),
        *("--delta", "1,2", "--per-step", "6", "--steps", "3", "--seed", "4", "--out", tmp_path),
    )
    assert code == 0
    assert "controls complex 2, all shifts (fixed mask): " in output
    assert output.count("a linear unit with the same best patch: ") == 2 * (2 + 2)
    assert "next: diversevis invariance vgg19 conv3_1 21 187" in errors
    assert {path.name for path in tmp_path.iterdir()} == {
        "tests.csv",
        "tests.npz",
        "peaks.csv",
        "families.json",
        "provenance.json",
        "unit_0.png",
        "unit_2.png",
    }
    with (tmp_path / "tests.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("network", "layer", "channel", "family", "delta", "mask", "measure", "statistic"),
        *("value", "surrogate", "members", "seed"),
    ]
    # Two units; all shifts with a fixed and a learned mask, deformations at two displacements.
    means = [row["measure"] for row in rows if row["statistic"] == "mean"]
    assert sorted(means) == ["contrast"] * 2 * (2 + 2) + ["response"] * 2 * (2 + 2)
    assert {row["seed"] for row in rows} == {"4"}
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["settings"]["delta"] == [1.0, 2.0]


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def of_folder(folder):
    """Return the files of a folder, but for its record, which tells the time."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}


@pytest.mark.parametrize(
    ("command", "more", "table"),
    [
        ("visualize", ("--grid", "0.1"), "metrics.csv"),
        ("visualize", ("--diversity", "0.5"), "metrics.csv"),
        ("invariance", ("--families", "shifts", "--delta", "1", "--per-step", "2"), "peaks.csv"),
    ],
)
def test_many_units_come_a_few_at_a_time_and_are_added_to(
    capsys, monkeypatch, tmp_path, one_thread, command, more, table
):
    """As if they had been made at once; what is there is not made again."""
    monkeypatch.setitem(cli._UNITS_AT_ONCE, "cpu", 2)
    steps = QUICK if command == "visualize" else ("--steps", "2")
    made, make = [], cli.make

    def counted(*arguments, **settings):
        made.append(arguments[3]["channels"])
        make(*arguments, **settings)

    def at(folder, *channels):
        made.clear()
        where = (command, "vgg19", "conv1_2", *channels, "--out", tmp_path / folder)
        code, output, errors = run(capsys, *where, *more, *steps)
        assert code == 0, errors
        return output

    monkeypatch.setattr(cli, "make", counted)
    at("once", 2, 0, 3)
    assert made == [[2, 0], [3]]
    at("grown", 2)
    output = at("grown", 3, 2, 0)
    assert "vgg19 conv1_2 2: kept" in output
    assert made == [[3, 0]]
    rows = read_rows(tmp_path / "grown" / table)
    assert [row["channel"] for row in rows] == ["2", "3", "0"]
    first, other = (
        {row["channel"]: row for row in read_rows(tmp_path / name / table)}
        for name in ("once", "grown")
    )
    assert first == other
    record = json.loads((tmp_path / "grown/provenance.json").read_text())
    assert record["settings"]["channels"] == [2, 3, 0]
    assert record.get("channels", [2, 3, 0]) == [2, 3, 0]
    before = of_folder(tmp_path / "grown")
    at("grown", 0)
    assert made == []
    assert of_folder(tmp_path / "grown") == before
    assert before.keys() == of_folder(tmp_path / "once").keys()


def test_units_are_not_added_to_a_set_of_other_settings(capsys, monkeypatch, tmp_path):
    look = ("visualize", "controls", "simple", "--grid", "0.1", "--out", tmp_path, *QUICK)
    assert run(capsys, *look, "0")[0] == 0
    before = of_folder(tmp_path)
    code, _, errors = run(capsys, *look, "0", "1", "--images", "3", "--seed", "5")
    assert code == 2
    assert "seed was 0, is 5; images was 6, is 3" in errors
    monkeypatch.setattr(cli, "code_digests", lambda *modules: {"diversevis.seeds": "0"})
    code, _, errors = run(capsys, *look, "1")
    assert code == 2
    assert "diversevis.seeds" in errors
    assert of_folder(tmp_path) == before


def test_a_set_that_is_stopped_goes_on_where_it_was(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(cli._UNITS_AT_ONCE, "cpu", 1)
    look = ("visualize", "controls", "simple", "0", "1", "2", "--grid", "0.1", *QUICK)
    make, made = cli.make, []

    def stopping(*arguments, **settings):
        made.append(arguments[3]["channels"])
        if len(made) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        make(*arguments, **settings)

    monkeypatch.setattr(cli, "make", stopping)
    code, _, errors = run(capsys, *look, "--out", tmp_path)
    assert code == INTERRUPTED
    assert "goes on from here" in errors
    there = [row["channel"] for row in read_rows(tmp_path / "metrics.csv")]
    assert there == ["0", "1"]
    assert run(capsys, *look, "--out", tmp_path)[0] == 0
    assert made == [[0], [1], [2], [2]]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_deformations_beyond_what_folds(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("diversevis.stimuli.deformations._MOST_DRAWS", 40_000)
    code, _, errors = run(
        capsys,
        *("invariance", "controls", "simple", "0", "--families", "deformations", "--delta", "7"),
        *("--steps", "2", "--out", tmp_path / "out"),
    )
    assert code == 2
    assert "without folding" in errors
    assert not (tmp_path / "out").exists()


def test_networks_lists_layers_and_cache(capsys):
    code, output, _ = run(capsys, "networks")
    assert code == 0
    for expected in ("vgg19", "resnet50-torchvision", "conv3_1", "24 px", "layer2.0", "cache:"):
        assert expected in output
    assert sum("+positions" in line for line in output.splitlines()) == 1, "nulls take one line"


VISUALIZE = ("visualize", "vgg19", "conv3_1", "21")
INVARIANCE = ("invariance", "vgg19", "conv3_1", "21")


def test_no_cuda_device(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, errors = run(capsys, *VISUALIZE, "--device", "cuda", "--out", tmp_path / "out")
    assert code == 2
    assert "cpu" in errors


def test_cache_not_writable(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIVERSEVIS_CACHE", str(tmp_path / "file"))
    code, _, errors = run(capsys, *VISUALIZE, "--out", tmp_path / "out", *QUICK)
    assert code == 2
    assert "DIVERSEVIS_CACHE" in errors
    assert not (tmp_path / "out").exists()


@pytest.fixture
def unreachable(monkeypatch, tmp_path):
    """A network whose only source refuses connections, and an empty cache."""
    url = "http://127.0.0.1:9/weights.pth"
    source = Url(filename="weights.pth", checksum="sha256:" + "0" * 64, url=url)
    converter = get_network("vgg19").sources[0][1]
    network = dataclasses.replace(
        get_network("vgg19"), name="far-away", sources=((source, converter),)
    )
    monkeypatch.setitem(registry.NETWORKS, "far-away", network)
    monkeypatch.setenv("DIVERSEVIS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "downloads" / "weights.pth"


def test_no_source_reachable_lists_each_and_where_to_put_the_file(capsys, unreachable, tmp_path):
    arguments = ("visualize", "far-away", "conv1_1", "0", "--out", tmp_path / "out")
    code, _, errors = run(capsys, *arguments)
    assert code == 2
    for expected in ("127.0.0.1:9", "refused", str(unreachable), "0" * 64):
        assert expected in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["visualize", "invariance"])
@pytest.mark.parametrize(
    ("layer", "channel", "message"), [("conv1_1", "64", "0 to 63"), ("conv9_1", "0", "conv4_1")]
)
def test_what_needs_no_weights_is_checked_before_they_are_fetched(
    capsys, unreachable, tmp_path, command, layer, channel, message
):
    arguments = (command, "far-away", layer, channel, "--out", tmp_path / "out")
    code, _, errors = run(capsys, *arguments)
    assert code == 2
    assert message in errors
    assert "refused" not in errors


def test_file_put_by_hand_with_the_wrong_hash(capsys, unreachable, tmp_path):
    unreachable.parent.mkdir(parents=True)
    unreachable.write_bytes(b"not these weights")
    code, _, errors = run(capsys, "fetch", "far-away")
    assert code == 2
    assert "0" * 64 in errors
    assert str(unreachable) in errors
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_disk_full_leaves_no_file(capsys, monkeypatch, tmp_path):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numpy.savez", full)
    code, _, errors = run(capsys, *VISUALIZE, "--diversity", "0", "--out", tmp_path / "out", *QUICK)
    assert code == 2
    assert "free some disk space" in errors
    assert not (tmp_path / "out").exists()


def test_interrupt_leaves_no_file_and_no_traceback(capsys, monkeypatch, tmp_path):
    def interrupted(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("diversevis.optimisation.engine._advance", interrupted)
    code, _, errors = run(capsys, *VISUALIZE, "--diversity", "0", "--out", tmp_path / "out", *QUICK)
    assert code == 130
    assert "Traceback" not in errors
    assert not (tmp_path / "out").exists()


def test_non_finite_loss_is_reported(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("diversevis.optimisation.problem.patch_norm", lambda size: float("nan"))
    code, _, errors = run(capsys, *VISUALIZE, "--diversity", "0", "--out", tmp_path / "out", *QUICK)
    assert code == 1
    assert "vgg19, layer conv3_1, channel 21" in errors
    assert "Traceback" not in errors


def test_synthesis_needs_nothing_but_its_core_packages(tmp_path):
    """On a bare GPU machine: no matplotlib, pandas, scipy, h5py, snakemake or yaml."""
    blocked = ["matplotlib", "seaborn", "pandas", "scipy", "h5py"]
    blocked += ["snakemake", "yaml"]
    commands = [
        ["visualize", "vgg19", "conv1_2", "1", "--out", str(tmp_path), *QUICK],
        [
            *("invariance", "vgg19", "conv1_2", "1", "--families", "all-shifts", "--steps", "2"),
            *("--out", str(tmp_path / "invariance")),
        ],
        ["run", str(tmp_path / "few.json"), "--out", str(tmp_path / "results")],
    ]
    few = {
        "scale": "few",
        "layers": {"vgg19": ["conv1_1"]},
        "units": {"per_layer": 1},
        "synthesis": {"images": 2, "grid": [0.1], "steps": 2},
        "natural": {"patches": 10},
        "invariance": {"families": ["shifts"], "steps": 1, "peak_steps": 1},
        "controls": {"kinds": "plain", "steps": 1, "peak_steps": 1, "members": 16},
    }
    (tmp_path / "few.json").write_text(json.dumps(few))
    code = f"""
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from diversevis.cli import main
sys.exit(max(main(command) for command in {commands!r}))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "matplotlib is not installed" in result.stderr
    assert (tmp_path / "visualizations.npz").exists()
    assert (tmp_path / "invariance" / "tests.csv").exists()
    assert (tmp_path / "results/few/tests/vgg19/conv1_1/seed-1/tests.csv").exists()
    assert not (tmp_path / "contact_sheet.png").exists()


FEW = {
    "scale": "few",
    "layers": {"vgg19": ["conv1_2"]},
    "units": {"per_layer": 1},
    "synthesis": {"images": 2, "grid": [0.1], "steps": 2},
    "natural": {"patches": 20},
    "invariance": {
        "families": ["shifts"],
        "delta": [2],
        "steps": 2,
        "peak_steps": 2,
        "trial_steps": 1,
        "training": 4,
        "held_out": 4,
        "per_step": 2,
    },
    "controls": {"kinds": "plain", "steps": 1, "peak_steps": 1, "members": 16},
}


def test_run_keeps_what_is_fresh_and_tells_what_is_stale_and_why(capsys, tmp_path):
    def lines(content):
        (tmp_path / "few.json").write_text(json.dumps(content))
        code, output, errors = run(
            capsys, "run", tmp_path / "few.json", "--out", tmp_path / "results", "--device", "cpu"
        )
        assert code == 0, errors
        told = dict(line.split(": ", 1) for line in output.splitlines() if ": " in line)
        ahead = [name for name in told if name.endswith(" stages to be made")]
        assert len(ahead) == (set(told.values()) != {"kept"})
        return {name: said for name, said in told.items() if name not in ahead}

    first = lines(FEW)
    assert all("(new)" in told for told in first.values())
    assert "control_tests/rigid" in first
    assert set(lines(FEW).values()) == {"kept"}

    more = lines({**FEW, "natural": {"patches": 30}})
    assert "patches was 20, is 30" in more["natural/vgg19/conv1_2"]
    # What starts from natural patches is made anew, nothing else.
    anew = {name for name, told in more.items() if told != "kept"}
    assert {"natural/vgg19/conv1_2", "sweep/vgg19/conv1_2"} <= anew
    assert {name.split("/")[0] for name in more if name not in anew} >= {
        *("network", "photographs", "norms", "control_tests", "control_sets")
    }

    (tmp_path / "results/few/gratings/vgg19/conv1_2/gratings.csv").unlink()
    again = lines({**FEW, "natural": {"patches": 30}})
    assert {name for name, told in again.items() if told != "kept"} == {"gratings/vgg19/conv1_2"}
    assert "no gratings.csv" in again["gratings/vgg19/conv1_2"]
    stages = [row["stage"] for row in read_rows(tmp_path / "results/few/timings.csv")]
    assert sorted(stages) == sorted(first)


SMALLEST = {**FEW, "layers": {"vgg19": ["conv1_1"]}, "units": {"per_layer": 3}}
"""Too small for any family: nothing takes long."""


def test_parts_are_made_one_by_one_and_merged(capsys, tmp_path):
    (tmp_path / "few.json").write_text(json.dumps(SMALLEST))

    def call(command, *more):
        where = ("--out", tmp_path / "results")
        code, output, errors = run(capsys, command, tmp_path / "few.json", *where, *more)
        lines = [line.split(": ", 1) for line in output.splitlines() if ": " in line]
        return code, errors, dict(lines)

    code, _, first = call("run", "--part", "2/3", "--device", "cpu")
    assert code == 0
    assert "sweep_part/vgg19/conv1_1/2-of-3" in first
    assert not [key for key in first if "1-of-3" in key or key.startswith("control")]
    _, _, again = call("run", "--part", "2/3")
    assert set(again.values()) == {"kept"}
    code, _, told = call("merge")
    assert code == 1
    assert "sweep_part/vgg19/conv1_1/3-of-3 (new)" in told["sweep/vgg19/conv1_1"]
    code, errors, _ = call("run", "--part", "1/2")
    assert code == 2
    assert "in 2 parts" in errors
    assert "parts of 3 in" in errors
    for part in ("3/3", "1/3"):
        code, _, other = call("run", "--part", part)
        assert code == 0
        assert other["natural/vgg19/conv1_1"] == "kept"
    # Sweeps first: what is made of them has to see them.
    code, errors, told = call("merge")
    assert code == 0, (errors, told)
    assert told["sweep/vgg19/conv1_1"] == "gathered of 3 parts"
    assert set(call("merge")[2].values()) == {"kept"}
    # A run without parts takes what was merged as its own.
    shutil.rmtree(tmp_path / "results/few/parts")
    alone = jobs(COMPUTING, Run.of(read_settings(SMALLEST), {}, results=tmp_path / "results"))
    gathered = [job for job in alone if job.key in told]
    assert {job.stage.name for job in gathered} >= {"sweep", "tests", "gratings", "stability"}
    assert [job.key for job in gathered if stale(job)] == []
    assert call("merge")[0] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": {"vgg9": ["conv1_1"]}}, "vgg19"),
        ({"layers": {"vgg19": ["conv1_9"]}}, "conv1_1"),
        ({"invariance": {"families": ["shift"]}}, "shifts"),
        ({"device": "tpu"}, "cpu"),
        ({"scale": "../escape"}, "letters"),
        ({"sede": 1}, "did you mean seed"),
    ],
)
def test_run_finds_bad_names_before_anything_is_computed(capsys, tmp_path, changes, message):
    (tmp_path / "few.json").write_text(json.dumps({**FEW, **changes}))
    code, output, errors = run(capsys, "run", tmp_path / "few.json", "--out", tmp_path / "results")
    assert code == 2
    assert message in errors
    assert output == ""
    assert not (tmp_path / "results").exists()


def test_photographs_can_be_fetched(capsys):
    code, output, _ = run(capsys, "fetch", "photographs")
    assert code == 0
    assert "919 photographs" in output


def test_the_fast_schedule_is_the_default(capsys, tmp_path):
    """Two units with everything took 164 s under the published schedule, 37 s under the fast."""
    code, _, _ = run(
        capsys, *("visualize", "vgg19", "conv1_2", "5", "--diversity", "0", "--out", tmp_path)
    )
    assert code == 0
    assert ImageSets.load(tmp_path / "visualizations.npz").steps.tolist() == [FAST.steps]
