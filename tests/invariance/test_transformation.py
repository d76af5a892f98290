"""The transformation test: guarantees of the batch, members, masks, units nothing drives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from diversevis.errors import NonFiniteLossError, UserError
from diversevis.invariance.canvases import Canvases, coverage
from diversevis.invariance.evaluation import evaluate
from diversevis.invariance.families.all_shifts import AllShifts
from diversevis.invariance.families.deformations import Deformations
from diversevis.invariance.families.registry import build_families
from diversevis.invariance.families.shifts import Shifts
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.peak import RESTARTS, best_patches
from diversevis.invariance.transformation import (
    Sampling,
    Trials,
    split_members,
    transformation_test,
)
from diversevis.networks.trunk import load_trunk
from diversevis.optimisation.engine import minimise
from diversevis.optimisation.schedule import Schedule
from diversevis.results.tests import LayerTests
from diversevis.stimuli.masks import window
from diversevis.synthesis.diverse import diverse_sets
from diversevis.synthesis.targets import channels
from diversevis.units.patches import patch_norm

FEW = Sampling(per_step=6, training=24, held_out=16)


def short(steps: int) -> Schedule:
    return Schedule(learning_rate=0.1, steps=steps, patience=steps)


@pytest.fixture(scope="module")
def trunk():
    return load_trunk("vgg19", "conv2_1")


@pytest.fixture(scope="module")
def peaks(trunk):
    return best_patches(trunk, channels(trunk, [3, 40, 77]), schedule=Schedule(steps=60))


def run(trunk, peaks, family, numbers=(3, 40, 77), steps=15, **settings):
    which = [(3, 40, 77).index(number) for number in numbers]
    settings = {"sampling": FEW, **settings}
    return transformation_test(
        trunk,
        channels(trunk, numbers),
        family,
        peaks.patches[which],
        schedule=short(steps),
        **settings,
    )


@pytest.mark.parametrize("family", [AllShifts(10), Shifts(10, 2.0), Deformations(10, 1.0)])
@pytest.mark.parametrize("chunk", [1, 2])
def test_units_do_not_depend_on_chunks_or_neighbours(trunk, peaks, family, chunk):
    together = run(trunk, peaks, family)
    chunked = run(trunk, peaks, family, chunk=chunk)
    alone = run(trunk, peaks, family, numbers=(40,))
    # Convolutions may round differently for another batch size; 15 steps do not amplify it far.
    torch.testing.assert_close(chunked.responses, together.responses, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(alone.responses[0], together.responses[1], rtol=1e-3, atol=1e-2)


def test_a_job_that_enters_late_sees_the_members_of_its_own_steps(trunk, peaks):
    """Jobs at different steps share a batch; patience makes their lengths differ."""
    ragged = Schedule(learning_rate=3.0, steps=30, patience=2)
    family = Shifts(10, 2.0)
    settings = {"sampling": FEW, "schedule": ragged}
    targets = channels(trunk, [3, 40, 77])
    together = transformation_test(trunk, targets, family, peaks.patches, **settings)
    chunked = transformation_test(trunk, targets, family, peaks.patches, chunk=2, **settings)
    torch.testing.assert_close(chunked.responses, together.responses, rtol=1e-2, atol=5e-2)


def test_seeds(trunk, peaks):
    family = Shifts(10, 2.0)
    first, again, other = (
        run(trunk, peaks, family, numbers=(3,), steps=3, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first.responses, again.responses)
    assert not torch.equal(first.members, other.members)


def test_members_are_held_out_and_finite_families_complete():
    training, held_out = split_members(Shifts(10, 2.0), Sampling(4, 20, 9), seed=0)
    assert (len(training), len(held_out)) == (20, 9)
    assert not set(training.tolist()) & set(held_out.tolist())
    training, held_out = split_members(AllShifts(10), Sampling(4, 20, 9), seed=0)
    assert len(training) == len(held_out) == 81


def test_canvas_members_have_the_budget_on_average_and_responses_are_theirs(trunk, peaks):
    family = Deformations(10, 1.0)
    result = run(trunk, peaks, family, steps=5)
    assert torch.equal(result.masks[0], window(10))
    patches = family.act(result.canvases, result.members) * window(10)
    norms = patches.flatten(2).norm(dim=2)
    torch.testing.assert_close(
        norms.square().mean(1).sqrt(), torch.full((3,), patch_norm(10)), rtol=1e-4, atol=0
    )
    for unit, channel in enumerate((3, 40, 77)):
        expected = trunk(patches[unit])[:, channel]
        torch.testing.assert_close(result.responses[unit], expected, rtol=1e-3, atol=1e-2)
        full = patches[unit] * (patch_norm(10) / norms[unit])[:, None, None, None]
        highest = trunk(full)[:, channel].max()
        torch.testing.assert_close(result.highest[unit], highest, rtol=1e-3, atol=1e-2)


def test_the_best_start_goes_on(trunk, peaks):
    """Judged after all steps, a race of three ends with the best of the three alone."""
    family, steps = AllShifts(10), 12
    every_crop = Sampling(per_step=81, training=1, held_out=1)
    settings = {"sampling": every_crop, "steps": steps}
    race = run(trunk, peaks, family, trials=Trials(3, steps, judged=1), **settings)
    targets = channels(trunk, [3, 40, 77])
    thrice, members = targets.repeated(3), family.complete()
    problem = Canvases(
        units=trunk, targets=thrice, starts=3, family=family, training=members, patches_per_job=81
    )
    canvases, masks = problem.split(minimise(problem, short(steps)).parameters)
    alone = evaluate(trunk, thrice, family, canvases, masks, members)[1]
    means = alone.mean(1).view(3, 3)
    # Judged before the last step, so two nearly equal starts may change places.
    torch.testing.assert_close(race.responses.mean(1), means.amax(0), rtol=0.02, atol=0)
    assert (means.amax(0) > 1.01 * means.amin(0)).any(), "starts that end alike test nothing"


def test_more_starts_help_where_optima_are_many(trunk, peaks):
    family = Shifts(10, 2.0)
    settings = {"steps": 40, "sampling": Sampling(12, 24, 24)}
    one, four = (run(trunk, peaks, family, trials=Trials(n, 15), **settings) for n in (1, 4))
    # The surrogate's canvas is among the four; noise between steps may cost a little.
    assert four.responses.mean() > 0.98 * one.responses.mean()


def test_optimising_helps(trunk, peaks):
    family = AllShifts(10)
    short_run, longer = (run(trunk, peaks, family, steps=steps) for steps in (1, 120))
    assert (longer.responses.mean(1) > short_run.responses.mean(1)).all()


def test_min_weight_raises_the_lowest_member(trunk, peaks):
    family = Shifts(10, 2.0)
    everything = Sampling(per_step=24, training=24, held_out=16)
    mean, lowest = (
        run(trunk, peaks, family, steps=150, min_weight=w, sampling=everything) for w in (0.0, 0.9)
    )
    assert lowest.responses.amin(1).mean() > mean.responses.amin(1).mean()


def test_learned_masks_move_and_do_not_hurt(trunk, peaks):
    family = AllShifts(10)
    every_crop = Sampling(per_step=81, training=1, held_out=1)
    fixed = run(trunk, peaks, family, steps=120, sampling=every_crop)
    learned = run(trunk, peaks, family, steps=120, sampling=every_crop, learn_mask=True)
    assert learned.mask == "learned"
    assert (learned.masks - window(10)).abs().max() > 0.01
    assert learned.responses.mean() > 0.95 * fixed.responses.mean()


def test_subsets_of_crops_reach_what_all_crops_reach(trunk, peaks):
    """As stated in the method: a random subset per step gives the same index, here within 0.03."""
    family = AllShifts(10)
    subset = run(trunk, peaks, family, steps=250, sampling=Sampling(24, 1, 1))
    complete = run(trunk, peaks, family, steps=250, sampling=Sampling(81, 1, 1))
    difference = (subset.responses.mean(1) - complete.responses.mean(1)) / peaks.responses
    assert difference.abs().max() < 0.03


def test_bfloat16_steps_are_scored_in_float32(trunk, peaks):
    family = Shifts(10, 2.0)
    fast = run(trunk, peaks, family, steps=60, precision="bfloat16")
    exact = run(trunk, peaks, family, steps=60)
    difference = (fast.responses.mean(1) - exact.responses.mean(1)) / peaks.responses
    assert difference.abs().max() < 0.03  # bfloat16 has eight bits; the noise averages out
    members = fast.members
    _, responses, _, _ = evaluate(
        trunk, channels(trunk, [3, 40, 77]), family, fast.canvases, fast.masks, members
    )
    torch.testing.assert_close(responses, fast.responses, rtol=1e-4, atol=1e-3)


class Bright(nn.Module):
    """Units that like brightness."""

    network, layer, channels, earlier_layers = "toy", "bright", 1, ()

    def __init__(self, size):
        super().__init__()
        self.size = size

    def respond(self, patches, tap="pixels"):
        return patches.mean((1, 2, 3))[:, None], patches


class Dead(nn.Module):
    """One unit that likes brightness, and one that nothing drives above zero."""

    network, layer, size, channels, earlier_layers = "toy", "dead", 12, 2, ()

    def respond(self, patches, tap="pixels"):
        mean = patches.mean((1, 2, 3))
        return torch.stack([mean, -1 - mean.square()], 1), patches


def test_a_unit_that_nothing_drives_is_listed_and_the_run_goes_on():
    units = Dead()
    result = measure_invariance(
        units,
        channels(units, [0, 1]),
        build_families(["all-shifts", "shifts"], [1.0], 12),
        sampling=FEW,
        schedule=short(10),
        peak_schedule=Schedule(steps=20),
    )
    assert [(tested.family, tested.mask) for tested in result.families] == [
        ("all-shifts", "fixed"),
        ("all-shifts", "learned"),
        ("shifts", "fixed"),
    ]
    tests = LayerTests.of(result)
    for tested in tests.families:
        driven, dead = tests.relative(tested)
        assert 0 < driven.min() <= driven.mean() <= 1
        assert np.isnan(dead).all()


def test_f_max_is_never_below_a_member_at_full_norm(trunk, peaks):
    result = measure_invariance(
        trunk,
        channels(trunk, [3]),
        [AllShifts(10)],
        sampling=FEW,
        schedule=short(60),
        peak_schedule=Schedule(steps=60),
        learn_masks=False,
    )
    assert result.f_max == torch.maximum(result.peaks.responses, result.families[0].highest)
    poor = dataclasses.replace(result.peaks, responses=0.1 * result.peaks.responses)
    result = dataclasses.replace(result, peaks=poor)
    assert result.f_max.item() == result.families[0].highest.item()


class Sleepy(nn.Module):
    """A unit behind a ReLU that noise never opens: no gradient until the patch is bright."""

    network, layer, size, channels, earlier_layers = "toy", "sleepy", 8, 1, ()

    def respond(self, patches, tap="pixels"):
        bright = patches.mean((1, 2, 3)) - 15
        return bright.relu()[:, None] * 10 - 1, patches


def test_natural_starts_wake_what_noise_does_not():
    units = Sleepy()
    targets = channels(units, [0])
    bright = torch.full((1, 3, 8, 8), 60.0)
    asleep = best_patches(units, targets, schedule=Schedule(steps=30))
    awake = best_patches(units, targets, natural=bright, schedule=Schedule(steps=30))
    assert asleep.responses.item() == -1
    assert awake.responses > 0
    assert awake.from_noise <= 0


class Narrow(nn.Module):
    """A unit that answers within 0.14 radians of its template, and has no gradient elsewhere."""

    network, layer, size, channels, earlier_layers = "toy", "narrow", 8, 1, ()

    def __init__(self):
        super().__init__()
        template = torch.randn(3 * 64, generator=torch.Generator().manual_seed(1))
        self.template = nn.Parameter(template / template.norm(), requires_grad=False)

    def respond(self, patches, tap="pixels"):
        flat = patches.flatten(1)
        cosine = flat @ self.template / flat.norm(dim=1).clamp(min=1e-6)
        return (100 * (cosine - 0.99)).relu()[:, None], patches


def test_steps_from_natural_patches_are_small_enough_to_stay_near_them():
    units = Narrow()
    targets = channels(units, [0])
    aside = torch.randn(3 * 64, generator=torch.Generator().manual_seed(2))
    near = (units.template + 0.1 * aside / aside.norm()).view(1, 3, 8, 8)
    first = units.respond(near)[0].item()
    assert first > 0
    assert best_patches(units, targets, natural=near, schedule="fast").responses > first
    lost = diverse_sets(units, targets, images=1, start=near[None], schedule="fast")
    assert lost.activations.item() == 0, "full steps leave the only place with a gradient"


def test_coverage_counts_masked_members_of_each_pixel():
    family, mask = AllShifts(6), window(6)
    expected = torch.zeros(3, 11, 11)
    for top, left in family.complete().tolist():
        expected[:, top : top + 6, left : left + 6] += mask**2
    torch.testing.assert_close(coverage(family, mask, family.complete()), expected)


def test_members_of_a_step_cover_all_shifts():
    family, units = AllShifts(17), Bright(17)  # 16 x 16 shifts
    targets = channels(units, [0])
    problem = Canvases(
        units=units,
        targets=targets,
        family=family,
        training=family.complete(),
        patches_per_job=16,
    )
    for step in (0, 1):
        cells = (problem.drawn(step) // 4).tolist()
        assert len({tuple(cell) for cell in cells}) == 16, "one in each 4 x 4 of them"
    assert not torch.equal(problem.drawn(0), problem.drawn(1))


def test_restarts_of_the_peak_are_eight():
    assert RESTARTS >= 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": Shifts(12, 1.0)}, "a family for patches of 10 px"),
        ({"family": "shifts"}, "a family of transformations"),
        ({"templates": torch.zeros(1, 3, 9, 9)}, r"templates of shape \[1, 3, 10, 10\]"),
        ({"templates": None}, "templates of shape"),
        ({"targets": [128]}, "0 to 127"),
        ({"targets": channels(Dead(), [0])}, r"directions of shape \[1, 128\]"),
        ({"min_weight": 2}, "at most 1 for min_weight"),
        ({"seed": -1}, "for a seed"),
        ({"precision": "float16"}, "name of a precision"),
        ({"schedule": "slow"}, "fast, published"),
        ({"sampling": Sampling(held_out=10**12)}, "GiB for 1,000,000,000,256 members of shifts"),
        ({"sampling": Sampling(training=10**12)}, "GiB for 1,000,000,000,128 members of shifts"),
    ],
)
def test_bad_input_says_what_to_do(trunk, change, message):
    given = {
        "units": trunk,
        "targets": [3],
        "family": Shifts(10, 1.0),
        "templates": torch.ones(1, 3, 10, 10),
        **change,
    }
    with pytest.raises(UserError, match=message):
        transformation_test(**given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sampling(per_step=0), "at least 1, for per_step"),
        (lambda: Sampling(training=1.5), "at least 1, for training"),
        (lambda: Trials(starts=0), "at least 1, for starts"),
        (lambda: Trials(trial_steps=0), "at least 1, for trial_steps"),
    ],
)
def test_numbers_of_members_and_trials_are_whole(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_what_is_too_much_is_refused_before_the_best_patches_are_looked_for(trunk, monkeypatch):
    monkeypatch.setattr("diversevis.invariance.measure.best_patches", None)
    many = Sampling(held_out=10**12)
    with pytest.raises(UserError, match="what is free"):
        measure_invariance(trunk, [3], build_families(["shifts"], [1.0], 10), sampling=many)


def test_natural_patches_have_to_fit(trunk):
    with pytest.raises(UserError, match=r"natural patches of shape \[2, 3, 10, 10\]"):
        best_patches(trunk, channels(trunk, [3, 40]), natural=torch.zeros(1, 3, 10, 10))


def test_non_finite_loss_names_unit_and_family(trunk, peaks, monkeypatch):
    monkeypatch.setattr("diversevis.optimisation.problem.patch_norm", lambda size: float("nan"))
    with pytest.raises(NonFiniteLossError, match="conv2_1, channel 3, family shifts"):
        run(trunk, peaks, Shifts(10, 1.0), numbers=(3,))
