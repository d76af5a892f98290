"""The surrogate's canvas against dense linear algebra."""

from __future__ import annotations

import pytest
import torch

from diversevis.invariance import surrogate
from diversevis.invariance.families.all_shifts import AllShifts
from diversevis.invariance.families.deformations import Deformations
from diversevis.invariance.families.registry import FAMILIES
from diversevis.invariance.families.shifts import Shifts
from diversevis.invariance.surrogate import best_linear_canvas
from diversevis.seeds import generator
from diversevis.stimuli.masks import window


@pytest.fixture(autouse=True)
def every_pixel(monkeypatch):
    """The dense solutions below have no pixel left out, however little it counts."""
    monkeypatch.setattr(surrogate, "_SEEN", 1e-9)


def dense_index(family, mask, template, members) -> float:
    """``sqrt(b' Q^-1 b)`` with the operators written out as matrices."""
    side = family.side
    basis = torch.eye(3 * side * side, dtype=torch.float64).view(-1, 3, side, side)
    operators = family.act(basis, members) * mask.double()
    operators = operators.flatten(2).permute(1, 2, 0)  # member, patch pixel, canvas pixel
    w = (template / template.norm()).double().flatten()
    b = torch.einsum("mpc,p->c", operators, w) / len(members)
    q = torch.einsum("mpc,mpd->cd", operators, operators) / len(members)
    return float((b @ torch.linalg.pinv(q, hermitian=True, rtol=1e-10) @ b).sqrt())


@pytest.mark.parametrize(
    "family", [AllShifts(6), Shifts(6, 3.0), Deformations(10, 1.0)], ids=lambda family: family.name
)
def test_equals_dense_solution(family):
    size, mask = family.size, window(family.size)
    complete = family.complete()
    members = family.draw(12, generator(0, "t")) if complete is None else complete
    templates = torch.randn(2, 3, size, size, generator=generator(1, "t"))
    masks = mask.expand(2, -1, -1)
    _, index = best_linear_canvas(family, masks, templates, members, members)
    expected = [dense_index(family, mask, template, members) for template in templates]
    # Conjugate gradients stop at 1e-4 of the first residual's norm.
    assert index.tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_nine_entries_a_row_are_the_whole_normal_matrix(name):
    """Every family keeps the contract of `Family.act`: pixels are read from neighbours alone."""
    family = FAMILIES[name](12, 3.0)
    members = family.draw(20, generator(0, "t"))
    masks = torch.stack([window(12), window(12) ** 2]).double()
    canvases = torch.randn(2, 3, family.side, family.side, generator=generator(1, "t")).double()
    templates = torch.randn(2, 3, 12, 12, generator=generator(2, "t")).double()
    _, normal = surrogate._moments(family, masks, templates, members)
    canvases.requires_grad_()
    square = (family.act(canvases, members) * masks[:, None, None]).square().sum() / len(members)
    (expected,) = torch.autograd.grad(square / 2, canvases)
    # Float64 rounding.
    torch.testing.assert_close(surrogate._apply(normal, canvases), expected, rtol=1e-9, atol=1e-9)


def test_a_family_that_changes_nothing_leaves_only_the_mask():
    family = Shifts(12, 1.0)
    family.pixels = 1e-6  # less than is let through
    template = torch.randn(1, 3, 12, 12)
    members = family.draw(4, generator(0, "t"))
    mask = window(12)
    _, index = best_linear_canvas(family, mask[None], template, members, members)
    # Every pixel of the masked patch can be had but where the mask is nothing.
    assert index.item() == pytest.approx(1, abs=1e-3)


def test_held_out_members_are_not_those_of_the_solution():
    family = Deformations(12, 2.0)
    template = torch.randn(1, 3, 12, 12)
    members = family.draw(24, generator(0, "t"))
    masks = window(12)[None]
    _, seen = best_linear_canvas(family, masks, template, members[:8], members[:8])
    _, unseen = best_linear_canvas(family, masks, template, members[:8], members[8:])
    assert unseen.item() < seen.item()


def test_index_does_not_depend_on_the_template_s_norm():
    family = AllShifts(8)
    template = torch.randn(1, 3, 8, 8)
    masks, members = window(8)[None], family.complete()
    indices = [
        best_linear_canvas(family, masks, scale * template, members, members)[1].item()
        for scale in (1, 1e3)
    ]
    assert indices[0] == pytest.approx(indices[1], rel=1e-5)
