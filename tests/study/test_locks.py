"""Locks: one process at a time, and none that outlives its process."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from diversevis.errors import UserError
from diversevis.study.locks import held

CHILD = """
import sys
from pathlib import Path
from diversevis.study.locks import held
with held(Path(sys.argv[1]), "it", wait=True):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path):
    processes = []

    def begin() -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path / "a.lock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def test_one_waits_for_the_other_and_says_for_whom(start):
    first = start()
    assert first.stdout.readline() == "held\n"
    second = start()
    assert f"it: waiting for process {first.pid} on " in second.stderr.readline()
    assert second.poll() is None
    first.communicate("go on\n")
    assert second.stdout.readline() == "held\n"


def test_killed_processes_hold_nothing(start, tmp_path):
    first = start()
    assert first.stdout.readline() == "held\n"
    first.kill()
    first.wait()
    assert (tmp_path / "a.lock").exists()
    begin = time.monotonic()
    with held(tmp_path / "a.lock", "it", wait=True):
        pass
    assert time.monotonic() - begin < 5, "there was nobody to wait for"
    assert not (tmp_path / "a.lock").exists()


def test_who_does_not_wait_is_told_whom_to_wait_for(start, tmp_path):
    first = start()
    assert first.stdout.readline() == "held\n"
    with (
        pytest.raises(UserError, match=f"process {first.pid} on "),
        held(tmp_path / "a.lock", "it", wait=False),
    ):
        pytest.fail("it is held")


def test_a_lock_goes_with_the_block_that_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), held(tmp_path / "a.lock", "it", wait=False):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
