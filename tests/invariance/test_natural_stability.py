"""Stability on natural patches: units for which it is known."""

from __future__ import annotations

import pytest
import torch

from diversevis.controls.filters import best_filters
from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.invariance.contrast import contrast_curves
from diversevis.invariance.families.registry import build_families
from diversevis.invariance.natural_stability import natural_stability
from diversevis.stimuli.masks import window
from diversevis.synthesis.surrogate_set import Surrogates
from diversevis.synthesis.targets import channels
from diversevis.units.patches import patch_norm

FAMILIES = build_families(["shifts", "deformations"], [2], 24)


def given(kind="simple", family=FAMILIES[0], numbers=(0, 1, 2), members=5):
    """Return what the stability of controls is measured of: noise around their best patches."""
    units = Controls(kind)
    best = best_filters(units.plain, units.filters)[list(numbers)]
    templates = best * (patch_norm(24) / best.flatten(1).norm(dim=1))[:, None, None, None]
    stream = torch.Generator().manual_seed(1)
    scenes = 40 * torch.randn(3, 4, 3, family.side, family.side, generator=stream)
    middle = slice(family.margin, family.margin + 24)
    scenes = scenes[list(numbers)]
    scenes[..., middle, middle] += 2 * templates[:, None]
    return {
        "units": units,
        "targets": channels(units, numbers),
        "scenes": list(scenes),
        "family": family,
        "members": family.draw(members, torch.Generator().manual_seed(2)),
        "curves": contrast_curves(units, channels(units, numbers), templates),
    }


def as_surrogates(arguments):
    """Return the same of the linear surrogates."""
    best = best_filters(arguments["units"].plain, arguments["units"].filters)[:3]
    lengths = best.flatten(1).norm(dim=1)[:, None, None, None]
    units = Surrogates(arguments["units"], best * (patch_norm(24) / lengths))
    every = channels(units, [0, 1, 2])
    curves = contrast_curves(units, every, best * (patch_norm(24) / lengths))
    return arguments | {"units": units, "targets": every, "curves": curves}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_linear_units_are_as_stable_as_their_surrogates(family):
    units, surrogates = (
        natural_stability(**make(given(family=family))) for make in (dict, as_surrogates)
    )
    # Float32 sums of some thousand products, in another order.
    torch.testing.assert_close(units.value, surrogates.value, rtol=1e-4, atol=0)
    torch.testing.assert_close(units.undisturbed, surrogates.undisturbed, rtol=1e-4, atol=0)
    assert (units.value < 0.9).all(), "moves that change nothing show nothing"


def test_complex_cells_are_more_stable_and_their_nonlinearity_does_not_matter():
    plain, squared = (natural_stability(**given(kind)) for kind in ("complex", "complex-squared"))
    assert (plain.value > natural_stability(**as_surrogates(given("complex"))).value + 0.1).all()
    # Curves are tabulated at 1/64 of the peak's contrast, and read linearly between.
    torch.testing.assert_close(squared.value, plain.value, rtol=0.01, atol=0)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_scenes_that_moves_leave_alone(family):
    """Uniformly coloured ones: every unit is wholly stable, whatever it answers to them."""
    arguments = given("rectified", family)
    colours = torch.tensor([90.0, 60.0, 30.0])[:, None, None].expand(-1, family.side, family.side)
    arguments["units"].filters.add_(0.01)  # a Gabor answers next to nothing to them
    found = natural_stability(**arguments | {"scenes": [colours[None]] * 3})
    torch.testing.assert_close(found.value, torch.ones(3, dtype=torch.float64), rtol=1e-5, atol=0)


@pytest.mark.parametrize("at_once", [1, 4, 48])
def test_is_the_definition_spelled_out(at_once, monkeypatch):
    monkeypatch.setattr("diversevis.units.responding._PATCHES", at_once)
    arguments = given("complex", FAMILIES[1])
    units, family, mask = arguments["units"], FAMILIES[1], window(24)
    found = natural_stability(**arguments)
    end = family.margin + 24
    for unit, scenes in enumerate(arguments["scenes"]):
        still, moved = [], []
        for scene in scenes:
            middle = scene[:, family.margin : end, family.margin : end] * mask
            factor = patch_norm(24) / middle.norm()
            still.append(middle * factor)
            for member in arguments["members"]:
                moved.append(family.act(scene[None], member[None])[0, 0] * mask * factor)
        curve = arguments["curves"][unit : unit + 1]
        before, after = (
            curve.effective(units.respond(torch.stack(patches))[0][:, unit][None]).mean()
            for patches in (still, moved)
        )
        # Float32 rounding of the patches and of the sums over them.
        expected = torch.stack([after / before, before]).double()
        measured = torch.stack([found.value[unit], found.undisturbed[unit]])
        torch.testing.assert_close(measured, expected, rtol=1e-4, atol=1e-5)


def test_a_unit_does_not_depend_on_its_neighbours():
    beside, alone = (
        natural_stability(**given("complex", numbers=numbers)) for numbers in ((0, 1, 2), (1,))
    )
    assert torch.equal(alone.value, beside.value[1:2])
    assert torch.equal(alone.undisturbed, beside.undisturbed[1:2])


def test_what_patches_do_not_drive_has_no_stability():
    arguments = given()
    found = natural_stability(**arguments | {"scenes": [-s for s in arguments["scenes"]]})
    assert (found.undisturbed < 0).all()
    assert found.value.isnan().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scenes": [torch.zeros(1, 3, 24, 24)] * 3}, "scenes of shape"),
        ({"scenes": []}, "one set for each target"),
        ({"family": build_families(["shifts"], [2], 23)[0]}, "one for 23 px"),
    ],
)
def test_bad_input_says_what_to_do(change, message):
    with pytest.raises(UserError, match=message):
        natural_stability(**given() | change)
