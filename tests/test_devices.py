"""Devices by name, and full float32."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from diversevis.devices import choose_device, exact_float32
from diversevis.errors import UserError


@pytest.mark.parametrize(
    ("name", "available", "kind"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_auto_takes_a_gpu_where_there_is_one(monkeypatch, name, available, kind):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert choose_device(name).type == kind


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="CUDA"):
        choose_device("cuda")


def test_tf32_is_off_inside_and_as_before_outside(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    before = torch.backends.cudnn.allow_tf32
    with exact_float32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before


_FAULTS = """
import resource, sys
import torch
from diversevis.devices import keep_memory
if not keep_memory():
    sys.exit(3)
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
    # Ten times 64 MiB have 163,840 pages of 4 KiB; where another block is free, it is taken once.
    assert int(result.stdout) < 40_000
