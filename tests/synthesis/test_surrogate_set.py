"""Linear surrogates: units that are their own, and units that no surrogate keeps up with."""

from __future__ import annotations

import pytest
import torch

from diversevis.controls.filters import best_filters
from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.networks.trunk import load_trunk
from diversevis.optimisation.schedule import FAST, of_length
from diversevis.synthesis.diverse import diverse_sets
from diversevis.synthesis.surrogate_set import Surrogates, distance_at, surrogate_set_distances
from diversevis.units.contract import check_units
from diversevis.units.patches import patch_norm

SETTINGS = {"images": 2, "schedule": of_length(FAST, 40)}


def ratios(kind, diversity):
    """Return smallest distances of a control's diverse sets over those of its surrogates."""
    units, channels = Controls(kind), [0, 2]
    best = best_filters(units.plain, units.filters)[channels]
    peaks = patch_norm(24) * best.flatten(1).norm(dim=1)
    patches = best * (patch_norm(24) / best.flatten(1).norm(dim=1))[:, None, None, None]
    sets = diverse_sets(units, channels, diversity=diversity * peaks / 40, **SETTINGS)
    shares = (sets.activations.mean(1) / peaks).clamp(max=0.99)
    apart = sets.min_distance
    several = torch.stack([shares, 0.9 * shares])
    found, lower = surrogate_set_distances(units, channels, patches, several, apart, **SETTINGS)
    # With two images in the image plane, distances are the sine of the angle.
    torch.testing.assert_close(
        lower / found, ((1 - several[1] ** 2) / (1 - shares**2)).sqrt(), rtol=0.005, atol=0
    )
    return apart / found


def test_a_linear_unit_is_as_distinct_as_its_surrogate_set():
    """Its own set is one of the surrogate's, at another weight: what is left is interpolation."""
    torch.testing.assert_close(ratios("simple", 0.3), torch.ones(2), rtol=0.02, atol=0)


def test_a_complex_cell_is_more_distinct():
    """Opposite phases cost nothing and are two norms apart, a surrogate's images two sines.

    Both sets are within a part in a thousand of that after 40 steps.
    """
    expected = torch.full((2,), (1 - 0.99**2) ** -0.5)
    torch.testing.assert_close(ratios("complex", 0.3), expected, rtol=0.005, atol=0)


def test_between_sets_distances_grow_with_the_sine():
    shares = torch.tensor([0.9, 0.99, 0.8])
    distances = 7 * (1 - shares.square()).sqrt()
    for share in torch.tensor([0.999, 0.95, 0.85, 0.3]):
        expected = 7 * (1 - share.square()).sqrt()
        torch.testing.assert_close(distance_at(shares, distances, share), expected)


def test_a_set_counts_at_lower_shares_too():
    shares, distances = torch.tensor([0.9, 0.8]), torch.tensor([5.0, 4.0])
    torch.testing.assert_close(distance_at(shares, distances, shares[1]), torch.tensor(5.0))


@pytest.mark.parametrize(("network", "layer"), [("vgg19", "conv2_1"), ("resnet50", "layer1.0")])
def test_features_are_those_of_the_layer(network, layer):
    trunk, stream = load_trunk(network, layer), torch.Generator().manual_seed(0)
    patches = 30 * torch.randn(4, 3, trunk.size, trunk.size, generator=stream)
    surrogates = Surrogates(trunk, patches[:2])
    check_units(surrogates)
    for tap in ("pixels", *trunk.earlier_layers):
        responses, features = surrogates.respond(patches, tap)
        assert torch.equal(features, trunk.respond(patches, tap)[1])
    # Each answers 1 to its own patch; float32 sums of some hundred products.
    torch.testing.assert_close(responses.diagonal(), torch.ones(2), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patches": torch.zeros(1, 3, 24, 24)}, "not zero"),
        ({"patches": torch.ones(1, 3, 23, 23)}, "patches of shape"),
        ({"shares": torch.tensor([[1.0]])}, "between 0 and 1"),
        ({"shares": torch.tensor([[torch.nan]])}, "between 0 and 1"),
        ({"shares": torch.tensor([0.9, 0.9])}, "shares of shape"),
        ({"distances": torch.tensor([0.0])}, "distances above zero"),
        ({"distance": "conv1_1"}, "a distance in 'pixels'"),
    ],
)
def test_bad_input_says_what_to_do(change, message):
    given = {
        "patches": torch.ones(1, 3, 24, 24),
        "shares": torch.tensor([[0.9]]),
        "distances": torch.tensor([3.0]),
        **SETTINGS,
        **change,
    }
    with pytest.raises(UserError, match=message) as error:
        surrogate_set_distances(Controls("simple"), [0], **given)
    assert error.value.remedy
