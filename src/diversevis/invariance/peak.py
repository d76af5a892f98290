"""The best response of a unit to any single patch of the norm budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from diversevis.optimisation.schedule import Schedule, get_schedule, small_steps
from diversevis.seeds import generator
from diversevis.synthesis.diverse import diverse_sets, require_room
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import PIXELS, Units, check_shape

RESTARTS, NATURAL_STARTS = 16, 4
_NOISE = 0.5
"""Noise on all natural starts but the first, relative to the patch."""


@dataclass(frozen=True)
class Peaks:
    """Best patches.

    Attributes
    ----------
    patches : Tensor
        ``[units, 3, s, s]``, the best patch of each unit.
    responses : Tensor
        ``[units]``, to these patches.
    from_noise : Tensor
        ``[units]``, the best that starts from noise alone reached.
    """

    patches: Tensor
    responses: Tensor
    from_noise: Tensor


def best_patches(
    units: Units,
    targets: Targets,
    *,
    natural: Tensor | None = None,
    seed: int = 0,
    schedule: str | Schedule = "fast",
    **settings: Any,
) -> Peaks:
    """Return each unit's best patch of several restarts, some from its best natural patch.

    Some units never leave the dead side of an earlier ReLU from noise, so `NATURAL_STARTS` of the
    `RESTARTS` begin at the best natural patch: the first as it is, the others with noise added.
    These take small steps.

    Parameters
    ----------
    units, targets, seed, schedule
        As for `diversevis.diverse_sets`.
    natural
        ``[targets, 3, s, s]``, the best natural patch of each; without it all starts are noise.
    **settings
        Other arguments of `diversevis.diverse_sets`.

    Raises
    ------
    UserError
        As `diversevis.diverse_sets`, or for natural patches that do not fit.
    """
    schedule, targets = get_schedule(schedule), as_targets(units, targets)
    if natural is not None:
        check_shape("natural patches", natural, (len(targets), 3, units.size, units.size))
    require_room(units, len(targets), RESTARTS)
    shape = (RESTARTS, 3, units.size, units.size)
    starts = torch.stack(
        [
            torch.randn(shape, generator=generator(seed, "peak", units.network, units.layer, name))
            for name in targets.names
        ]
    )
    common = {"seed": seed, "distance": PIXELS, **settings}  # of no account at diversity zero
    if natural is None:
        noise = diverse_sets(
            units, targets, images=RESTARTS, start=starts, schedule=schedule, **common
        )
        return _highest(noise.images, noise.activations, RESTARTS)
    count = RESTARTS - NATURAL_STARTS
    noise = diverse_sets(
        units, targets, images=count, start=starts[:, :count], schedule=schedule, **common
    )
    unit = natural / natural.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-6)
    added = torch.tensor([0.0] + [_NOISE] * (NATURAL_STARTS - 1))[:, None, None, None]
    near = unit[:, None] + added * starts[:, count:]
    woken = diverse_sets(
        units,
        targets,
        images=NATURAL_STARTS,
        start=near,
        schedule=small_steps(schedule),
        **common,
    )
    return _highest(
        torch.cat([noise.images, woken.images], 1),
        torch.cat([noise.activations, woken.activations], 1),
        count,
    )


def polished(
    units: Units,
    targets: Targets,
    peaks: Peaks,
    *,
    schedule: str | Schedule = "fast",
    seed: int = 0,
    chunk: int | None = None,
    progress: bool = False,
) -> Peaks:
    """Return peaks from which small steps in the units' own precision lead no higher.

    Restarts stop where large steps, rounded ones perhaps, lead no higher. A patch that small steps
    make worse stays as it is.

    Parameters
    ----------
    units, targets, seed, chunk, progress
        As for `diversevis.diverse_sets`.
    peaks
        Best patches, from wherever.
    schedule
        Whose steps, taken at a small rate.
    """
    unit = peaks.patches / peaks.patches.square().mean((1, 2, 3), keepdim=True).sqrt()
    single = diverse_sets(
        units,
        targets,
        images=1,
        start=unit[:, None],
        schedule=small_steps(get_schedule(schedule)),
        distance=PIXELS,
        seed=seed,
        chunk=chunk,
        progress=progress,
    )
    return higher(peaks, single.images[:, 0], single.activations[:, 0])


def higher(peaks: Peaks, patches: Tensor, responses: Tensor) -> Peaks:
    """Return peaks with other patches ``[units, 3, s, s]`` where responses to them are higher.

    Patches that have not the budget's norm do not count: a grey one, say.
    """
    norms = [some.flatten(1).norm(dim=1) for some in (patches, peaks.patches)]
    better = (responses > peaks.responses) & (norms[0] > 0.99 * norms[1])
    return replace(
        peaks,
        patches=torch.where(better[:, None, None, None], patches, peaks.patches),
        responses=torch.where(better, responses, peaks.responses),
    )


def _highest(images: Tensor, activations: Tensor, noise_starts: int) -> Peaks:
    responses, best = activations.max(1)
    return Peaks(
        images[torch.arange(len(images)), best], responses, activations[:, :noise_starts].amax(1)
    )
