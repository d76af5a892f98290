"""Relative stability: deformations against noise that changes an image as much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.devices import exact_float32
from diversevis.errors import whole_number
from diversevis.invariance.families.deformations import Deformations
from diversevis.seeds import generator
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import Units, check_shape, check_units, placement
from diversevis.units.memory import require
from diversevis.units.responding import responses

_COPIES = 3
"""Of each deformation's field and of the changes of responses, at once."""


@dataclass(frozen=True)
class Stability:
    """Relative stability ``R`` of each unit, by both averages of Petrini et al. 2021.

    Attributes
    ----------
    mean, median : Tensor
        ``[units]`` float64. Near 0: noise changes the response far more than deformations do;
        1: as much; above 1: less. Infinite where noise alone, NaN where neither has any effect.
    """

    mean: Tensor
    median: Tensor


@exact_float32()
@torch.no_grad()
def relative_stability(
    units: Units,
    targets: Targets | Sequence[int],
    images: Tensor,
    *,
    delta: float,
    members: int = 32,
    seed: int = 0,
) -> Stability:
    """Return how much less deformations change responses than noise does (Petrini et al. 2021).

    ``R = <(f(t x) - f(x))^2> / <(f(x + e) - f(x))^2>`` over a unit's images ``x`` and random smooth
    deformations ``t``; ``e`` is white noise of the norm of its ``t x - x``. Averages are means, or
    medians. Deformed images are read backwards and bilinearly, with mean grey around them.

    All units see the same deformations, and each its own noise, so that units compare, and none
    depends on what is measured beside it.

    Parameters
    ----------
    units
        A trunk, or anything else that satisfies `Units`; its device and dtype are used.
    targets
        Targets, or channel numbers.
    images
        ``[targets, n, 3, s, s]``, patch units: each target's own, a diverse set for instance.
    delta
        Root mean square displacement under the squared mask, in pixels per 24 px of patch.
    members
        Deformations.
    seed
        Seed of deformations and noise.

    Raises
    ------
    UserError
        For bad channels, images that do not fit the targets, no members, a displacement that is not
        above zero or folds every field, or a patch too small to be deformed.
    """
    check_units(units, dtype=None)
    targets = as_targets(units, targets)
    check_shape("images", images, (len(targets), "n", 3, units.size, units.size))
    members = whole_number("deformations as members", members, least=1)
    held = _COPIES * members * (2 * units.size**2 + len(targets) * images.shape[1]) * 8
    require(held, f"{members:,} deformations of {units.size} px", "ask for fewer members")
    device, dtype = placement(units)
    targets = targets.to(device, dtype)
    deformations = Deformations(units.size, delta)
    drawn = deformations.draw(members, generator(seed, "stability deformations"))
    fields = deformations.displacement(drawn.to(device, dtype))
    ratios = []
    for unit, name in enumerate(targets.names):
        noise = generator(seed, "stability noise", units.network, units.layer, name)
        x = images[unit].to(device, dtype)
        changes = _changes(units, targets, unit, x, fields, noise).double().cpu().flatten(1)
        of_means, of_medians = changes.mean(1), changes.quantile(0.5, dim=1)
        ratios.append(torch.stack([a[0] / a[1] for a in (of_means, of_medians)]))
    return Stability(*torch.stack(ratios, dim=1))


def _changes(
    units: Units, targets: Targets, unit: int, x: Tensor, fields: Tensor, stream: torch.Generator
) -> Tensor:
    """Return squared changes by deformation and by noise, ``[2, members, n]``."""

    def scores(inputs: Tensor, patches: Callable[[Tensor], Tensor]) -> Tensor:
        which, parts = slice(unit, unit + 1), []
        for _, answers, _ in responses(units, inputs, patches, each=len(x)):
            score = targets.score(answers.flatten(0, 1)[None], which)
            parts.append(score.view(answers.shape[:2]))
        return torch.cat(parts)

    def deformed(some: Tensor) -> Tensor:
        return _warped(x, some)

    def noisy(some: Tensor) -> Tensor:
        change = deformed(some) - x
        noise = torch.randn(change.shape, generator=stream).to(x)
        return x + _norms(change) / _norms(noise) * noise

    before = scores(x[None], lambda images: images)
    return torch.stack([(scores(fields, change) - before).square() for change in (deformed, noisy)])


def _warped(x: Tensor, fields: Tensor) -> Tensor:
    """Return images ``[n, 3, s, s]`` read at displaced pixels, ``[members, n, 3, s, s]``."""
    size = x.shape[-1]
    at = torch.arange(size).to(fields)
    here = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=-1)
    grid = (fields + here) * (2 / (size - 1)) - 1
    # Images as channels: all of them are read at the same places.
    stacked = x.flatten(0, 1).expand(len(fields), -1, -1, -1)
    warped: Tensor = F.grid_sample(stacked, grid, align_corners=True).unflatten(1, x.shape[:2])
    return warped


def _norms(x: Tensor) -> Tensor:
    norms: Tensor = x.flatten(2).norm(dim=2)
    return norms[:, :, None, None, None]
