"""Relative stability: units for which its value is known."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from diversevis.errors import UserError
from diversevis.invariance.stability import relative_stability
from diversevis.seeds import generator
from diversevis.stimuli.deformations import coefficients, displacements


class White(nn.Module):
    """Linear units with white random filters: all changes of one norm are alike to them."""

    network, layer, earlier_layers = "analytic", "white", ()

    def __init__(self, size: int = 12, channels: int = 3) -> None:
        super().__init__()
        self.size, self.channels = size, channels
        stream = torch.Generator().manual_seed(0)
        filters = torch.randn(channels, 3 * size * size, generator=stream)
        self.filters = nn.Parameter(filters, requires_grad=False)

    def respond(self, patches, tap="pixels"):
        return patches.flatten(1) @ self.filters.T, patches


class Blue(White):
    """Sees the blue channel alone."""

    def respond(self, patches, tap="pixels"):
        return super().respond(patches * patches.new_tensor([0, 0, 1])[:, None, None])[0], patches


def noise(units, n, size=12, seed=1):
    return 30 * torch.randn(units, n, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_unit_that_deformations_leave_alone():
    """Deformed images without blue still have none, and noise has."""
    images = noise(3, 4)
    images[:, :, 2] = 0
    stability = relative_stability(Blue(), [0, 1, 2], images, delta=2)
    assert torch.equal(stability.mean, torch.zeros(3, dtype=torch.float64))
    assert torch.equal(stability.median, torch.zeros(3, dtype=torch.float64))


def test_smooth_unit_is_stable_on_rough_images():
    """A unit that sums the whole patch: a deformed checkerboard still averages out."""

    class Sum(White):
        def respond(self, patches, tap="pixels"):
            return patches.mean((1, 2, 3))[:, None].expand(-1, 3), patches

    x = torch.arange(24.0)
    checks = 40 * (-1) ** (x[:, None] + x)
    stability = relative_stability(Sum(24), [0], checks.expand(1, 2, 3, 24, 24), delta=1)
    assert stability.mean < 0.1


def test_white_linear_units_cannot_tell_deformations_from_noise():
    """R is 1 in expectation over filters.

    A unit has 240 changes of each kind, those by the members of one image correlated by about a
    half. Over seeds, means of 20 units differ by 5 %, of medians by 8 %: tolerances are three times
    as wide. Noise of another norm would be off by its square.
    """
    stability = relative_stability(White(channels=20), range(20), noise(20, 60), delta=2, members=4)
    assert stability.mean.mean().item() == pytest.approx(1, abs=0.16)
    assert stability.median.mean().item() == pytest.approx(1, abs=0.24)
    assert not torch.allclose(stability.mean, stability.median)


def test_unit_on_the_only_edge_is_unstable():
    """All that deformations change in these images lies in its filter; of noise, little does."""
    units, images = White(24, 1), torch.zeros(1, 1, 3, 24, 24)
    images[..., 12:] = 50
    units.filters[0] = 0
    units.filters[0].view(3, 24, 24)[:, 8:16, 11:13] = 1
    assert relative_stability(units, [0], images, delta=2).mean > 3


@pytest.mark.parametrize("at_once", [4, 128])
def test_is_the_definition_spelled_out(at_once, monkeypatch):
    monkeypatch.setattr("diversevis.units.responding._PATCHES", at_once)
    units, (n, members) = White().double(), (2, 5)
    images = noise(3, n).double()
    stability = relative_stability(units, [0, 1, 2], images, delta=1.5, members=members, seed=4)
    draws = coefficients(1.5 / 24, members, generator(4, "stability deformations"))
    fields = displacements(draws.double(), 12)
    for unit in range(3):
        stream = generator(4, "stability noise", "analytic", "white", unit)
        e = torch.randn(members, n, 3, 12, 12, generator=stream).double()
        by_deformation, by_noise = [], []
        for member, field in enumerate(fields):
            for i, x in enumerate(images[unit]):
                change = read(x, field) - x
                white = e[member, i] * change.norm() / e[member, i].norm()
                by_deformation.append((units.filters[unit] @ change.flatten()).square())
                by_noise.append((units.filters[unit] @ white.flatten()).square())
        above, below = torch.stack(by_deformation), torch.stack(by_noise)
        # Float64 rounding of responses of a thousand whose differences are squared.
        torch.testing.assert_close(
            stability.mean[unit], above.mean() / below.mean(), rtol=1e-8, atol=0
        )
        median = above.quantile(0.5) / below.quantile(0.5)
        torch.testing.assert_close(stability.median[unit], median, rtol=1e-8, atol=0)


def read(image, field):
    """Return an image read at displaced pixels, bilinearly, zero outside: one at a time."""
    size = image.shape[-1]
    padded = F.pad(image, (size,) * 4)
    out = torch.zeros_like(image)
    for row in range(size):
        for column in range(size):
            dx, dy = field[row, column].tolist()
            x, y = column + dx + size, row + dy + size
            left, top = math.floor(x), math.floor(y)
            for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
                weight = (1 - abs(y - top - i)) * (1 - abs(x - left - j))
                out[:, row, column] += weight * padded[:, top + i, left + j]
    return out


def test_a_unit_does_not_depend_on_its_neighbours():
    units, images = White(), noise(3, 4)
    beside = relative_stability(units, [2, 0, 1], images[[2, 0, 1]], delta=2)
    alone = relative_stability(units, [0], images[:1], delta=2)
    torch.testing.assert_close(alone.mean[0], beside.mean[1], rtol=0, atol=0)
    torch.testing.assert_close(alone.median[0], beside.median[1], rtol=0, atol=0)


def test_seeds():
    first, again, other = (
        relative_stability(White(), [0], noise(1, 2), delta=1, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first.mean, again.mean)
    assert not torch.allclose(first.mean, other.mean)


def test_grey_images_have_no_stability():
    stability = relative_stability(White(), [0], torch.zeros(1, 2, 3, 12, 12), delta=1)
    assert stability.mean.isnan().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delta": 0.0}, "above zero"),
        ({"delta": math.nan}, "above zero"),
        ({"members": 0}, "at least 1, for deformations"),
        ({"targets": [0, 1]}, r"\[2, n, 3, 12, 12\]"),
        ({"images": torch.zeros(1, 2, 3, 11, 11)}, "images of shape"),
        ({"images": "photographs"}, "images of shape"),
        ({"members": 10**12}, "GiB for 1,000,000,000,000 deformations"),
        ({"delta": "1"}, "above zero"),
        ({"seed": -1}, "for a seed"),
        ({"images": torch.zeros(1, 0, 3, 12, 12)}, "images of shape"),
        ({"targets": [3]}, "0 to 2"),
        ({"units": White(6), "images": torch.zeros(1, 2, 3, 6, 6)}, "at least 10 px"),
    ],
)
def test_bad_input_says_what_to_do(change, message):
    given = {"units": White(), "targets": [0], "images": noise(1, 2), "delta": 1.0, **change}
    with pytest.raises(UserError, match=message) as error:
        relative_stability(**given)
    assert error.value.remedy


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_gives_the_same():
    images = noise(3, 4)
    cpu = relative_stability(White(), [0, 1, 2], images, delta=2)
    gpu = relative_stability(White().cuda(), [0, 1, 2], images, delta=2)
    torch.testing.assert_close(gpu.mean, cpu.mean, rtol=1e-3, atol=0)
