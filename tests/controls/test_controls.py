"""Control units: what they are, and what is known about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from diversevis.controls.filters import SIZE, corners
from diversevis.controls.kinds import KINDS
from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.invariance.families.registry import build_families
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.transformation import Sampling
from diversevis.optimisation.schedule import PUBLISHED_TEST
from diversevis.results.tests import LayerTests
from diversevis.synthesis.targets import channels
from diversevis.units.contract import check_units

SCHEDULE = replace(PUBLISHED_TEST, learning_rate=0.3, steps=300, patience=300)
# As many as the workflow has: with fewer, a closed form can fit its own members too well.
SAMPLING = Sampling(per_step=24, training=256, held_out=128)
FAMILIES = ("all-shifts", "shifts", "deformations", "rotations", "scales")


@pytest.mark.parametrize("kind", KINDS)
def test_controls_keep_the_contract_of_units(kind):
    check_units(Controls(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_responses_are_homogeneous(kind):
    units = Controls(kind)
    x = torch.randn(4, 3, SIZE, SIZE)
    # The floor under the complex cell's root is 1e-6 of responses of order one.
    torch.testing.assert_close(
        units.respond(3 * x)[0], 3 * units.respond(x)[0], rtol=1e-4, atol=1e-4
    )


def test_simple_cells_are_linear_and_rectified_ones_cut():
    x, y = torch.randn(2, 5, 3, SIZE, SIZE)
    simple, rectified = Controls("simple"), Controls("rectified")
    both = simple.respond(2 * x - y)[0]
    expected = 2 * simple.respond(x)[0] - simple.respond(y)[0]
    torch.testing.assert_close(both, expected, rtol=0, atol=1e-4)
    assert torch.equal(rectified.respond(x)[0], simple.respond(x)[0].relu())


def test_complex_cell_does_not_know_the_phase():
    units = Controls("complex")
    even, odd = units.filters[0]
    at = torch.linspace(0, 2 * torch.pi, 9)[:, None, None, None]
    responses = units.respond(at.cos() * even + at.sin() * odd)[0][:, 0]
    # Quadrature pairs under a window are orthogonal only nearly.
    assert responses.std() / responses.mean() < 0.02


def test_deformable_template_bends_where_the_rigid_one_breaks():
    rigid, deformable = Controls("rigid"), Controls("deformable")
    best = torch.zeros(1, 3, SIZE, SIZE)
    moved = torch.zeros(1, 3, SIZE, SIZE)
    for number, ((top, left), part) in enumerate(zip(corners(), rigid.filters, strict=True)):
        best[0, :, top : top + 9, left : left + 9] += part[0]
        down, right = [(0, 2), (2, 0), (0, -2), (-2, 0)][number]
        moved[0, :, top + down : top + down + 9, left + right : left + right + 9] += part[0]
    assert rigid.respond(best)[0][0, 0] == pytest.approx(4, rel=0.15)  # parts may touch
    assert deformable.respond(moved)[0][0, 0] >= 0.9 * deformable.respond(best)[0][0, 0]
    assert rigid.respond(moved)[0][0, 0] < 0.6 * rigid.respond(best)[0][0, 0]


@pytest.fixture(scope="module")
def measured():
    """Mean index and surrogate of every control for every family, by the common code."""
    results = {}

    def get(kind):
        if kind not in results:
            units = Controls(kind)
            result = measure_invariance(
                units,
                channels(units, range(4)),
                build_families(FAMILIES, [2.0], SIZE),
                sampling=SAMPLING,
                schedule=SCHEDULE,
                learn_masks=False,
            )
            tests = LayerTests.of(result)
            results[kind] = {
                tested.family.name: (tests.relative(tested).mean(1), tested.surrogate)
                for tested in tests.families
            }
        return results[kind]

    return get


@pytest.mark.parametrize("kind", ["simple", "rigid"])
@pytest.mark.parametrize("family", FAMILIES)
def test_linear_units_equal_their_closed_form(measured, kind, family):
    """An optimiser against a closed form: 0.03, what few steps and members leave."""
    index, surrogate = measured(kind)[family]
    np.testing.assert_allclose(index, surrogate, rtol=0, atol=0.03)


def test_complex_cells_are_phase_invariant_and_simple_ones_are_not(measured):
    complex_index, surrogate = measured("complex")["all-shifts"]
    simple_index, _ = measured("simple")["all-shifts"]
    assert (complex_index >= 0.9).all()
    assert complex_index.min() - simple_index.max() >= 0.6
    assert surrogate.max() < 0.3, "the surrogate of a complex cell is a simple one"


def test_deformable_templates_gain_what_rigid_ones_do_not(measured):
    gains = {
        kind: measured(kind)["deformations"][0] - measured(kind)["deformations"][1]
        for kind in ("rigid", "deformable", "complex")
    }
    assert gains["deformable"].min() - gains["rigid"].max() >= 0.1
    assert np.abs(gains["complex"]).max() < 0.05, "phase invariance is not invariance to bending"


def test_unknown_kind():
    with pytest.raises(UserError, match="complex"):
        Controls("komplex")
