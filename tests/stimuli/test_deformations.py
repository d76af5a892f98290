"""The ensemble of deformations: what is in it, and what is not."""

from __future__ import annotations

import math

import pytest
import torch

from diversevis.errors import UserError
from diversevis.seeds import generator
from diversevis.stimuli.deformations import coefficients, displacements
from diversevis.stimuli.masks import window


def drawn(delta: float, count: int = 40, seed: int = 0):
    return coefficients(delta / 24, count, generator(seed, "test", delta))


def weights(size: int) -> torch.Tensor:
    squared = window(size) ** 2
    return squared / squared.sum()


@pytest.mark.parametrize("size", [14, 24, 48])
@pytest.mark.parametrize("delta", [1, 2, 3])
def test_displacement_is_the_wanted_one_at_every_size(size, delta):
    fields = displacements(drawn(delta), size)
    assert fields.shape == (40, size, size, 2)
    rms = (fields.square().sum(-1) * weights(size)).sum((1, 2)).sqrt()
    # Averages are taken on a fine grid, of which the patch's pixels are a coarse one.
    torch.testing.assert_close(rms, torch.full_like(rms, delta * size / 24), rtol=0.02, atol=0)


@pytest.mark.parametrize("size", [24, 48])
def test_neither_translation_nor_rotation_nor_scale_is_left(size):
    fields = displacements(drawn(2), size).double()
    at = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    radius = size / 4
    w = weights(size).double()[..., None]
    for function in (torch.ones_like(x), x / radius, y / radius):
        moment = (fields * function[..., None] * w).sum((1, 2))
        # Of 2 px; again the pixels' grid against the fine one.
        assert moment.abs().max() < 0.05 * size / 24


@pytest.mark.parametrize("delta", [1, 2, 3])
def test_no_field_folds(delta):
    fields = displacements(drawn(delta), 128).movedim(-1, 1)
    dx = fields[:, :, :-1, 1:] - fields[:, :, :-1, :-1]
    dy = fields[:, :, 1:, :-1] - fields[:, :, :-1, :-1]
    jacobian = (1 + dx[:, 0]) * (1 + dy[:, 1]) - dx[:, 1] * dy[:, 0]
    # Slopes are exact, at 64 points a side, there; differences between 128 pixels here.
    assert (jacobian.flatten(1).amin(1) > -0.05).all()
    assert jacobian.amin() < 0.5, "deformations should be strong, or nothing is tested"


def test_fields_are_smooth_and_of_the_stated_modes():
    """A field plus some affine map is a combination of the published sine modes."""
    size = 32
    fields = displacements(drawn(1, 5), size).double()
    at = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    y, x = torch.meshgrid(at, at, indexing="ij")
    basis = [
        torch.sin(i * math.pi * x) * torch.sin(j * math.pi * y)
        for i in range(1, 5)
        for j in range(1, 5)
        if math.hypot(i, j) < 4.5
    ]
    basis = torch.stack([*basis, torch.ones_like(x), x, y]).flatten(1).T
    target = fields.movedim(-1, 0).flatten(2).flatten(0, 1).T
    residual = target - basis @ torch.linalg.lstsq(basis, target).solution
    assert residual.abs().max() < 1e-4  # coefficients are float32


def test_seeds():
    assert torch.equal(drawn(2), drawn(2))
    assert not torch.equal(drawn(2), drawn(2, seed=1))


def test_displacement_beyond_what_folds_is_refused(monkeypatch):
    monkeypatch.setattr("diversevis.stimuli.deformations._MOST_DRAWS", 40_000)
    with pytest.raises(UserError, match="folding"):
        drawn(6)
