"""Restarts and diverse sets of control units, whose invariance is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from diversevis.controls.units import Controls
from diversevis.optimisation.schedule import Schedule
from diversevis.synthesis.choice import select_diversity
from diversevis.synthesis.diverse import diverse_sets
from diversevis.synthesis.sweep import Sweep
from diversevis.units.patches import patch_norm


def control_sets(
    units: Controls,
    channels: Sequence[int],
    *,
    images: int = 6,
    relative: float = 0.1,
    fraction: float = 0.9,
    seed: int = 0,
    schedule: str | Schedule = "fast",
) -> Sweep:
    """Return restarts and one diverse set of each unit, at a weight that is equal for all kinds.

    The weight is ``lambda = c f0 / d0`` as for a network's units, but ``d0`` is the root mean
    square of a patch, not the smallest distance between restarts: those of a linear unit coincide.

    Parameters
    ----------
    units
        Control units of one kind.
    channels
        Which of them.
    images
        Images in a set, two or more.
    relative
        The relative diversity ``c``.
    fraction
        Share of the restarts' mean activation that the diverse set must keep to be selected.
    seed, schedule
        As for `diversevis.synthesis.diverse.diverse_sets`.

    Returns
    -------
    Sweep
        Of two levels, distances in pixels.
    """
    settings: dict[str, Any] = {"images": images, "seed": seed, "schedule": schedule}
    restarts = diverse_sets(units, channels, diversity=0.0, **settings)
    scale = patch_norm(units.size) / (3 * units.size**2) ** 0.5
    weights = relative * restarts.activations.mean(1) / scale
    diverse = diverse_sets(units, channels, diversity=weights, **settings)
    levels = (restarts, diverse)
    activation = torch.stack([level.activations.mean(1) for level in levels])
    selected = select_diversity(activation, fraction=fraction)
    from_natural = torch.zeros(len(channels), dtype=torch.bool)
    return Sweep(torch.tensor([0.0, relative]), levels, selected, from_natural)
