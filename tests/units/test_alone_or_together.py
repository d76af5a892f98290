"""A unit's numbers do not tell how many others were computed beside it: no bit of them, in parts.

With one thread. There is no tolerance: parts are to give the same bytes however units are split.
"""

from __future__ import annotations

import pytest
import torch

from diversevis.invariance.families.all_shifts import AllShifts
from diversevis.invariance.families.shifts import Shifts
from diversevis.invariance.surrogate import best_linear_canvas, surrogate_responses
from diversevis.networks.trunk import load_trunk
from diversevis.seeds import generator
from diversevis.stimuli.masks import window
from diversevis.synthesis.surrogate_set import Surrogates
from diversevis.units.responding import FEWEST, filled

COUNTS = (1, 2, FEWEST - 1, FEWEST, FEWEST + 1, 33)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(*shape: int) -> torch.Tensor:
    return 50 * torch.randn(shape, generator=generator(0, "noise"))


def answered(units, patches, tap):
    """Return responses, features, and the gradient of all of both."""
    x = patches.clone().requires_grad_()
    responses, features = units.respond(x, tap)
    total = responses.sum() + features.square().sum()
    return responses.detach(), features.detach(), torch.autograd.grad(total, x)[0]


@pytest.mark.parametrize(
    ("network", "layer", "tap"),
    [("vgg19", "conv2_1", "conv1_2"), ("resnet50", "layer1.0", "conv1")],
)
def test_patches_get_the_same_answers_alone_and_among_others(network, layer, tap):
    trunk = load_trunk(network, layer)
    patches = noise(40, 3, trunk.size, trunk.size)
    together = answered(trunk, patches, tap)
    for count in COUNTS:
        for alone, all_of_them in zip(
            answered(trunk, patches[3 : 3 + count], tap), together, strict=True
        ):
            assert torch.equal(alone, all_of_them[3 : 3 + count]), count


def test_so_do_linear_surrogates():
    trunk = load_trunk("vgg19", "conv1_2")
    best, patches = noise(40, 3, 5, 5), noise(60, 3, 5, 5)
    together, _ = Surrogates(trunk, best).respond(patches)
    for count in COUNTS:
        some, _ = Surrogates(trunk, best[:count]).respond(patches[:count])
        assert torch.equal(some, together[:count, :count]), count


@pytest.mark.parametrize("family", [AllShifts(10), Shifts(10, 2.0)], ids=lambda one: one.name)
def test_so_do_their_best_canvases(family):
    complete = family.complete()
    members = family.draw(64, generator(0, "t")) if complete is None else complete
    templates, masks = noise(20, 3, 10, 10), window(10).expand(20, -1, -1)
    canvases, index = best_linear_canvas(family, masks, templates, members, members)
    answers = surrogate_responses(family, masks, templates, canvases, members)
    for some in ([0], [19, 3], list(range(9))):
        alone, its_index = best_linear_canvas(
            family, masks[some], templates[some], members, members
        )
        assert torch.equal(alone, canvases[some])
        assert torch.equal(its_index, index[some])
        again = surrogate_responses(family, masks[some], templates[some], alone, members)
        assert torch.equal(again, answers[some])


def test_what_is_filled_up_is_zero():
    rows = torch.ones(3, 2, 2)
    assert filled(rows).shape == (FEWEST, 2, 2)
    assert filled(rows).sum() == rows.sum()
    assert filled(torch.ones(FEWEST + 4, 1)).shape == (FEWEST + 4, 1)
