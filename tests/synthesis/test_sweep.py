"""The sweep over diversity: what is chosen."""

from __future__ import annotations

import pytest
import torch

from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.optimisation.schedule import FAST, of_length
from diversevis.synthesis.choice import select_diversity
from diversevis.synthesis.diverse import diverse_sets
from diversevis.synthesis.sweep import pick, sweep


@pytest.fixture(scope="module")
def result():
    settings = {"images": 3, "grid": [0.001, 0.1, 3.0], "schedule": of_length(FAST, 40)}
    return sweep(Controls("complex"), [0, 1], **settings)


def test_each_unit_gets_the_most_diverse_set_that_keeps_its_activation(result):
    activation = torch.stack([level.activations.mean(1) for level in result.levels])
    for unit, level in enumerate(result.selected.tolist()):
        assert activation[level, unit] >= 0.9 * activation[0, unit]
        assert (activation[level + 1 :, unit] < 0.9 * activation[0, unit]).all()
    assert (activation[-1] < 0.9 * activation[0]).any(), "a grid that costs nothing tests nothing"


def test_weights_are_relative_to_the_units_own_restarts(result):
    scale = result.restarts.activations.mean(1) / result.restarts.min_distance
    for relative, level in zip(result.relative, result.levels, strict=True):
        torch.testing.assert_close(level.diversity, relative * scale)


def test_chosen_sets_are_those_of_the_selected_levels(result):
    chosen = pick(result.levels, torch.tensor([2, 0]))
    assert torch.equal(chosen.images[0], result.levels[2].images[0])
    assert torch.equal(chosen.images[1], result.levels[0].images[1])
    assert torch.equal(
        chosen.diversity, torch.stack([result.levels[2].diversity[0], chosen.diversity[1]])
    )
    assert chosen.names == result.restarts.names


@pytest.mark.parametrize("fraction", [5, 0, -1, float("nan"), "most"])
def test_a_fraction_that_is_none_is_refused(fraction, result):
    with pytest.raises(UserError, match="above 0 and at most 1 for fraction"):
        sweep(Controls("simple"), [0], fraction=fraction)
    with pytest.raises(UserError, match="for fraction"):
        select_diversity(torch.ones(2, 1), fraction=fraction)


def test_given_starts_are_those_of_every_level():
    units, settings = Controls("simple"), {"images": 2, "schedule": of_length(FAST, 2)}
    noise = torch.randn(2, 2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    given = sweep(units, [0, 1], grid=[0.1, 0.2], start=noise, **settings)
    first = diverse_sets(
        units, [0, 1], start=noise, diversity=given.levels[2].diversity, **settings
    )
    assert torch.equal(given.levels[2].images, first.images)


@pytest.mark.parametrize("grid", [[float("nan")], [float("inf")], ["a"], 0.1, "0.1"])
def test_grids_are_of_numbers(grid):
    with pytest.raises(UserError, match="relative diversit"):
        sweep(Controls("simple"), [0], grid=grid)


@pytest.mark.parametrize("grid", [[], [0.1, 0.1], [0.3, 0.1], [0.0, 0.1], [-1.0]])
def test_grids_have_to_rise_from_above_zero(grid):
    with pytest.raises(UserError, match="rise from above zero"):
        sweep(Controls("simple"), [0], grid=grid)
