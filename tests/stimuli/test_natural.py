"""Natural patches: crops that are in the photographs, and the published norms again."""

from __future__ import annotations

import pytest
import torch

from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.networks.trunk import load_trunk
from diversevis.seeds import generator
from diversevis.stimuli.natural import mean_norm, natural_responses, random_crops
from diversevis.stimuli.photographs import load_photographs
from diversevis.units.patches import CHANNEL_MEANS, PUBLISHED_NORMS, patch_norm


@pytest.fixture(scope="module")
def photographs():
    return load_photographs()


def test_crops_are_pieces_of_the_photographs():
    # Every pixel tells where it comes from.
    n, side = 4, 20
    marked = torch.arange(n * side * side).view(n, 1, side, side).expand(n, 3, side, side) % 251
    crops = random_crops(marked, 6, 50, generator(0, "test"))
    pixels = crops + torch.tensor(CHANNEL_MEANS)[:, None, None]
    windows = marked.float().unfold(2, 6, 1).unfold(3, 6, 1)[:, 0].reshape(-1, 36)
    for crop in pixels:
        distance = (windows - crop[0].reshape(1, 36)).abs().amax(1).min()
        assert distance < 1e-3  # float32 after subtracting and adding the means
        torch.testing.assert_close(crop[0], crop[2])


def test_same_stream_same_crops(photographs):
    first, again, other = (
        random_crops(photographs, 14, 8, generator(seed, "test")) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_crop_larger_than_the_photograph_is_refused(photographs):
    with pytest.raises(UserError, match="121 x 121"):
        random_crops(photographs, 121, 1, generator(0))


@pytest.mark.parametrize("size", [5, 24, 68])
def test_mean_norm_is_near_the_published_one(photographs, size):
    """Other photographs, and shrunk ones: within 15 %; a wrong scale or mean is off by far more."""
    measured = mean_norm(photographs, size, count=1500)
    assert measured == pytest.approx(PUBLISHED_NORMS[size], rel=0.15)


def test_best_patch_has_the_budget_and_the_best_response(photographs):
    trunk = load_trunk("vgg19", "conv2_1")
    natural = natural_responses(trunk, photographs, count=700)
    assert natural.best.shape == (128, 3, 10, 10)
    norms = natural.best.flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.full_like(norms, patch_norm(10)))
    channels = torch.arange(128)
    responses = trunk(natural.best)[channels, channels]
    # The same patches in another batch: float32 rounding.
    torch.testing.assert_close(responses, natural.quantiles[:, -1], rtol=1e-3, atol=1e-3)
    assert (natural.quantiles.diff(dim=1) >= 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "at least 1, for natural patches"),
        ({"count": 1.5}, "at least 1, for natural patches"),
        ({"count": 10**12}, "GiB for what 4 units answer to 1,000,000,000,000 patches"),
        ({"seed": -1}, "for a seed"),
        ({"photographs": torch.zeros(2, 40, 40)}, r"photographs of shape \[n, 3, h, w\]"),
        ({"photographs": None}, "photographs of shape"),
    ],
)
def test_bad_input_says_what_to_do(change, message):
    given = {"units": Controls("simple"), "photographs": torch.zeros(2, 3, 40, 40), **change}
    with pytest.raises(UserError, match=message):
        natural_responses(**given)


def test_flat_patches_do_not_divide_by_zero():
    grey = torch.tensor(CHANNEL_MEANS)[None, :, None, None].expand(1, 3, 30, 30)
    natural = natural_responses(load_trunk("vgg19", "conv1_2"), grey, count=3)
    assert natural.quantiles.isfinite().all()
