"""The workflow on a SLURM that `slurm.sh` starts: `make test-cluster` runs this.

Its profile is the project's own with what this cluster differs in, and too little memory for one
job at first. There is no way out of the cluster, and no GPU: a file stands for one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from diversevis.pipeline import STAGES
from diversevis.study.needs import needs
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Run, jobs

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-cluster/bin/python"
PROFILE = ROOT / "workflow/profiles/slurm/config.yaml"
TINY = {
    "scale": "tiny",
    "device": "cpu",
    "layers": {"vgg19": ["conv2_1"]},
    "units": {"per_layer": 2},
    "synthesis": {"images": 3, "grid": [0.01, 0.1], "steps": 20},
    "natural": {"patches": 200},
    "invariance": {
        "delta": [2],
        "steps": 4,
        "starts": 2,
        "trial_steps": 2,
        "per_step": 4,
        "training": 16,
        "held_out": 8,
        "peak_steps": 20,
        "effort_units": 1,
    },
    "controls": {"kinds": "plain", "steps": 4, "peak_steps": 4, "members": 16},
}
KILLED, TOO_LARGE = "tests/vgg19/conv2_1/seed-0", "gratings/vgg19/conv2_1"
LITTLE = 400
"""MiB, of which PyTorch alone takes more."""

MOST_SECONDS = 3600


@dataclass(frozen=True)
class Submitted:
    """What SLURM tells of a job that it was given."""

    state: str
    partition: str
    mib: int
    minutes: int
    cores: int
    gpus: str
    log: Path


@dataclass(frozen=True)
class Done:
    """A run: its folder, how it ended, and its jobs on the cluster by their names, in order."""

    folder: Path
    code: int
    output: str
    submitted: dict[str, list[Submitted]]


def command(folder: Path, *arguments: str) -> list[str]:
    return [
        *(str(PYTHON), "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(folder), "--configfile", str(folder / "tiny.yaml")),
        *("--profile", str(folder / "profile"), *arguments),
    ]


def tell(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def comment(key: str) -> str:
    """Return what the plugin has SLURM say of a job, from the job's name."""
    rule, *values = key.split("/")
    wildcards = "_".join(value.removeprefix("seed-") for value in values)
    return f"rule_{rule}_wildcards_{wildcards}" if values else f"rule_{rule}"


def mebibytes(text: str) -> int:
    """Return what SLURM says of memory: it makes gibibytes of whole ones."""
    return int(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]


def submitted(names: dict[str, str]) -> dict[str, list[Submitted]]:
    """Return SLURM's jobs by `names`, which are by comment."""
    found = defaultdict(list)
    for line in tell("scontrol", "show", "job", "--oneliner").splitlines():
        field = dict(re.findall(r"(\S+?)=(\S*)", line))
        hours, minutes, _ = field["TimeLimit"].split(":")  # none takes a day
        found[names[field["Comment"]]].append(
            Submitted(
                field["JobState"],
                field["Partition"],
                mebibytes(field["MinMemoryNode"]),
                60 * int(hours) + int(minutes),
                int(field["NumCPUs"]),
                field.get("TresPerJob", ""),
                Path(field["StdOut"]),
            )
        )
    return found


def kill(key: str, log: Path, workflow: subprocess.Popen) -> None:
    """Kill all processes of a job as soon as its step has started."""
    deadline = time.monotonic() + MOST_SECONDS
    while not log.exists():
        assert workflow.poll() is None, f"the workflow ended before {key} started"
        assert time.monotonic() < deadline, f"{key} has never started"
        time.sleep(0.1)
    lines = [line.split() for line in tell("squeue", "--noheader", "--format=%i %k").splitlines()]
    (number,) = (number for number, said in lines if said == comment(key))
    for line in tell("scontrol", "listpids", number).splitlines()[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(line.split()[0]), signal.SIGKILL)


@pytest.fixture(scope="module")
def run():
    """The run's settings."""
    return Run.of(read_settings(TINY), read_criteria(ROOT / "config/criteria.yaml"))


@pytest.fixture(scope="module")
def done(run, tmp_path_factory):
    """A whole run, of which one job is killed half-way, and one has too little memory at first."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    profile["set-resources"]["gratings"] = {
        **profile["set-resources"]["gratings"],
        "mem_mb": f"{LITTLE} * attempt ** 3",
    }
    profile |= {
        "slurm-no-account": True,
        "slurm-status-command": "squeue",
        "slurm-init-seconds-before-status-checks": 3,
    }
    (folder / "profile").mkdir()
    (folder / "profile/config.yaml").write_text(yaml.safe_dump(profile))
    started = time.monotonic()
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command(folder), stdout=output, stderr=subprocess.STDOUT)
        kill(KILLED, folder / f"results/tiny/logs/{KILLED}.log", process)
        process.wait(timeout=MOST_SECONDS)
    names = {comment(job.key): job.key for job in jobs(STAGES, run)}
    found = submitted(names)
    count = sum(map(len, found.values()))
    print(f"\n{count} jobs on SLURM, {time.monotonic() - started:.0f} s")
    for key, attempts in found.items():
        print(key, *attempts, sep="\n    ")
    return Done(folder, process.returncode, (folder / "output.txt").read_text(), found)


def test_a_run_is_complete(run, done):
    assert done.code == 0, done.output[-4000:]
    files = [path for job in jobs(STAGES, run) for path in (*job.writes.values(), job.record)]
    assert not [path for path in files if not (done.folder / path).exists()]


def test_what_computes_is_sent_to_the_gpus_and_nothing_else_anywhere(run, done):
    expected = {job.key for job in jobs(STAGES, run) if job.stage.on_device}
    assert set(done.submitted) == expected
    for attempts in done.submitted.values():
        for job in attempts:
            assert (job.partition, job.gpus, job.cores) == ("gpu", "gres:gpu:1", 2)


def test_jobs_ask_for_what_they_need_and_for_more_with_every_attempt(run, done):
    by_key = {job.key: job for job in jobs(STAGES, run)}
    for key, attempts in done.submitted.items():
        for number, job in enumerate(attempts, 1):
            asked = needs(by_key[key].stage, run, by_key[key].place, number)
            mib = LITTLE * number**3 if key == TOO_LARGE else asked["mem_mb"]
            assert (job.mib, job.minutes) == (mib, asked["runtime"]), key


def test_jobs_that_are_killed_come_back(done):
    states = {key: [job.state for job in attempts] for key, attempts in done.submitted.items()}
    assert states.pop(KILLED) == states.pop(TOO_LARGE) == ["FAILED", "COMPLETED"]
    assert "exceeded memory limit" in done.submitted[TOO_LARGE][0].log.read_text()
    # No more than these two jobs' work was lost.
    assert set(map(tuple, states.values())) == {("COMPLETED",)}


def test_nothing_is_left_to_do(done):
    again = subprocess.run(
        command(done.folder), capture_output=True, text=True, check=False, cwd=done.folder
    )
    assert again.returncode == 0
    assert "Nothing to be done" in again.stderr + again.stdout


def test_a_node_downloads_nothing(done):
    """A cache that has lost what was fetched: the job says so, and does not reach out."""
    target = "results/tiny/natural/vgg19/conv2_1/natural.npz"
    shutil.rmtree((done.folder / target).parent)
    (done.folder / "empty").mkdir()
    result = subprocess.run(
        command(done.folder, "--retries", "0", target),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DIVERSEVIS_CACHE": str(done.folder / "empty")},
    )
    assert result.returncode == 1
    log = (done.folder / "results/tiny/logs/natural/vgg19/conv2_1.log").read_text()
    assert f"in the cache {done.folder / 'empty'}" in log
    assert "$DIVERSEVIS_OFFLINE forbids to download" in log
