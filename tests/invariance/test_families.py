"""Families act as they say: on pictures in which every pixel tells where it is."""

from __future__ import annotations

import math
import re

import pytest
import torch

from diversevis.errors import UserError
from diversevis.invariance.families.all_shifts import AllShifts
from diversevis.invariance.families.base import Warps
from diversevis.invariance.families.deformations import Deformations
from diversevis.invariance.families.registry import (
    FAMILIES,
    build_families,
    fitting_families,
    get_family,
)
from diversevis.invariance.families.rotations import Rotations
from diversevis.invariance.families.scales import Scales
from diversevis.invariance.families.shifts import Shifts
from diversevis.seeds import generator
from diversevis.stimuli.masks import window

WARPS = [Shifts, Deformations, Rotations, Scales]


def coordinates(family) -> torch.Tensor:
    """A canvas whose channels are x, y and one, with the patch's corner at the origin."""
    at = torch.arange(family.side, dtype=torch.float32)
    if isinstance(family, Warps):
        at = at - family.margin
    y, x = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)])[None]


def test_crops_have_the_gradient_of_their_pixels_in_one_order():
    """By index, several threads add crops in any order: other last digits from call to call."""
    family, stream = AllShifts(24), torch.Generator().manual_seed(0)
    canvases = torch.randn(4, 3, 47, 47, generator=stream).requires_grad_()
    members = family.draw(64, stream)
    slope = torch.randn(4, 64, 3, 24, 24, generator=stream)
    by_index = torch.stack([canvases[..., r : r + 24, c : c + 24] for r, c in members.tolist()], 1)
    (expected,) = torch.autograd.grad(by_index, canvases, slope)
    found = [
        torch.autograd.grad(family.act(canvases, members), canvases, slope)[0] for _ in range(8)
    ]
    # Sums of up to 64 numbers of order one, in float32.
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-4)
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_all_shifts_are_the_crops():
    family = AllShifts(6)
    canvas = torch.randn(2, 3, 11, 11)
    members = family.complete()
    patches = family.act(canvas, members)
    assert patches.shape == (2, 25, 3, 6, 6)
    for index in (0, 7, 24):
        top, left = members[index].tolist()
        expected = canvas[:, :, top : top + 6, left : left + 6]
        assert torch.equal(patches[:, index], expected)


def test_random_crops_are_different_ones():
    drawn = AllShifts(8).draw(20, generator(0, "t"))
    assert len({tuple(corner) for corner in drawn.tolist()}) == 20
    assert len(AllShifts(8).draw(1000, generator(0, "t"))) == 49


@pytest.mark.parametrize("kind", WARPS)
def test_members_read_the_canvas_where_they_say(kind):
    family = kind(24, 2.0)
    members = family.draw(12, generator(0, "t"))
    patches = family.act(coordinates(family), members)[0]
    at = torch.arange(24, dtype=torch.float32)
    y, x = torch.meshgrid(at, at, indexing="ij")
    moved = family.displacement(members)
    inside = moved.abs().amax(-1) < family.margin  # beyond, the border goes on
    expected = torch.stack([x + moved[..., 0], y + moved[..., 1]], 1)
    difference = (patches[:, :2] - expected).abs() * inside[:, None]
    assert difference.max() < 1e-3  # float32 positions up to about 40
    assert inside.float().mean() > 0.95


@pytest.mark.parametrize("kind", WARPS)
@pytest.mark.parametrize("size", [14, 27])
def test_displacement_has_the_wanted_mean_square(kind, size):
    family = kind(size, 2.0)
    moved = family.displacement(family.draw(4000, generator(0, "t")))
    weights = window(size) ** 2
    mean_square = ((moved.square().sum(-1) * weights).sum((1, 2)) / weights.sum()).mean()
    # 4000 uniform draws: 1.5 %; a chord is shorter than its arc: 2 %.
    assert mean_square.sqrt().item() == pytest.approx(2 * size / 24, rel=0.05)


@pytest.mark.parametrize("size", [9, 24, 51])
@pytest.mark.parametrize(("kind", "deltas"), [(Rotations, (0.01, 3, 8.5)), (Scales, (0.01, 3.6))])
def test_displacement_is_the_mean_over_the_ensemble_at_any_strength(kind, deltas, size):
    """By quadrature over uniform members in place of draws: 4001 of them, so 1e-6."""
    weights = window(size, dtype=torch.float64) ** 2
    for delta in deltas:
        family = kind(size, delta)
        members = family.widest * torch.linspace(-1, 1, 4001, dtype=torch.float64)
        moved = (family.displacement(members).square().sum(-1) * weights).sum((1, 2))
        mean_square = torch.trapezoid(moved / weights.sum(), dx=1 / 4000)
        assert mean_square.sqrt().item() == pytest.approx(delta * size / 24, rel=1e-6)


def test_weak_rotations_are_those_of_arcs():
    """A chord is its arc but for a 24th of the angle squared."""
    family = Rotations(24, 0.1)
    assert family.widest == pytest.approx(math.sqrt(3 / family.radii()[1]) * 0.1, rel=1e-4)


def test_directions_of_shifts_are_spread_evenly():
    directions = Shifts(24, 2.0).draw(64, generator(0, "t"))
    sectors = (directions * 64 / (2 * math.pi)).floor().long()
    assert sectors.tolist() == list(range(64))


def test_stretches_of_ordered_crops_are_compact():
    """Each sixteenth of all crops spans some quarter of the shifts either way."""
    family = AllShifts(25)
    corners = family.complete()
    ordered = corners[family.order(corners)]
    assert sorted(map(tuple, ordered.tolist())) == sorted(map(tuple, corners.tolist()))
    spans = [part.amax(0) - part.amin(0) for part in ordered.tensor_split(16)]
    assert torch.stack(spans).float().mean() < 12
    assert [tuple(c) for c in ordered[:4].tolist()] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_families_that_do_not_fit_are_left_out_with_the_reason():
    families, left_out = fitting_families(["all-shifts", "deformations"], [1.0, 2.0], 7)
    assert [family.name for family in families] == ["all-shifts"]
    assert list(left_out) == ["deformations"]
    assert "10 px" in left_out["deformations"]
    assert fitting_families(["shifts"], [1.0], 3)[0] == []


def test_rotation_turns_about_the_centre_and_scale_keeps_it():
    for family in (Rotations(15, 2.0), Scales(15, 2.0)):
        moved = family.displacement(torch.tensor([0.2]))[0]
        assert moved[7, 7].abs().max() < 1e-6
    rotation = Rotations(15, 2.0)
    moved = rotation.displacement(torch.tensor([math.pi / 2]))[0]
    # The pixel one to the right of the centre is read one below it.
    assert (torch.tensor([8.0, 7.0]) + moved[7, 8]).tolist() == pytest.approx([7, 8], abs=1e-5)


@pytest.mark.parametrize("kind", WARPS)
def test_action_is_linear_and_differentiable(kind):
    family = kind(12, 1.0)
    members = family.draw(3, generator(0, "t"))
    a, b = torch.randn(2, 1, 3, family.side, family.side, dtype=torch.float64)
    both = family.act(2 * a + b, members)
    torch.testing.assert_close(
        both, 2 * family.act(a, members) + family.act(b, members), rtol=0, atol=1e-10
    )
    a.requires_grad_()
    family.act(a, members).sum().backward()
    assert a.grad.abs().sum() > 0


def test_canvases_of_many_units_do_not_mix():
    family = Shifts(10, 1.0)
    members = family.draw(4, generator(0, "t"))
    canvases = torch.randn(3, 3, family.side, family.side)
    together = family.act(canvases, members)
    for unit in range(3):
        alone = family.act(canvases[unit : unit + 1], members)[0]
        torch.testing.assert_close(together[unit], alone)


def test_a_new_family_is_one_short_class():
    class Shears(Warps):
        name, index, title = "shears", "shear", "shears"

        def draw(self, count, stream):
            return torch.randn(count, generator=stream) * self.pixels / self.size

        def displacement(self, members):
            offsets = self.radii()[0].to(members)
            along = members[:, None, None] * offsets[..., 1]
            return torch.stack([along, torch.zeros_like(along)], dim=-1)

    family = Shears(12, 2.0)
    patches = family.act(coordinates(family), torch.tensor([0.1]))
    assert patches[0, 0, 0, 8, 3].item() == pytest.approx(3 + 0.1 * 2.5, abs=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AllShifts(3), "at least 5 px"),
        (lambda: Deformations(7, 1.0), "at least 10 px"),
        (lambda: Shifts(24, 0.0), "above zero"),
        (lambda: Shifts(24, -1.0), "above zero"),
        (lambda: Shifts(24, float("nan")), "above zero"),
        (lambda: Shifts(24), "above zero"),
        (lambda: Shifts(24, 1e-5), "0.01 to 24, for the family shifts"),
        (lambda: Shifts(24, 25.0), "0.01 to 24, for the family shifts"),
        (lambda: Shifts(24, 1000), "0.01 to 24, for the family shifts"),
        (lambda: Shifts(24, "2"), "above zero"),
        (lambda: Shifts(24, True), "above zero"),
        (lambda: Shifts(24.0, 2), "a whole number, at least 1, for the side"),
        (lambda: Deformations(24, 10), "without folding"),
        (lambda: Rotations(24, 10.0), "at most 8.91 px per 24 px"),
        (lambda: Scales(24, 9.0), "factors above zero for the family scales, a delta below 3.64"),
        (lambda: get_family(["shifts"]), "name of a family"),
        (lambda: build_families("shifts", [1], 24), "a list of families"),
        (lambda: build_families(["shifts"], 1.0, 24), "a list of displacements"),
        (lambda: build_families(["shifts"], [2.0, 2.0000001], 24), "2 twice"),
        (lambda: get_family("rotation"), "rotations"),
        (lambda: build_families([], [1], 24), "at least one family"),
        (lambda: build_families(["shifts"], [], 24), "at least one displacement"),
        (lambda: build_families(["shifts"], [2, 2], 24), "once"),
        (lambda: build_families(["shifts", "shifts"], [2], 24), "once"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_families_are_built_once_per_displacement():
    built = build_families(["all-shifts", "shifts"], [1, 2], 24)
    assert [(family.name, family.delta) for family in built] == [
        ("all-shifts", None),
        ("shifts", 1),
        ("shifts", 2),
    ]
    assert set(FAMILIES) >= {"all-shifts", "shifts", "deformations", "rotations", "scales"}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_every_family_says_what_tables_and_figures_need(family):
    assert get_family(family.name) is family
    for text in (family.index, family.title):
        assert text.strip() == text != ""
    assert re.fullmatch("#[0-9A-F]{6}", family.colour)


@pytest.mark.parametrize("kind", WARPS)
def test_a_member_of_zeros_is_the_identity_where_there_is_one(kind):
    family = kind(24, 2.0)
    member = torch.zeros_like(family.draw(1, generator(0, "t")))
    assert (family.displacement(member).abs().amax().item() == 0) == family.has_identity
