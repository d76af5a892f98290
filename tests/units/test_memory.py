"""What is free: the least of what the system, control groups and the process's limits leave."""

from __future__ import annotations

import re
import resource
import subprocess
import sys

import pytest
import torch

from diversevis.errors import UserError
from diversevis.units import memory
from diversevis.units.memory import free_bytes, require

CPU = torch.device("cpu")


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Write files of a system with 1000 KiB to spare; nothing else limits it."""

    def write(files):
        for name, text in {
            "proc/meminfo": "MemFree: 1 kB\nMemAvailable: 1000 kB\n",
            **files,
        }.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    monkeypatch.setattr(memory, "_SYSTEM", tmp_path)
    return write


V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"
CACHED = "anon 7\nactive_file 100\ninactive_file 20\n"
CACHED_BELOW = "active_file 1\ntotal_active_file 100\ntotal_inactive_file 20\n"


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 1_024_000),
        (  # a job of a cluster: its group is below one with less to spare
            {
                "proc/self/cgroup": "0::/jobs/one\n",
                f"{V2}/jobs/one/memory.max": "max\n",
                f"{V2}/jobs/one/memory.current": "400\n",
                f"{V2}/jobs/memory.max": "5000\n",
                f"{V2}/jobs/memory.current": "3000\n",
                f"{V2}/jobs/memory.stat": CACHED,
            },
            2120,
        ),
        (  # a container that sees its own group at the top, under the host's path
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/docker/1\n0::/\n",
                f"{V1}/memory.limit_in_bytes": "9000\n",
                f"{V1}/memory.usage_in_bytes": "1000\n",
                f"{V1}/memory.stat": CACHED_BELOW,
            },
            8120,
        ),
        (  # version 1 without a limit
            {
                "proc/self/cgroup": "4:memory:/\n",
                f"{V1}/memory.limit_in_bytes": "9223372036854771712\n",
                f"{V1}/memory.usage_in_bytes": "1000\n",
                f"{V1}/memory.stat": CACHED_BELOW,
            },
            1_024_000,
        ),
        (  # more is taken than the limit allows
            {
                "proc/self/cgroup": "0::/\n",
                f"{V2}/memory.max": "100\n",
                f"{V2}/memory.current": "400\n",
                f"{V2}/memory.stat": "",
            },
            0,
        ),
    ],
)
def test_the_least_of_all_limits_counts(system, files, free):
    system(files)
    assert free_bytes(CPU) == free


def test_limits_of_the_process_count(system, monkeypatch):
    page = resource.getpagesize()
    system({"proc/self/statm": "10 5 3 1 0 6 0\n"})
    limits = {resource.RLIMIT_AS: 17 * page, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits[which], -1))
    assert free_bytes(CPU) == 7 * page
    limits[resource.RLIMIT_DATA] = 8 * page
    assert free_bytes(CPU) == 2 * page


def test_a_system_that_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_SYSTEM", tmp_path)
    assert free_bytes(CPU) == 2**31


def test_what_is_above_is_refused_in_words(system):
    system({"proc/meminfo": f"MemAvailable: {3 * 2**20} kB\n"})
    require(3 * 2**30, "a set", "ask for less")
    with pytest.raises(UserError) as error:
        require(3 * 2**30 + 2**20 * 300, "a set", "ask for less")
    assert error.value.expected == "at most about 3.0 GiB, what is free"
    assert error.value.received == "3.3 GiB for a set"
    assert error.value.remedy == "ask for less"


def test_what_the_process_keeps_is_not_missed(monkeypatch):
    """Programs keep what they free; it is given back before anything is refused."""
    left = [100]
    monkeypatch.setattr(memory, "free_bytes", lambda device: left[-1])
    monkeypatch.setattr(memory, "give_memory_back", lambda: not left.append(1000))
    require(100, "a set", "ask for less")
    assert left == [100]
    require(1000, "a set", "ask for less")
    with pytest.raises(UserError):
        require(1001, "a set", "ask for less")


_LIMITED = """
import resource
from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.synthesis.diverse import diverse_sets
with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**30,) * 2)
try:
    diverse_sets(Controls("simple"), [0], images=100_000)
except UserError as error:
    print(error.expected)
"""


def test_a_limited_process_is_told_and_lives():
    """100,000 images of 24 px take gigabytes: of one, the process has some left."""
    command = [sys.executable, "-c", _LIMITED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.match(r"at most about [01]\.\d GiB, what is free", done.stdout)
