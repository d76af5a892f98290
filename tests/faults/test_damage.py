"""Damaged results are named and made anew; a full disk is told, and nothing is half done."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from surfaces import RUN, VISUALIZE, finished, is_whole, made, prepared

SWEEP = "sweeps/vgg19/conv2_1/sweep.npz"
FIRST, SECOND = ("tests/vgg19/conv2_1/seed-0/peaks.csv", "tests/vgg19/conv2_1/seed-1/peaks.csv")
NORMS = "tables/norms.csv"
NATURAL = "natural/resnet50/layer1.0/natural.npz"


def test_damaged_results_are_made_anew_and_nothing_else(whole_run, copied_run):
    root = copied_run / "results/some"
    times = (root / SWEEP).stat()
    (root / SWEEP).write_bytes((root / SWEEP).read_bytes()[:-1000])
    os.utime(root / SWEEP, ns=(times.st_atime_ns, times.st_mtime_ns))
    (root / NATURAL).write_bytes(os.urandom((root / NATURAL).stat().st_size))
    first, second = ((root / name).read_bytes() for name in (FIRST, SECOND))
    (root / FIRST).write_bytes(second)
    (root / SECOND).write_bytes(first)
    (root / NORMS).unlink()
    _, said = RUN.finish(copied_run)
    lines = dict(re.findall(r"^(\S+): (.*)$", said, re.M))
    assert "not as it was made: sweep.npz" in lines["sweep/vgg19/conv2_1"]
    assert "not as it was made: natural.npz" in lines["natural/resnet50/layer1.0"]
    assert "not as it was made: peaks.csv" in lines["tests/vgg19/conv2_1/seed-0"]
    assert "not as it was made: peaks.csv" in lines["tests/vgg19/conv2_1/seed-1"]
    assert "no norms.csv" in lines["norms"]
    # What reads a damaged file waits until it is made anew: the same content, so it is kept.
    assert lines["gratings/vgg19/conv2_1"] == lines["tests/resnet50/layer1.0/seed-0"] == "kept"
    assert made(copied_run) == made(whole_run)


def on_a_small_disk(folder: Path, command: tuple[str, ...], at: str) -> subprocess.CompletedProcess:
    """Run a command on a disk of 100 kB, then make it larger and run it again."""
    (folder / at).mkdir()
    lines = [
        f'mount -t tmpfs -o size=100k none "{at}" || exit 77',
        '"$@" > first.txt 2>&1',
        "echo $? > first.code",
        f'find "{at}" -type f > first.files',
        f'mount -o remount,size=500m "{at}"',
        '"$@" > second.txt 2>&1',
        "echo $? > second.code",
        f'cp -r "{at}" kept',
    ]
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", "\n".join(lines), "sh", *command],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_a_full_disk_is_told_and_leaves_nothing_half_done(whole_visualize, tmp_path):
    folder = prepared(tmp_path / "small")
    if not shutil.which("unshare"):
        pytest.skip("no unshare here")
    result = on_a_small_disk(folder, VISUALIZE.arguments, "made")
    if not (folder / "first.code").exists():
        pytest.skip(f"no disk can be mounted here: {result.stderr}")
    said = (folder / "first.txt").read_text()
    assert (folder / "first.code").read_text() == "2\n", said
    assert "No space left on device" in said
    assert "free some disk space" in said
    assert "Traceback" not in said
    assert (folder / "first.files").read_text() == ""
    assert (folder / "second.code").read_text() == "0\n", (folder / "second.txt").read_text()
    assert is_whole(folder / "kept")
    (folder / "kept").rename(folder / "put")
    ours = {name.split("/", 1)[1]: d for name, d in made(folder).items() if name[:4] == "put/"}
    theirs = {name.split("/", 1)[1]: digest for name, digest in made(whole_visualize).items()}
    assert ours == theirs


@pytest.mark.long
def test_a_full_disk_ends_a_run_that_goes_on_later(whole_run, tmp_path):
    folder = prepared(tmp_path / "small")
    if not shutil.which("unshare"):
        pytest.skip("no unshare here")
    on_a_small_disk(folder, RUN.arguments, "results")
    if not (folder / "first.code").exists():
        pytest.skip("no disk can be mounted here")
    said = (folder / "first.txt").read_text()
    assert (folder / "first.code").read_text() == "2\n", said
    assert "No space left on device" in said
    assert "Traceback" not in said
    again = (folder / "second.txt").read_text()
    assert (folder / "second.code").read_text() == "0\n", again
    assert ": kept" in again, "what was finished before the disk was full is kept"
    ours = {name.split("/", 1)[1]: d for name, d in made(folder / "kept").items()}
    theirs = {name.split("/", 2)[2]: digest for name, digest in made(whole_run).items()}
    assert ours == theirs
    assert finished(folder / "kept")
