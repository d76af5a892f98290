"""The sweep from restarts to ever more diverse sets, and the set that it selects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.errors import UserError, real_number, whole_number
from diversevis.optimisation.schedule import get_schedule, small_steps
from diversevis.synthesis.choice import check_fraction, select_diversity
from diversevis.synthesis.diverse import (
    DiverseSets,
    diverse_sets,
    diversity_weights,
    measure,
    require_room,
)
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import PIXELS, Units, check_shape
from diversevis.units.patches import patch_norm
from diversevis.views import Views

DEFAULT_GRID = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Relative diversities ``c``: low ones for units whose restarts nearly coincide (small ``d0``)."""


@dataclass(frozen=True, repr=False)
class Sweep(Views):
    """Restarts and diverse sets of the same targets, from the same starts.

    Attributes
    ----------
    relative : Tensor
        ``[levels]``, relative diversities ``c``; the first is 0: restarts.
    levels : tuple of DiverseSets
        One per relative diversity.
    selected : Tensor
        ``[units]``, for each unit the index of the level that was chosen.
    from_natural : Tensor
        ``[units]``, whether a unit's sets started from natural patches.
    natural, natural_activations : Tensor or None
        ``[units, 3, s, s]`` and ``[units]``, each unit's best natural patch and its response to it,
        where they are known.
    """

    relative: Tensor
    levels: tuple[DiverseSets, ...]
    selected: Tensor
    from_natural: Tensor
    natural: Tensor | None = None
    natural_activations: Tensor | None = None

    @property
    def restarts(self) -> DiverseSets:
        """The sets without diversity."""
        return self.levels[0]

    def chosen(self) -> DiverseSets:
        """Return each unit's selected set."""
        return pick(self.levels, self.selected)


def sweep(
    units: Units,
    targets: Targets | Sequence[int] | int,
    *,
    grid: Sequence[float] = DEFAULT_GRID,
    fraction: float = 0.9,
    natural: Tensor | None = None,
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
    natural
        ``[targets, images, 3, s, s]``, natural patches that drive each unit, of the norm budget,
        all different.
    **settings
        Other arguments of `diverse_sets`; `images` must be 2 or more.

    Returns
    -------
    Sweep
        ``restarts`` and ``chosen()`` are `DiverseSets` of all targets.

    Raises
    ------
    UserError
        As `diverse_sets`, for natural patches that do not fit, a grid that does not rise from above
        zero, or a fraction that is not above 0 and at most 1.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.controls.units import Controls
    >>> swept = dv.sweep(
    ...     Controls("simple"), 1, images=2, grid=[0.1, 1.0], schedule=dv.Schedule(steps=2)
    ... )
    >>> len(swept.levels), swept.chosen().names
    (3, ('1',))
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
    if natural is not None:
        check_shape("natural patches", natural, (len(targets), images, 3, units.size, units.size))
    restarts = diverse_sets(units, targets, diversity=0.0, **settings)
    starts = [settings.get("start")]
    woken = torch.zeros(len(targets), dtype=torch.bool)
    if natural is not None:
        woken, restarts = _woken(units, targets, restarts, natural, settings)
        starts.append(natural)
    groups = [torch.nonzero(which).flatten() for which in (~woken, woken)]
    parts = [
        _levels(units, targets, restarts, group, start, grid, small, settings)
        for group, start, small in zip(groups, starts, (False, True), strict=False)
        if len(group)
    ]
    order = torch.cat([group for group in groups if len(group)]).argsort()
    levels = (restarts, *(_joined(level, order) for level in zip(*parts, strict=True)))
    activation = torch.stack([level.activations.mean(1) for level in levels])
    selected = select_diversity(activation, fraction=fraction)
    return Sweep(torch.tensor([0.0, *grid]), levels, selected, woken)


def _woken(
    units: Units, targets: Targets, restarts: DiverseSets, natural: Tensor, settings: dict[str, Any]
) -> tuple[Tensor, DiverseSets]:
    """Return which units natural patches lead higher, and restarts of all units."""
    shown, _ = measure(units, targets, natural, distance=PIXELS)
    reached = restarts.activations.mean(1)
    lengths = natural.flatten(2).norm(dim=2)
    grey = (lengths < 0.5 * patch_norm(units.size)).any(1)  # no start: nothing points anywhere
    weak = torch.nonzero((reached <= shown.amax(1)) & ~grey).flatten()
    woken = torch.zeros(len(targets), dtype=torch.bool)
    if not len(weak):
        return woken, restarts
    again = diverse_sets(
        units, targets[weak], diversity=0.0, **_from(natural[weak], settings, small=True)
    )
    woken[weak] = again.activations.mean(1) > reached[weak]
    place = torch.arange(len(targets))
    place[weak] = torch.where(woken[weak], len(targets) + torch.arange(len(weak)), weak)
    return woken, _joined((restarts, again), place)


def _levels(
    units: Units,
    targets: Targets,
    restarts: DiverseSets,
    group: Tensor,
    start: Tensor | None,
    grid: Sequence[float],
    small: bool,
    settings: dict[str, Any],
) -> list[DiverseSets]:
    """Return the diverse sets of some units, one for each level."""
    # A unit that its restarts do not drive gets lambda 0 throughout, and level 0 selected.
    # Restarts that coincide to the last digit have no distance to be relative to.
    closest = restarts.min_distance[group].clamp(min=1e-6 * patch_norm(units.size))
    unit_scale = restarts.activations[group].mean(1).clamp(min=0) / closest
    diversity = torch.tensor(grid)[:, None] * unit_scale
    # One run for all levels: the batch stays full, and no level waits for another's last unit.
    repeated = targets[group].repeated(len(grid))
    if start is not None:
        start = start[group].repeat(len(grid), 1, 1, 1, 1)
    own = _from(start, settings, small=small)
    diverse = diverse_sets(units, repeated, diversity=diversity.flatten(), **own)
    return _split(diverse, len(grid))


def _from(start: Tensor | None, settings: dict[str, Any], *, small: bool) -> dict[str, Any]:
    """Return settings with other starts, which small steps are taken from."""
    if not small or start is None:
        return {**settings, "start": start}
    schedule = get_schedule(settings.get("schedule", "fast"))
    unit = start / start.square().mean((2, 3, 4), keepdim=True).sqrt()
    return {**settings, "start": unit, "schedule": small_steps(schedule)}


_PER_UNIT = ("names", "images", "activations", "distances", "diversity", "steps", "losses")


def _joined(parts: Sequence[DiverseSets], order: Tensor) -> DiverseSets:
    """Return sets of several units one after the other, then in another order."""
    longest = max(part.losses.shape[1] for part in parts)
    changes: dict[str, Any] = {
        name: torch.cat([getattr(part, name) for part in parts])[order]
        for name in _PER_UNIT
        if name not in ("names", "losses")
    }
    losses = torch.cat([_padded(part.losses, longest) for part in parts])[order]
    names = [name for part in parts for name in part.names]
    return replace(
        parts[0], **changes, losses=losses, names=tuple(names[place] for place in order.tolist())
    )


def _padded(losses: Tensor, longest: int) -> Tensor:
    return F.pad(losses, (0, longest - losses.shape[1]), value=torch.nan)


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
            values = [_padded(value, longest) for value in values]
        return torch.stack(values)[selected, units]

    changes: dict[str, Any] = {name: gather(name) for name in _PER_UNIT if name != "names"}
    return replace(first, **changes)
