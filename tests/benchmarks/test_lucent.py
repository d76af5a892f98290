"""Lucent is asked for the same unit and the same feature map."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchmarks import lucent
from diversevis import load_trunk


def test_without_the_package_it_says_so(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "not installed" in lucent.why_not("vgg19", torch.device("cpu"))


def test_its_module_names_are_those_of_the_layers():
    trunk = load_trunk("vgg19", "conv3_1")
    assert lucent.layer_index("vgg19", "conv3_1") == len(trunk.steps) - 1
    after = lucent.layer_index("vgg19", "conv2_2") + 1
    assert isinstance(trunk.steps[after], nn.ReLU)
    seen = []
    trunk.steps[after].register_forward_hook(lambda module, given, output: seen.append(output))
    _, features = trunk.respond(torch.randn(2, 3, 24, 24) * 50, "conv2_2")
    assert torch.equal(seen[0][:2], features)  # filled up with zeros


@pytest.mark.skipif(
    lucent.why_not("vgg19", torch.device("cpu")) is not None, reason="torch-lucent cannot run"
)
def test_it_runs_and_leaves_no_hooks():
    trunk = load_trunk("vgg19", "conv3_1").to(memory_format=torch.contiguous_format)
    lucent.bare(trunk, 21, 2, 0.01, "conv2_2")(2)
    assert not any(module._forward_hooks for module in trunk.modules())
