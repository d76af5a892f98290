"""Devices by name, and full float32."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from diversevis.devices import choose_device, exact_float32, get_dtype
from diversevis.errors import UserError


@pytest.fixture
def gpus(monkeypatch):
    """Let PyTorch say that there are so many GPUs."""

    def pretend(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


@pytest.mark.parametrize(
    ("name", "count", "device"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda"),
        ("cpu", 2, "cpu"),
        ("cuda", 2, "cuda"),
        ("cuda:0", 2, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
        (torch.device("cpu", 0), 0, "cpu"),
        (torch.device("cuda", 1), 2, "cuda:1"),
    ],
)
def test_auto_takes_a_gpu_where_there_is_one(gpus, name, count, device):
    gpus(count)
    assert choose_device(name) == torch.device(device)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [
        ("cuda", 0, "a CUDA device for cuda\n.*none that PyTorch can use\n.*take cpu"),
        ("cuda:0", 0, "none that PyTorch can use"),
        ("cuda:3", 2, "a CUDA device for cuda:3\n.*cuda:0, cuda:1\n.*take cuda:0"),
        ("gpuu", 2, "auto, cpu, cuda, cuda:0, cuda:1"),
        ("cud", 0, "did you mean cuda"),
        ("cuda:", 2, "the name of a device"),
        ("cuda:-1", 2, "the name of a device"),
        ("mps", 0, "auto, cpu, cuda"),
        ("", 0, "auto, cpu, cuda"),
        (0, 2, "auto, cpu, cuda"),
        (None, 2, "auto, cpu, cuda"),
        (torch.device("cuda"), 0, "none that PyTorch can use"),
        (torch.device("meta"), 0, "auto, cpu, cuda"),
    ],
)
def test_a_device_that_is_not_there_is_an_error(gpus, name, count, message):
    gpus(count)
    with pytest.raises(UserError, match=message):
        choose_device(name)


def test_precisions_by_name():
    assert get_dtype("bfloat16") == torch.bfloat16
    with pytest.raises(UserError, match="did you mean bfloat16"):
        get_dtype("bfloat61")
    for other in (torch.float16, ["float32"], None):
        with pytest.raises(UserError, match="name of a precision"):
            get_dtype(other)


def test_tf32_is_off_inside_and_as_before_outside(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    before = torch.backends.cudnn.allow_tf32
    with exact_float32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


_KEPT = """
import sys
import torch
from diversevis.devices import give_memory_back, keep_memory
def taken():
    with open("/proc/self/statm") as file:
        return 4096 * int(file.read().split()[1])
if not keep_memory():
    sys.exit(3)
parts = [torch.ones(2**18) for _ in range(256)]
last = torch.ones(2**18)
before = taken()
del parts
kept = taken()
give_memory_back()
print(before - kept, before - taken())
"""


def test_kept_memory_is_given_back():
    result = subprocess.run([sys.executable, "-c", _KEPT], capture_output=True, text=True)
    if result.returncode == 3:
        pytest.skip("the C library is not glibc")
    kept, back = map(int, result.stdout.split())
    # Of 256 MiB; some gaps of the heap stay.
    assert kept < 2**27 < back


_FAULTS = """
import resource, sys
import torch
from diversevis.devices import keep_memory
if not keep_memory():
    sys.exit(3)
for _ in range(10):
    torch.ones(2**24).sum()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(2**24).sum()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_kept_memory_is_not_taken_again_page_by_page():
    result = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, text=True)
    if result.returncode == 3:
        pytest.skip("the C library is not glibc")
    # Ten times 64 MiB have 163,840 pages of 4 KiB; the first ten may fill gaps of the heap.
    assert int(result.stdout) < 40_000
