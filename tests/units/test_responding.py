"""Passes in portions: all inputs once, in order, and no gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from diversevis.units import responding
from diversevis.units.responding import at_once, responses


class Counting(nn.Module):
    """Answers with each patch's sum, and remembers how many it was shown at once."""

    network, layer, size, channels, earlier_layers = "toy", "sum", 2, 1, ()

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.passes = []

    def respond(self, patches, tap="pixels"):
        self.passes.append(len(patches))
        return patches.sum((1, 2, 3))[:, None] * self.weight, patches


@pytest.fixture(autouse=True)
def seven_at_once(monkeypatch):
    monkeypatch.setattr(responding, "_PATCHES", 7)


def test_every_patch_is_shown_once_and_in_order():
    units, patches = Counting(), torch.randn(17, 3, 2, 2)
    parts = list(responses(units, patches))
    assert units.passes == [7, 7, 3]
    assert torch.equal(torch.cat([part for _, part, _ in parts])[:, 0], patches.sum((1, 2, 3)))
    assert torch.equal(torch.cat([seen for _, _, seen in parts]), patches.flatten(1))
    assert [which for which, _, _ in parts] == [slice(0, 7), slice(7, 14), slice(14, 21)]
    assert not any(part.requires_grad for _, part, _ in parts)


def test_inputs_that_make_several_patches_are_shown_whole():
    units, sets = Counting(), torch.randn(5, 3, 3, 2, 2)
    doubled = list(responses(units, sets, lambda some: 2 * some, each=3))
    assert units.passes == [6, 6, 3]
    answers = torch.cat([part for _, part, _ in doubled])
    assert answers.shape == (5, 3, 1)
    torch.testing.assert_close(answers[..., 0], 2 * sets.sum((2, 3, 4)))
    assert at_once(units, each=100) == 1
