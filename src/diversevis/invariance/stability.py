"""Relative stability: deformations against noise that changes an image as much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.devices import exact_float32
from diversevis.errors import UserError
from diversevis.invariance.families import Deformations
from diversevis.seeds import generator
from diversevis.synthesis.targets import Targets, channels
from diversevis.units import Units, check_units, forward_batch, placement


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


COLUMNS = ("network", "layer", "channel", "delta", "stability_mean", "stability_median")


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
    check_units(units)
    if not isinstance(targets, Targets):
        targets = channels(units, targets)
    patch = (3, units.size, units.size)
    if (
        images.ndim != 5
        or len(images) != len(targets)
        or images.shape[2:] != patch
        or 0 in images.shape
    ):
        raise UserError(
            f"images of shape {[len(targets), 'n', *patch]}",
            str(list(images.shape)),
            "give each target its own images",
        )
    if members < 1:
        raise UserError("at least one deformation", str(members), "ask for some 32 members")
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

    def score(patches: Tensor) -> Tensor:
        responses = units.respond(patches.flatten(0, 1))[0]
        return targets.score(responses[None], slice(unit, unit + 1)).view(patches.shape[:2])

    before = score(x[None])
    changes = []
    for some in fields.split(max(1, forward_batch(x.device) // len(x))):
        deformed = _warped(x, some)
        noise = torch.randn(deformed.shape, generator=stream).to(x)
        scale = _norms(deformed - x) / _norms(noise)
        changed = torch.stack([score(deformed), score(x + scale * noise)])
        changes.append((changed - before).square())
    return torch.cat(changes, dim=1)


def _warped(x: Tensor, fields: Tensor) -> Tensor:
    """Return images ``[n, 3, s, s]`` read at displaced pixels, ``[members, n, 3, s, s]``."""
    size = x.shape[-1]
    at = torch.arange(size).to(fields)
    here = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=-1)
    grid = (fields + here) * (2 / (size - 1)) - 1
    # Images as channels: all of them are read at the same places.
    stacked = x.flatten(0, 1).expand(len(fields), -1, -1, -1)
    return F.grid_sample(stacked, grid, align_corners=True).unflatten(1, x.shape[:2])


def _norms(x: Tensor) -> Tensor:
    return x.flatten(2).norm(dim=2)[:, :, None, None, None]


def rows(
    units: Units, channels: Sequence[int], delta: float, result: Stability
) -> list[dict[str, Any]]:
    """Return one row a unit: its relative stability at one displacement, by both averages."""
    return [
        {
            "network": units.network,
            "layer": units.layer,
            "channel": channel,
            "delta": delta,
            "stability_mean": mean,
            "stability_median": median,
        }
        for channel, mean, median in zip(
            channels, result.mean.tolist(), result.median.tolist(), strict=True
        )
    ]
