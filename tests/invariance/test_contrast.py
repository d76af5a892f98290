"""Effective contrast: what no increasing output nonlinearity changes."""

from __future__ import annotations

import math

import pytest
import torch

from diversevis.controls.units import Controls
from diversevis.invariance.contrast import HIGHEST, POINTS, ContrastCurves, contrast_curves
from diversevis.invariance.families.all_shifts import AllShifts
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.transformation import Trials
from diversevis.measures import CONTRAST
from diversevis.networks.trunk import load_trunk
from diversevis.optimisation.schedule import SETS, TESTS, of_length
from diversevis.synthesis.targets import channels
from diversevis.units.patches import patch_norm

C = torch.linspace(-HIGHEST, HIGHEST, POINTS, dtype=torch.float64)
LINEAR = 5 * C
OUTPUTS = {
    "linear": lambda f: f,
    "squared": lambda f: f * f.abs(),
    "root": lambda f: f / (f.abs() + 0.1).sqrt() + 2,
    "soft": lambda f: torch.nn.functional.softplus(0.6 * f - 0.9) / 2,
    "logarithm": lambda f: torch.log1p(f + 11),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_increasing_output_changes_it(name):
    """Neither above grey nor below it."""
    curves = ContrastCurves(OUTPUTS[name](LINEAR)[None])
    contrasts = torch.linspace(-2, 2, 2001, dtype=torch.float64)
    found = curves.effective(OUTPUTS[name](5 * contrasts)[None])[0]
    # Linear between points, a 64th apart: for a square near zero, a fourth of that at most, and one
    # of them where a curve changes by less than a millionth.
    torch.testing.assert_close(found, contrasts, rtol=0, atol=1 / 64 + 1e-6)
    torch.testing.assert_close(found[1000:], contrasts[1000:], rtol=0, atol=1 / 64 / 4 + 1e-6)
    torch.testing.assert_close(found[1500:], contrasts[1500:], rtol=0, atol=3e-4)


def test_below_grey_units_whose_inverted_best_patch_does_hardly_less_go_on_along_a_secant():
    """Even ones, as complex cells, and saturated ones: nothing tells a contrast there."""
    even, cut, saturated = LINEAR.abs(), LINEAR.clamp(min=-0.001), LINEAR.where(LINEAR > 0, C / 20)
    curves = ContrastCurves(torch.stack([even, cut, saturated]) + 1)
    answers = torch.tensor([[-4.0, 0.0, 1.0]] * 3, dtype=torch.float64)
    expected = torch.tensor([[-1.0, -0.2, 0.0]] * 3, dtype=torch.float64)
    torch.testing.assert_close(curves.effective(answers), expected, rtol=1e-12, atol=1e-12)


def test_below_the_lowest_response_of_an_inverted_patch_the_secant_begins_there():
    """At half contrast here, not where the table ends: else small responses would jump."""
    curves = ContrastCurves((LINEAR.abs() - 2.5).where(LINEAR < -2.5, LINEAR)[None].clamp(min=-2.5))
    answers = torch.tensor([[-2.4, -2.5, -3.0, -5.0]], dtype=torch.float64)
    expected = torch.tensor([[-0.48, -0.5, -0.6, -1.0]], dtype=torch.float64)
    torch.testing.assert_close(curves.effective(answers), expected, rtol=1e-12, atol=1e-12)


def test_beyond_the_inverted_patch_at_its_highest_nothing_jumps():
    """A leaky unit: a response below what any inverted best patch does."""
    curves = ContrastCurves(torch.where(LINEAR < 0, LINEAR / 10, LINEAR)[None])
    answers = torch.linspace(-3, 1, 400, dtype=torch.float64)[None]
    found = curves.effective(answers)[0]
    assert (found.diff() > 0).all()
    assert found.diff().max() < 0.03  # steps of 0.01 on a slope of a half at most
    assert found[0].item() == pytest.approx(-2 - (3 - 1) / 5)


def test_homogeneous_units_have_the_ratio_to_their_peak():
    curves = ContrastCurves(LINEAR[None])
    answers = torch.tensor([[-7.0, -1.0, 0.0, 2.5, 5.0, 9.0, 10.0, 15.0]], dtype=torch.float64)
    found = curves.effective(answers)
    torch.testing.assert_close(found, answers / 5, rtol=1e-12, atol=1e-12)


def test_grey_is_zero_and_the_peak_one():
    curves = ContrastCurves(torch.stack([LINEAR + 3, (LINEAR + 3) ** 2]))
    ends = torch.stack([curves.grey, curves.peak], 1)
    torch.testing.assert_close(
        curves.effective(ends), torch.tensor([[0.0, 1.0]] * 2, dtype=torch.float64)
    )
    torch.testing.assert_close(
        curves.offset, torch.tensor([3 / 8, 9 / 64], dtype=torch.float64), rtol=1e-12, atol=0
    )


def test_elasticity_is_the_exponent():
    curves = ContrastCurves(torch.stack([C, C**2, C.abs().sqrt()]))
    expected = torch.tensor([1, 2, 0.5], dtype=torch.float64)
    # A central difference over two 64ths: the third derivative over six, times their square.
    torch.testing.assert_close(curves.elasticity, expected, rtol=0, atol=2e-4)


def test_what_falls_is_inverted_along_its_running_maximum_and_said():
    dented = LINEAR.clone()
    dented[148:158] = dented[147] - 0.05
    curves = ContrastCurves(dented[None])
    assert curves.fault.item() == pytest.approx(0.05 / 5, rel=1e-6)
    found = curves.effective(torch.linspace(-1, 12, 500, dtype=torch.float64)[None])[0]
    assert (found.diff() >= 0).all()
    assert found.isfinite().all()


def test_flat_curves_have_no_contrast_and_divide_by_nothing():
    flat = [torch.zeros_like(C), torch.full_like(C, 3), -C]
    curves = ContrastCurves(torch.stack([*flat, LINEAR]))
    assert curves.flat.tolist() == [True, True, True, False]
    found = curves.effective(torch.ones(4, 2, dtype=torch.float64))
    assert found.isnan().all(1).tolist() == [True, True, True, False]


def test_gradient_is_the_slope_of_the_inverse():
    curves = ContrastCurves(LINEAR.exp().log1p()[None])
    answers = torch.linspace(1, 9, 40, dtype=torch.float64)[None].requires_grad_()
    (slope,) = torch.autograd.grad(curves.effective(answers).sum(), answers)
    # c = log(exp(f) - 1) / 5, whose slope between points is that of the chord.
    expected = 1 / (1 - (-answers).exp()) / 5
    torch.testing.assert_close(slope, expected.detach(), rtol=0.02, atol=0)


def test_float32_serves():
    curves = ContrastCurves((LINEAR * LINEAR.abs() + 1).float()[None])
    contrasts = torch.linspace(0.2, 2, 100)
    found = curves.effective((25 * contrasts**2 + 1)[None])[0]
    # Linear between points: (1/64)^2 / 8 of the curvature over the slope, at most at 0.2.
    torch.testing.assert_close(found, contrasts, rtol=0, atol=2e-4)


def test_curves_of_a_network_are_its_responses():
    units = load_trunk("vgg19", "conv1_2")
    targets = channels(units, [3, 7])
    patches = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    patches *= patch_norm(5) / patches.flatten(1).norm(dim=1)[:, None, None, None]
    curves = contrast_curves(units, targets, patches)
    at = 150
    expected = targets.score(units.respond(patches * curves.contrasts[at])[0][:, None])[:, 0]
    torch.testing.assert_close(curves.responses[:, at], expected)
    torch.testing.assert_close(curves.peak, targets.score(units.respond(patches)[0][:, None])[:, 0])
    assert math.isclose(curves.contrasts[192], 1)


def phase_indices(units) -> tuple[float, float]:
    """Return the phase index of a control in effective contrast, and relative to its peak."""
    result = measure_invariance(
        units,
        channels(units, [0]),
        [AllShifts(units.size)],
        learn_masks=False,
        schedule=of_length(TESTS["fast"], 80),
        peak_schedule=of_length(SETS["fast"], 60),
        trials=Trials(starts=1),
        measure=CONTRAST,
    )
    (tested,) = result.families
    effective = result.curves.effective(tested.responses).mean()
    return float(effective), float((tested.responses.mean(1) / result.f_max)[0])


@pytest.fixture(scope="module")
def plain():
    return phase_indices(Controls("simple"))


@pytest.mark.parametrize("kind", ["simple-squared", "simple-soft", "simple-offset"])
def test_an_increasing_output_has_no_say_in_the_index(plain, kind):
    effective, relative = phase_indices(Controls(kind))
    # Two optimisations of one canvas each, from the same noise, with other gradients.
    assert effective == pytest.approx(plain[0], abs=0.03)
    if kind == "simple-offset":
        assert relative - plain[1] > 0.2, "relative to the peak, it has"
