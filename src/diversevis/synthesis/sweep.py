"""The sweep from restarts to ever more diverse sets, and the set that it selects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from diversevis.errors import UserError, real_number, whole_number
from diversevis.synthesis.choice import check_fraction, select_diversity
from diversevis.synthesis.diverse import (
    DiverseSets,
    diverse_sets,
    diversity_weights,
    require_room,
)
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import Units
from diversevis.units.patches import patch_norm

DEFAULT_GRID = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Relative diversities ``c``: low ones for units whose restarts nearly coincide (small ``d0``)."""


@dataclass(frozen=True)
class Sweep:
    """Restarts and diverse sets of the same targets, from the same starts.

    Attributes
    ----------
    relative : Tensor
        ``[levels]``, relative diversities ``c``; the first is 0: restarts.
    levels : tuple of DiverseSets
        One per relative diversity.
    selected : Tensor
        ``[units]``, for each unit the index of the level that was chosen.
    """

    relative: Tensor
    levels: tuple[DiverseSets, ...]
    selected: Tensor

    @property
    def restarts(self) -> DiverseSets:
        """The sets without diversity."""
        return self.levels[0]

    def chosen(self) -> DiverseSets:
        """Return each unit's selected set."""
        return pick(self.levels, self.selected)


def sweep(
    units: Units,
    targets: Targets | Sequence[int],
    *,
    grid: Sequence[float] = DEFAULT_GRID,
    fraction: float = 0.9,
    **settings: Any,
) -> Sweep:
    """Synthesise restarts, then diverse sets at ``lambda = c f0 / d0`` for each ``c`` of `grid`.

    ``f0`` and ``d0`` are the mean activation and smallest distance of a unit's own restarts, which
    makes ``c`` comparable between units. All levels start from the same noise.

    Parameters
    ----------
    units, targets
        As for `diverse_sets`.
    grid
        Relative diversities, rising, above zero.
    fraction
        Share of the restarts' mean activation that the selected set must keep.
    **settings
        Other arguments of `diverse_sets`; `images` must be 2 or more.

    Raises
    ------
    UserError
        As `diverse_sets`, for a grid that does not rise from above zero, or a fraction that is not
        above 0 and at most 1.
    """
    fraction = check_fraction(fraction)
    if isinstance(grid, str) or not isinstance(grid, Iterable):
        raise UserError("a list of relative diversities", repr(grid), "put it into a list")
    grid = [real_number("a relative diversity", c) for c in grid]
    if not grid or grid[0] <= 0 or sorted(set(grid)) != grid:
        raise UserError(
            "relative diversities that rise from above zero", str(grid), "sort and correct them"
        )
    targets = as_targets(units, targets)
    images = whole_number("images in a set", settings.get("images", 6), least=1)
    diversity_weights(1.0, len(targets), images)
    require_room(units, len(targets) * (1 + len(grid)), images)
    restarts = diverse_sets(units, targets, diversity=0.0, **settings)
    # A unit that its restarts do not drive gets lambda 0 throughout, and level 0 selected.
    # Restarts that coincide to the last digit have no distance to be relative to.
    closest = restarts.min_distance.clamp(min=1e-6 * patch_norm(units.size))
    unit_scale = restarts.activations.mean(1).clamp(min=0) / closest
    diversity = torch.tensor(grid)[:, None] * unit_scale
    # One run for all levels: the batch stays full, and no level waits for another's last unit.
    repeated = targets.repeated(len(grid))
    if (start := settings.get("start")) is not None:
        settings["start"] = start.repeat(len(grid), 1, 1, 1, 1)
    diverse = diverse_sets(units, repeated, diversity=diversity.flatten(), **settings)
    levels = (restarts, *_split(diverse, len(grid)))
    activation = torch.stack([level.activations.mean(1) for level in levels])
    selected = select_diversity(activation, fraction=fraction)
    return Sweep(torch.tensor([0.0, *grid]), levels, selected)


_PER_UNIT = ("names", "images", "activations", "distances", "diversity", "steps", "losses")


def _split(sets: DiverseSets, parts: int) -> list[DiverseSets]:
    size = len(sets.names) // parts
    return [
        replace(
            sets,
            **{name: getattr(sets, name)[part * size : (part + 1) * size] for name in _PER_UNIT},
        )
        for part in range(parts)
    ]


def pick(levels: Sequence[DiverseSets], selected: Tensor) -> DiverseSets:
    """Return, for each unit, its set from the level that `selected` ``[units]`` names."""
    first = levels[0]
    units = torch.arange(len(selected))
    longest = max(level.losses.shape[1] for level in levels)

    def gather(name: str) -> Tensor:
        values = [getattr(level, name) for level in levels]
        if name == "losses":
            values = [
                torch.nn.functional.pad(v, (0, longest - v.shape[1]), value=torch.nan)
                for v in values
            ]
        return torch.stack(values)[selected, units]

    changes: dict[str, Any] = {name: gather(name) for name in _PER_UNIT if name != "names"}
    return replace(first, **changes)
