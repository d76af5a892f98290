"""Diverse sets of linear surrogates: how distinct images get that only have to correlate.

A linear unit's images are along its filter; but giving up some activation makes room for images
that differ in everything the unit does not look at. A unit's diverse set shows an invariance of its
own only as far as it is more distinct than that of its surrogate, at the same share of activation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from diversevis.errors import UserError
from diversevis.networks.trunk import Trunk
from diversevis.synthesis.diverse import DiverseSets, diverse_sets
from diversevis.synthesis.targets import Targets
from diversevis.units.contract import PIXELS, Units, check_shape, placement
from diversevis.units.responding import filled

_FIRST = 1.5
"""How much more distinct than its surrogate a unit is taken to be before anything is known."""

_LEAST = 1e-3
"""Weights stay finite for shares near 1, and for surrogates whose images all but coincide."""


class Surrogates(nn.Module):
    """The linear surrogates of some units of a layer; satisfies `diversevis.units.contract.Units`.

    A surrogate answers ``w.x``, where ``w`` is along the unit's best patch and answers 1 to it: its
    responses are effective contrasts. Features are those of the layer itself.

    Parameters
    ----------
    units
        The layer.
    patches
        ``[channels, 3, s, s]``, best patches.

    Raises
    ------
    UserError
        For patches of another shape, or that are zero.
    """

    filters: Tensor

    def __init__(self, units: Units, patches: Tensor) -> None:
        super().__init__()
        check_shape("patches", patches, ("units", 3, units.size, units.size))
        squares = patches.flatten(1).square().sum(1, keepdim=True)
        if not (squares.isfinite() & (squares > 0)).all():
            raise UserError("best patches that are finite and not zero", "others", "leave them out")
        self.network, self.layer, self.size = units.network, units.layer, units.size
        self.channels, self.earlier_layers = len(patches), units.earlier_layers
        self.units = units
        self.register_buffer("filters", (patches.flatten(1) / squares).to(*placement(units)))

    def respond(self, patches: Tensor, tap: str = PIXELS) -> tuple[Tensor, Tensor]:
        """Return responses ``[N, channels]``, and what `tap` of the layer sees of the patches."""
        features = patches if tap == PIXELS else _seen(self.units, patches, tap)
        products = filled(patches.flatten(1)) @ filled(self.filters).T
        return products[: len(patches), : self.channels], features


def _seen(units: Units, patches: Tensor, tap: str) -> Tensor:
    if not isinstance(units, Trunk):
        return units.respond(patches, tap)[1]
    features = filled(patches)
    for step in units.steps[: units._taps[tap] + 1]:  # no further than that
        features = step(features)
    return features[: len(patches)]


def surrogate_set_distances(
    units: Units,
    channels: Sequence[int],
    patches: Tensor,
    shares: Tensor,
    distances: Tensor,
    **settings: Any,
) -> Tensor:
    """Return how distinct the diverse sets of surrogates are at given shares of activation.

    The weight of the smallest distance is found in steps, each of which makes a set from the starts
    that the unit's own restarts had; distances between these sets are those of `distance_at`.

    Parameters
    ----------
    units
        The layer.
    channels
        Units of it: starts depend on their numbers.
    patches
        ``[channels, 3, s, s]``, their best patches, of the norm budget.
    shares
        ``[shares, channels]``, mean activations that sets are to keep, relative to the best
        patch's; between 0 and 1.
    distances
        ``[channels]``, smallest distances in the units' own sets, above zero.
    **settings
        As for `diverse_sets`, all but `diversity`: those of the units' own sets.

    Returns
    -------
    Tensor
        ``[shares, channels]``.

    Raises
    ------
    UserError
        As `diverse_sets`, or for shares or distances that are out of range.
    """
    count = len(channels)
    check_shape("shares", shares, ("shares", count))
    check_shape("distances", distances, (count,))
    if not ((shares > 0) & (shares < 1)).all():
        raise UserError("shares between 0 and 1", str(shares.tolist()), "leave the others out")
    if not (distances.isfinite() & (distances > 0)).all():
        raise UserError("distances above zero", str(distances.tolist()), "leave the others out")
    surrogates = Surrogates(units, patches)
    # If images turn away from the best patch by an angle a, and their distances are k sin a, then
    # cos a + weight k sin a is largest at cos a = share for this weight, where k sin a = distance.
    costs = (1 / shares - shares).clamp(min=_LEAST)
    targets = Targets(tuple(map(str, channels)), torch.eye(count))
    sets: list[DiverseSets] = []

    def found(of_share: Tensor) -> Tensor:
        kept = torch.stack([made.activations.mean(1) for made in sets], 1)
        apart = torch.stack([made.min_distance for made in sets], 1)
        every = zip(kept, apart, of_share, strict=True)
        return torch.stack([distance_at(*of_unit) for of_unit in every])

    # The first set only tells the second where to look.
    for share, cost in zip((shares[0], *shares), (costs[0], *costs), strict=True):
        apart = found(share) if sets else distances / _FIRST
        weights = cost / apart.clamp(min=_LEAST * distances)
        sets.append(diverse_sets(surrogates, targets, diversity=weights, **settings))
    return torch.stack([found(share) for share in shares])


def distance_at(shares: Tensor, distances: Tensor, share: Tensor) -> Tensor:
    """Return the largest distance at a share of activation, between sets of other shares.

    A set counts at every lower share than its own, too. Images at an angle to the best patch keep
    its cosine of activation, and in the image plane their distances are proportional to its sine,
    ``sqrt(1 - share^2)``: between sets the logarithm of the distance is taken as linear in that of
    the sine, and beyond them as proportional.

    Parameters
    ----------
    shares, distances
        ``[levels]``, mean activation and smallest distance of each set.
    share
        Scalar, between 0 and 1.

    Returns
    -------
    Tensor
        Scalar.
    """
    sines, order = (1 - shares.double().square()).clamp(min=1e-12).sqrt().log().sort()
    heights = distances.double()[order].log().cummax(0).values
    at = (1 - share.double().square()).sqrt().log()
    after = int(torch.searchsorted(sines, at))
    if after in (0, len(sines)):
        nearest = min(after, len(sines) - 1)
        return (heights[nearest] + at - sines[nearest]).exp().float()
    part = (at - sines[after - 1]) / (sines[after] - sines[after - 1])
    return torch.lerp(heights[after - 1], heights[after], part).exp().float()
