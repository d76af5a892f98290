"""What canvases drive: extreme members as the unit saw them, and canvases that are nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.invariance.evaluation import evaluate, pictures
from diversevis.invariance.families.all_shifts import AllShifts
from diversevis.invariance.families.base import Family, Warps
from diversevis.invariance.families.registry import FAMILIES
from diversevis.invariance.families.shifts import Shifts
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.transformation import Sampling, Trials, transformation_test
from diversevis.optimisation.schedule import FAST, PUBLISHED_TEST, of_length
from diversevis.results.tests import LayerTests
from diversevis.seeds import generator
from diversevis.stimuli.masks import window
from diversevis.synthesis.targets import channels


class Inversion(Family):
    """Contrast as it is, and inverted: the mean of both members is nothing."""

    name, index, title, reach = "inversion", "inversion", "contrast inversion", 0

    def __init__(self, size, delta=None):
        super().__init__(size, delta)
        self.side = size

    def complete(self):
        return torch.tensor([1.0, -1.0])

    def draw(self, count, stream):
        return torch.tensor([1.0, -1.0]).repeat(count // 2)

    def act(self, canvases, members):
        return members.to(canvases)[None, :, None, None, None] * canvases[:, None]


class EndlessInversion(Inversion):
    """The same drawn at random, so that tests start from the surrogate's canvas: zeros."""

    def complete(self):
        return None


class Darkness(Inversion):
    """Members that show nothing of the canvas."""

    def act(self, canvases, members):
        return 0 * super().act(canvases, members)


@pytest.mark.parametrize("family", [Inversion, EndlessInversion])
@pytest.mark.parametrize("schedule", [of_length(FAST, 40), of_length(PUBLISHED_TEST, 200)])
@pytest.mark.parametrize("learn_masks", [False, True])
def test_contrast_inversion(monkeypatch, family, schedule, learn_masks):
    """A linear unit answers with the opposite, so that nothing is left; a complex cell as before.

    Signs of drawn members are equally frequent, which makes the surrogate's canvas zero.
    """
    monkeypatch.setattr(family, "learns_mask", learn_masks)
    for kind, expected in (("simple", 0), ("complex", 1)):
        units = Controls(kind)
        result = measure_invariance(
            units,
            channels(units, [0, 2]),
            [family(units.size)],
            sampling=Sampling(8, 32, 16),
            schedule=schedule,
            peak_schedule=of_length(FAST, 60),
            learn_masks=learn_masks,
        )
        assert len(result.families) == 1 + learn_masks
        for tested in result.families:
            assert tested.canvases.isfinite().all()
            assert tested.masks.isfinite().all()
            assert torch.equal(tested.surrogate, torch.zeros(2))
        tests = LayerTests.of(result)
        for summary in tests.families:
            index = torch.from_numpy(tests.relative(summary)).mean(1)
            # The mask and few steps leave a little; the sums of opposites only rounding.
            torch.testing.assert_close(
                index, torch.full((2,), float(expected)), rtol=0, atol=0.1 if expected else 1e-5
            )


def test_a_family_that_shows_nothing_has_a_finite_scale():
    units = Controls("simple")
    targets, family = channels(units, [0]), Darkness(24)
    for trials in (Trials(starts=1), Trials(starts=2, trial_steps=3)):
        tested = transformation_test(
            units,
            targets,
            family,
            torch.randn(1, 3, 24, 24),
            schedule=of_length(FAST, 6),
            trials=trials,
        )
        assert tested.canvases.isfinite().all()
        assert torch.equal(tested.responses, torch.zeros(1, 2))
        assert tested.highest.item() == tested.surrogate.item() == 0
    blank = torch.zeros(1, 3, 24, 24)
    scaled, responses, _, highest = evaluate(
        units, targets, Shifts(24, 1.0), torch.zeros(1, 3, 32, 32), window(24)[None], torch.ones(3)
    )
    assert not scaled.any()
    assert torch.equal(responses, units.respond(blank)[0][:, :1].expand(1, 3))
    assert highest.item() == 0


def extremes(relative, count=4):
    """The members that drive a unit most, and least, as figures had chosen them."""
    order = np.argsort(-relative, kind="stable")
    count = min(count, len(order) // 2)
    return [*order[:count], *order[len(order) - count :]]


@pytest.mark.parametrize("kind", [*FAMILIES.values(), Inversion, EndlessInversion])
def test_pictures_are_what_the_unit_was_shown(kind):
    units = Controls("complex")
    targets = channels(units, [1, 3])
    family = kind(24, 2.0) if issubclass(kind, Warps) else kind(24)
    tested = transformation_test(
        units,
        targets,
        family,
        torch.randn(2, 3, 24, 24, generator=generator(0, "t")),
        sampling=Sampling(4, 16, 20),
        schedule=of_length(FAST, 4),
        trials=Trials(starts=1),
    )
    k = min(4, len(tested.members) // 2)
    assert tested.shown.shape == (2, 2 * k)
    assert tested.patches.shape == (2, 2 * k, 3, 24, 24)
    for unit, channel in enumerate((1, 3)):
        shown = tested.shown[unit].tolist()
        assert shown == extremes(tested.responses[unit].numpy())
        assert len(set(shown)) == len(shown)
        # The same patches in a batch of another size: float32 rounding.
        torch.testing.assert_close(
            units.respond(tested.patches[unit])[0][:, channel],
            tested.responses[unit, shown],
            rtol=1e-4,
            atol=1e-3,
        )
    assert (tested.fields is None) == (not isinstance(family, Warps))
    assert (tested.unmoved is None) == (not family.has_identity)
    if tested.fields is not None:
        expected = family.displacement(tested.members[tested.shown[1]])
        assert torch.equal(tested.fields[1], expected)
    if tested.unmoved is not None:
        at = slice(family.margin, family.margin + 24)
        middle = tested.canvases[:, :, at, at] * window(24)
        # Read between pixels, at places that are round up to float32.
        torch.testing.assert_close(tested.unmoved, middle, rtol=1e-3, atol=1e-2)
    assert (tested.family, tested.index) == (family.name, family.index)
    assert (tested.title, tested.colour) == (family.title, family.colour)


def test_few_members_are_shown_once_each():
    family = AllShifts(6)
    members = family.complete()[:5]
    answers = torch.tensor([[3.0, 1.0, 3.0, 5.0, 0.0]])
    drawn = pictures(family, torch.randn(1, 3, 11, 11), window(6)[None], members, answers)
    assert drawn.shown.tolist() == [[3, 0, 1, 4]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "slow"}, "fast, published"),
        ({"precision": "float23"}, "did you mean float32"),
    ],
)
def test_bad_names_say_what_is_known(change, message):
    units = Controls("simple")
    with pytest.raises(UserError, match=message):
        transformation_test(
            units, channels(units, [0]), AllShifts(24), torch.randn(1, 3, 24, 24), **change
        )
