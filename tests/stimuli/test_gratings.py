"""Gratings: the waves that their parameters say, on the norm budget."""

from __future__ import annotations

import math

import pytest
import torch

from diversevis.errors import UserError
from diversevis.stimuli.gratings import gratings
from diversevis.stimuli.masks import window
from diversevis.units.patches import patch_norm

RED = [1.0, 0.0, 0.0]


def one(size, orientation, frequency, colour, phase, dtype=torch.float64):
    parameters = ([orientation], [frequency], [colour], [phase])
    return gratings(size, *(torch.tensor(p, dtype=dtype) for p in parameters))[0]


@pytest.mark.parametrize("size", [3, 14, 24])
def test_all_are_on_the_norm_budget(size):
    stream = torch.Generator().manual_seed(0)
    orientation, frequency, phase = 7 * torch.rand(3, 50, generator=stream)
    low, high = 0.5 / size, 0.5
    colour = torch.randn(50, 3, generator=stream)
    patches = gratings(size, orientation, low + (high - low) * frequency / 7, colour, phase)
    assert patches.shape == (50, 3, size, size)
    norms = patches.flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.full_like(norms, patch_norm(size)))


@pytest.mark.parametrize("orientation", [0.0, 0.4, 2.5])
def test_pixel_by_pixel(orientation):
    size, frequency, phase, colour = 11, 0.17, 0.9, (1.0, -0.5, 0.2)
    patch = one(size, orientation, frequency, colour, phase)
    mask = window(size, dtype=torch.float64)
    expected = torch.zeros(3, size, size, dtype=torch.float64)
    for row in range(size):
        for column in range(size):
            along = math.cos(orientation) * (column - 5) + math.sin(orientation) * (row - 5)
            wave = math.cos(2 * math.pi * frequency * along + phase) * mask[row, column]
            for channel in range(3):
                expected[channel, row, column] = colour[channel] * wave
    expected *= patch_norm(size) / expected.norm()
    # Algebra in float64, on values of some hundred.
    torch.testing.assert_close(patch, expected, rtol=0, atol=1e-10)


def test_opposite_colour_is_half_a_cycle():
    opposite = one(14, 0.3, 0.2, [-1.0, 0.5, 0.0], 0.4)
    shifted = one(14, 0.3, 0.2, [1.0, -0.5, 0.0], 0.4 + math.pi)
    torch.testing.assert_close(opposite, shifted, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("frequency", "colour", "phase"), [(0.0, RED, math.pi / 2), (0.2, [0.0, 0.0, 0.0], 0.0)]
)
def test_what_vanishes_is_grey_and_has_a_gradient(frequency, colour, phase):
    parameters = [
        torch.tensor(p, dtype=torch.float64, requires_grad=True)
        for p in ([0.3], [frequency], [colour], [phase])
    ]
    patches = gratings(14, *parameters)
    assert patches.abs().max() < 1e-9
    patches.sum().backward()
    assert all(p.grad.isfinite().all() for p in parameters)


def test_gradients_are_those_of_finite_differences():
    parameters = [
        torch.tensor(p, dtype=torch.float64, requires_grad=True)
        for p in ([0.3, 2.0], [0.11, 0.4], [[1.0, -0.5, 0.2], RED], [0.4, 3.0])
    ]
    assert torch.autograd.gradcheck(lambda *p: gratings(5, *p), parameters)


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(UserError, match=r"\[2\], \[1\], \[1, 3\], \[1\]"):
        gratings(5, torch.zeros(2), torch.zeros(1), torch.zeros(1, 3), torch.zeros(1))
