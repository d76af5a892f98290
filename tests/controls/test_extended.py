"""Controls with output nonlinearities and narrower envelopes: what these may not change."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from diversevis.controls.filters import SIZE, best_filters
from diversevis.controls.kinds import EXTENDED, KINDS
from diversevis.controls.nonlinearities import NONLINEARITIES
from diversevis.controls.units import Controls, load_controls
from diversevis.seeds import generator
from diversevis.units.contract import check_units
from diversevis.units.patches import patch_norm

BENT = [name for name, variant in EXTENDED.items() if variant.nonlinearity]
COMPLEX = {"complex": None} | {n: v.envelope for n, v in EXTENDED.items() if v.envelope}
BUDGET = patch_norm(SIZE)
# Elasticity at the peak and response to grey over it, by hand from the formulas: softplus with
# k = 3 and t = 0.3 (k s(2.1) / 2.2155, 0.3412 / 2.2155); a root of elasticity 1 - 0.5 / 1.05, 0.6
# of it above 0.4.
DESIGNED = {"squared": (2, 0), "soft": (1.2064, 0.15398), "offset": (0.3143, 0.4)}


def on_sphere(patches):
    """Return patches of the norm budget."""
    return BUDGET * patches / patches.flatten(-3).norm(dim=-1)[..., None, None, None]


def best_patches(plain):
    """Return the best patch of each unit in closed form, [4, 3, s, s]."""
    return on_sphere(best_filters(plain, Controls(plain).filters))


def own(units, patches):
    """Return what every unit answers to its own patches, [n, 4] of [n, 4, 3, s, s]."""
    responses = units.respond(patches.flatten(0, 1))[0].unflatten(0, patches.shape[:2])
    return responses.diagonal(dim1=1, dim2=2)


def climbed(units, patches, steps=12):
    """Return where gradients lead: to the best patch of one linear piece after another.

    Plain units are convex and homogeneous, so that no step loses.
    """
    for _ in range(steps):
        patches = patches.requires_grad_()
        (gradient,) = torch.autograd.grad(own(units, patches).sum(), patches)
        patches = on_sphere(gradient)
    return patches


def random_patches(count):
    """Return patches of noise, [count, 4, 3, s, s]."""
    stream = generator(0, "patches of controls")
    return on_sphere(torch.randn(count, 4, 3, SIZE, SIZE, generator=stream))


@pytest.mark.parametrize("kind", EXTENDED)
def test_every_name_is_that_of_units(kind):
    units = load_controls("controls", kind)
    assert (units.layer, units.plain) == (kind, EXTENDED[kind].plain)
    check_units(units)


def test_plain_kinds_stay_in_their_order():
    assert KINDS == ("simple", "rectified", "complex", "rigid", "deformable")
    assert not set(KINDS) & set(EXTENDED)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NONLINEARITIES)
def test_nonlinearities_increase_strictly_and_smoothly(name, dtype):
    relative = torch.linspace(-2, 2, 4001, dtype=dtype).requires_grad_()
    values = NONLINEARITIES[name].function(relative)
    assert (values.diff() > 0).all()
    (slopes,) = torch.autograd.grad(values.sum(), relative)
    # Only the square is flat anywhere: at grey. Elsewhere no slope is lost to float32.
    smallest = torch.finfo(torch.float32).smallest_normal
    assert (slopes[relative.abs() > 1e-9] > smallest).all()
    assert slopes.max() < 5
    one = NONLINEARITIES[name].function(torch.ones((), dtype=dtype))
    assert one.item() == pytest.approx(1, rel=1e-6)  # rounding


@pytest.mark.parametrize("plain", KINDS)
def test_no_patch_beats_the_closed_form(plain):
    units, best = Controls(plain), best_patches(plain)
    peaks = BUDGET * best_filters(plain, units.filters).flatten(1).norm(dim=1)
    torch.testing.assert_close(own(units, best[None])[0], peaks, rtol=1e-5, atol=0)  # rounding
    starts = torch.cat([on_sphere(best + random_patches(4)), random_patches(12)])
    reached = own(units, climbed(units, starts)).detach()
    assert (reached <= peaks * (1 + 1e-5)).all()
    # From nearby it is found; from noise, moving parts may stop in other arrangements.
    torch.testing.assert_close(reached[:4].amax(0), peaks, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", BENT)
def test_the_best_patch_stays(kind):
    plain = EXTENDED[kind].plain
    units, best = Controls(kind), best_patches(plain)
    starts = torch.cat([-best[None], on_sphere(best + random_patches(4)), random_patches(3)])
    ours, theirs = climbed(units, starts), climbed(Controls(plain), starts)
    # From every start, the best one's opposite too, gradients lead to the same patch.
    assert torch.cosine_similarity(ours.flatten(2), theirs.flatten(2), dim=2).min() > 0.999
    at_best = own(units, best[None])[0]
    torch.testing.assert_close(at_best, units.peaks, rtol=1e-5, atol=0)  # rounding
    assert (own(units, ours) <= at_best * (1 + 1e-5)).all()
    if plain != "complex":  # whose best patches are a circle
        nearest = torch.cosine_similarity(ours.flatten(2), best.flatten(1)[None], dim=2).amax(0)
        assert nearest.min() > 0.999


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", BENT)
def test_contrast_curves_are_as_designed(kind, dtype):
    variant = EXTENDED[kind]
    units = Controls(kind).to(dtype)
    contrasts = torch.linspace(0, 2, 201, dtype=dtype)[:, None, None, None, None]
    curves = own(units, contrasts * best_patches(variant.plain).to(dtype))
    assert (curves.diff(dim=0) > 0).all()
    grey, peak = curves[0], curves[100]
    elasticity = (curves[101] - curves[99]) / (2 * 0.01 * peak)
    expected = DESIGNED[variant.nonlinearity]
    # A difference over 2 % of contrast, of responses with seven digits; the complex cell's floor.
    np.testing.assert_allclose(elasticity, expected[0], rtol=0, atol=1e-3)
    np.testing.assert_allclose(grey / peak, expected[1], rtol=0, atol=1e-4)


def effective_contrast(units, best, patches):
    """Return the contrast at which the best patch does as much, from a table of 129; no secant."""
    contrasts = torch.linspace(0, 2, 129)
    curves = own(units, contrasts[:, None, None, None, None] * best)
    responses = own(units, patches)
    return np.stack(
        [np.interp(responses[:, unit], curves[:, unit], contrasts) for unit in range(4)], 1
    )


@pytest.mark.parametrize("kind", BENT)
def test_effective_contrast_does_not_see_the_nonlinearity(kind):
    """What it claims of responses above that to grey: below, there is a secant, which does."""
    units, plain = Controls(kind), Controls(EXTENDED[kind].plain)
    best, noise = best_patches(units.plain), random_patches(50)
    weight = torch.linspace(0, 1, 50)[:, None, None, None, None]
    patches = 1.3 * (weight * best + (1 - weight) * noise)  # beyond the budget's norm as well
    expected, measured = (effective_contrast(own, best, patches) for own in (plain, units))
    shown = expected > 0
    assert shown.mean() > 0.8
    assert expected.max() > 1.2
    # Between the table's points, an eighth of 1/64 squared of curvature over slope: of a root at
    # most 20, of a square the inverse of the contrast, but a quarter of 1/64 in its first interval.
    np.testing.assert_allclose(measured[shown], expected[shown], rtol=0, atol=4e-3)
    shown &= expected > 3 / 64
    np.testing.assert_allclose(measured[shown], expected[shown], rtol=0, atol=1e-3)
    # Which responses themselves do not claim.
    relative = (own(units, patches) / units.peaks).numpy()
    assert np.abs(relative - expected)[shown].max() > 0.1


@pytest.mark.parametrize(("kind", "envelope"), COMPLEX.items())
def test_envelopes_are_as_wide_as_they_say(kind, envelope):
    filters = Controls(kind).filters
    at = torch.arange(SIZE) - (SIZE - 1) / 2
    energy = filters.square().sum((1, 2))
    radius = ((energy * (at[:, None] ** 2 + at**2)).sum((1, 2)) / energy.sum((1, 2))).sqrt()
    # Of exp(-2 (r / sigma)^4), where envelopes are the mask: sigma (2 pi)^(-1/4).
    expected = SIZE / envelope if envelope else SIZE / 2.4 * (2 * np.pi) ** -0.25
    # Their tails are cut by the patch's border, the widest at 2.5 deviations.
    np.testing.assert_allclose(radius, expected, rtol=0.015)


@pytest.mark.parametrize("kind", COMPLEX)
def test_complex_cells_of_any_envelope_do_not_know_the_phase(kind):
    units = Controls(kind)
    at = torch.linspace(0, 2 * torch.pi, 9)[:, None, None, None, None]
    even, odd = units.filters[None].unbind(2)
    responses = own(units, BUDGET * (at.cos() * even + at.sin() * odd))
    # Quadrature pairs under a window are orthogonal only nearly.
    assert (responses.std(0) / responses.mean(0)).max() < 0.02


@pytest.mark.parametrize("kind", ["deformable-soft", "rigid-squared"])
def test_a_copy_in_another_dtype_has_the_peaks_too(kind):
    units = Controls(kind)
    patches = on_sphere(best_patches(units.plain) + 0.3 * random_patches(3))
    expected = own(units, patches)
    rough = own(copy.deepcopy(units).to(torch.bfloat16), patches.bfloat16()).float()
    # Eight bits of sums of some thousand products, squared.
    torch.testing.assert_close(rough, expected, rtol=0.03, atol=0)
