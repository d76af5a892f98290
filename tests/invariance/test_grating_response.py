"""Best gratings: analytic units whose best grating and modulation are known, and real ones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from diversevis.errors import UserError
from diversevis.invariance.grating_response import best_gratings, coarse_grid, harmonics
from diversevis.networks.trunk import load_trunk
from diversevis.optimisation.schedule import Schedule
from diversevis.stimuli.gratings import gratings
from diversevis.units.patches import patch_norm

ORIENTATION = torch.tensor([0.35, 1.2, 3.11])  # the last one is refined from beyond pi
FREQUENCY = torch.tensor([0.11, 0.23, 0.31])
COLOUR = torch.nn.functional.normalize(
    torch.tensor([[1.0, 0.8, 0.1], [1.0, -0.6, 0.0], [0.3, 0.2, -1.0]]), dim=1
)
PHASE = torch.tensor([0.5, 2.0, 5.0])


class Gabors(nn.Module):
    """Units whose filters are gratings: no patch drives them better than these."""

    network, layer, earlier_layers = "analytic", "gabors", ()
    size, channels = 24, 3

    def __init__(self) -> None:
        super().__init__()
        even, odd = (
            gratings(self.size, ORIENTATION, FREQUENCY, COLOUR, PHASE + shift).flatten(1)
            / patch_norm(self.size)
            for shift in (0, math.pi / 2)
        )
        self.register_buffer("even", even)
        self.register_buffer("odd", odd)

    def respond(self, patches, tap="pixels"):
        return patches.flatten(1) @ self.even.T, patches


class Rectified(Gabors):
    def respond(self, patches, tap="pixels"):
        return super().respond(patches)[0].relu(), patches


class Energy(Gabors):
    def respond(self, patches, tap="pixels"):
        x = patches.flatten(1)
        return ((x @ self.even.T).square() + (x @ self.odd.T).square() + 1e-6).sqrt(), patches


class Silent(Gabors):
    def respond(self, patches, tap="pixels"):
        return super().respond(patches)[0] - 1e6, patches


@pytest.fixture(scope="module")
def linear():
    return best_gratings(Gabors(), [0, 1, 2], phases=64)


def test_linear_unit_finds_its_own_grating(linear):
    """Adam at a constant rate of 0.02 comes as near; the grid's cells are ten times as wide."""
    assert linear.channels == (0, 1, 2)
    torch.testing.assert_close(linear.orientation, ORIENTATION, rtol=0, atol=0.02)
    torch.testing.assert_close(linear.frequency, FREQUENCY, rtol=0.02, atol=0)
    # A grating is the same with the opposite colour and half a cycle on.
    sign = (linear.colour * COLOUR).sum(1).sign()
    torch.testing.assert_close(linear.colour * sign[:, None], COLOUR, rtol=0, atol=0.03)
    phase = PHASE + math.pi * (sign < 0)
    assert ((linear.phase - phase).cos() > 0.998).all()
    # The optimum by Cauchy and Schwarz, and quadratic in all the errors above.
    torch.testing.assert_close(linear.best, torch.full((3,), patch_norm(24)), rtol=2e-3, atol=0)


class TwoPeaks(Gabors):
    """Like a linear unit at most phases, and three times as strong around another one."""

    def respond(self, patches, tap="pixels"):
        other = gratings(self.size, ORIENTATION, FREQUENCY, COLOUR, PHASE + 2.2).flatten(1)
        cosine = patches.flatten(1) @ other.T / patch_norm(self.size) ** 2
        return super().respond(patches)[0] + 80 * patch_norm(24) * (cosine - 0.95).relu(), patches


@pytest.mark.parametrize("kind", [Gabors, TwoPeaks])
def test_parameters_are_those_of_the_best_grating(kind):
    found = best_gratings(kind(), [0, 1, 2])
    patches = gratings(24, found.orientation, found.frequency, found.colour, found.phase)
    responses = kind().respond(patches)[0].diagonal()
    # float32, on values of some thousand, 80 times as steep for the second kind.
    torch.testing.assert_close(found.best, responses, rtol=1e-4, atol=0)
    assert (found.best == found.responses.max(1).values).all()


@pytest.mark.parametrize("kind", [Gabors, Rectified])
def test_simple_cell_has_a_modulation_of_half_pi(kind):
    gabors = best_gratings(kind(), [0, 1, 2], phases=64)
    # 64 samples: 0.1 %; patches of equal norm at every phase, not of equal contrast: as much again.
    expected = torch.full((3,), math.pi / 2)
    torch.testing.assert_close(gabors.modulation, expected, rtol=0.005, atol=0)


def test_energy_model_has_no_modulation():
    complex_cells = best_gratings(Energy(), [0, 1, 2])
    assert (complex_cells.modulation < 0.01).all()
    torch.testing.assert_close(complex_cells.frequency, FREQUENCY, rtol=0.03, atol=0)


def test_unit_that_no_grating_drives_has_no_modulation():
    silent = best_gratings(Silent(), [1], schedule=Schedule(steps=2))
    assert silent.modulation.isnan().all()
    assert silent.f0.isnan().all()
    assert silent.best.isfinite().all()


def test_harmonics_of_known_curves():
    phase = torch.arange(400, dtype=torch.float64) * (2 * math.pi / 400)
    curves = torch.stack(
        [
            3 * phase.cos(),  # rectified: mean 3 / pi, first harmonic 3 / 2
            2 + phase.sin(),
            torch.full_like(phase, 5.0),
            (2 * phase).cos().abs(),
            -torch.ones_like(phase),
        ]
    )
    f0, f1 = harmonics(curves)
    nan = math.nan
    expected = torch.tensor([[3 / math.pi, 2, 5, 2 / math.pi, nan], [1.5, 1, 0, 0, nan]])
    # 400 samples of a kinked curve: (pi / 400)^2 / 3 and less.
    torch.testing.assert_close(
        torch.stack([f0, f1]), expected.double(), rtol=1e-4, atol=1e-9, equal_nan=True
    )


def test_real_units_are_driven_at_least_as_well_as_by_the_grid():
    trunk = load_trunk("vgg19", "conv2_2")
    numbers = [5, 40, 77]
    gabors = best_gratings(trunk, numbers)
    grid = coarse_grid(14).float().flatten(0, 2)
    patches = gratings(14, grid[:, 0], grid[:, 1], grid[:, 3:], grid[:, 2])
    with torch.no_grad():
        coarse = torch.cat([trunk(part) for part in patches.split(128)])[:, numbers].max(0).values
    # The same patch in batches of other sizes: float32 rounding.
    assert (gabors.best >= coarse - 1e-3).all()
    assert (gabors.best > 1.01 * coarse).any(), "refinement has not moved"
    assert ((gabors.frequency >= 0.5 / 14) & (gabors.frequency <= 0.5)).all()
    assert gabors.responses.shape == (3, 16)


def test_without_refinement_the_grid_is_kept():
    """A rate at which every step throws the grating elsewhere must not make it worse."""
    units = Gabors()
    wild = best_gratings(units, [0, 1, 2], schedule=Schedule(learning_rate=50.0, steps=3))
    grid = coarse_grid(24).float().flatten(0, 2)
    patches = gratings(24, grid[:, 0], grid[:, 1], grid[:, 3:], grid[:, 2])
    coarse = units.respond(patches)[0].max(0).values
    assert (wild.best >= coarse * (1 - 1e-5)).all()


def test_frequency_stays_within_its_bounds():
    class Flat(Gabors):
        """Driven by the patch's mean: wants a frequency of zero."""

        def respond(self, patches, tap="pixels"):
            return patches.mean((1, 2, 3))[:, None].expand(-1, 3), patches

    flat = best_gratings(Flat(), [0], schedule=Schedule(steps=60))
    assert 0.5 / 24 <= flat.frequency.item() < 0.7 / 24


def test_grid_covers_orientations_frequencies_and_colours():
    grid = coarse_grid(24)
    assert grid.shape == (12, 8, 13 * 4, 6)
    assert grid[..., 1].min().item() == pytest.approx(1 / 24)
    assert grid[..., 1].max().item() == pytest.approx(0.4)
    colours = grid[0, 0, ::4, 3:]
    overlaps = (colours @ colours.T).abs() - torch.eye(13)
    assert overlaps.max() < 0.99  # neither the same nor opposite ones


def test_a_unit_does_not_depend_on_its_neighbours():
    units = Gabors().double()
    alone = best_gratings(units, [1])
    beside = best_gratings(units, [2, 1, 0], chunk=3)
    assert alone.frequency.dtype == torch.float64
    # Float64 rounding in batches of other sizes.
    torch.testing.assert_close(beside.responses[1], alone.responses[0], rtol=0, atol=1e-8)
    torch.testing.assert_close(beside.frequency[1], alone.frequency[0], rtol=0, atol=1e-10)


def test_seeds():
    first, again, other = (best_gratings(Gabors(), [1], seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.responses, again.responses)
    assert not torch.equal(first.orientation, other.orientation)
    torch.testing.assert_close(first.best, other.best, rtol=2e-3, atol=0)


@pytest.mark.parametrize(
    ("numbers", "change", "message"),
    [
        ([3], {}, "0 to 2"),
        ([], {}, "none"),
        ([0], {"phases": 2}, "at least 3, for phases"),
        ([0], {"phases": 10**10}, "GiB for gratings at 10,000,000,000 phases"),
        ([0], {"schedule": "slow"}, "fast, published"),
        ([0], {"seed": 1.5}, "for a seed"),
        ([0], {"chunk": -1}, "at least 1, for chunk"),
    ],
)
def test_bad_input_says_what_to_do(numbers, change, message):
    with pytest.raises(UserError, match=message) as error:
        best_gratings(Gabors(), numbers, **change)
    assert error.value.remedy


def test_patch_too_small_for_a_grid():
    with pytest.raises(UserError, match="3 px"):
        coarse_grid(2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_finds_the_same_gratings(linear):
    cuda = best_gratings(Gabors().cuda(), [0, 1, 2], phases=64)
    torch.testing.assert_close(cuda.best, linear.best, rtol=2e-3, atol=0)
