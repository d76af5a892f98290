"""The transformation test: a canvas whose every transform drives a unit, if there is one.

One canvas a unit is optimised so that the mean response to its masked members is as large as it can
be; the index is what members that were not optimised reach, relative to the unit's best patch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from diversevis.devices import exact_float32
from diversevis.invariance.families import Family
from diversevis.invariance.surrogate import best_linear_canvas
from diversevis.seeds import generator
from diversevis.stimuli.filters import smooth, transfer_function
from diversevis.stimuli.masks import learned_window, window, window_shape
from diversevis.stimuli.norm import patch_norm
from diversevis.synthesis.engine import FAST, Schedule, minimise, of_length
from diversevis.synthesis.memory import bytes_per_patch
from diversevis.synthesis.targets import Targets
from diversevis.units import PIXELS, Units, check_units, forward_batch, placement

TEXTURE = Schedule(learning_rate=0.1, steps=700, patience=700, anneal=True)
"""The texture test's schedule: the published rate and steps, all of them since the loss is noisy,
and the rate falling to zero, which the published code does not do."""

FAST_TEXTURE = of_length(FAST, 100)
TEXTURES = {"published": TEXTURE, "fast": FAST_TEXTURE}


@dataclass(frozen=True)
class Sampling:
    """How many members are optimised over and evaluated.

    Parameters
    ----------
    per_step
        Members drawn in every step.
    training
        Members that steps draw from; finite families use all theirs.
    held_out
        Members evaluated, none of them in training; finite families use all theirs.
    """

    per_step: int = 48
    training: int = 512
    held_out: int = 256


DEFAULT_SAMPLING = Sampling()


@dataclass(frozen=True)
class Trials:
    """Several starts of each canvas, of which only the best goes on: optima are many.

    Parameters
    ----------
    starts
        Starts of a canvas. Noise; but where members differ little, the first is the best canvas of
        the unit's linear stand-in.
    steps
        Steps after which the start with the best mean over its last `judged` steps goes on. They
        count as steps of the schedule, and are taken at its full rate.
    judged
        Steps that decide.
    """

    starts: int = 3
    steps: int = 15
    judged: int = 5


DEFAULT_TRIALS = Trials()


@dataclass(frozen=True)
class FamilyResponses:
    """Responses of units to the members of their best canvases.

    Attributes
    ----------
    family : str
        Name of the family.
    delta : float or None
        Its displacement in pixels per 24 px of patch.
    mask : str
        ``"fixed"`` or ``"learned"``.
    canvases : Tensor
        ``[units, 3, side, side]``, scaled so that masked members have the budget's norm on average.
    masks : Tensor
        ``[units, s, s]``.
    responses : Tensor
        ``[units, members]``, to the evaluated members.
    highest : Tensor
        ``[units]``, best response to any member once it has the budget's norm itself: a lower bound
        of the unit's best response.
    surrogate : Tensor
        ``[units]``, index of the linear stand-in.
    members : Tensor
        The evaluated members.
    """

    family: str
    delta: float | None
    mask: str
    canvases: Tensor
    masks: Tensor
    responses: Tensor
    highest: Tensor
    surrogate: Tensor
    members: Tensor


@exact_float32()
def transformation_test(
    units: Units,
    targets: Targets,
    family: Family,
    templates: Tensor,
    *,
    learn_mask: bool = False,
    min_weight: float = 0.0,
    sampling: Sampling = DEFAULT_SAMPLING,
    trials: Trials | None = None,
    schedule: Schedule = TEXTURE,
    compute_dtype: torch.dtype | None = None,
    seed: int = 0,
    chunk: int | None = None,
    progress: bool = False,
) -> FamilyResponses:
    """Optimise one canvas for each unit and evaluate all, or held-out, members.

    Minimises ``-(1 - w) mean_g f(x_g) - w min_g f(x_g)`` over canvases, where ``x_g`` are the
    masked members, all scaled by one number so that their root mean square norm is the norm budget
    (Cadena et al. 2018, published code, for all shifts). As for diverse sets, the gradient is
    filtered last, on the canvas. Where the schedule turns canvases on the sphere, its axes are
    pixels times the square root of how much they count in members: for a linear unit, whose
    problem is quadratic with that diagonal, the gradient then points to the optimum.

    Parameters
    ----------
    units, targets
        As for `diversevis.diverse_sets`.
    family
        Transformations, for patches of the units' size.
    templates
        ``[targets, 3, s, s]``, each unit's best patch: its linear stand-in.
    learn_mask
        Optimise the shape of each unit's mask too.
    min_weight
        ``w``.
    sampling
        Numbers of members.
    trials
        Starts of each canvas; by default several on the sphere, and one for Adam, as published.
    schedule
        Optimiser and stopping rule.
    compute_dtype
        Of the steps; responses are always evaluated in the units' own dtype.
    seed
        Of starts and members.
    chunk, progress
        As for `diversevis.diverse_sets`.

    Raises
    ------
    NonFiniteLossError
        If a loss is no longer finite.
    UserError
        For units that break their contract, or a displacement that cannot be had.
    """
    check_units(units)
    on_sphere = schedule.optimiser == "sphere"
    if trials is None:
        trials = DEFAULT_TRIALS if on_sphere else Trials(starts=1)
    training, held_out = split_members(family, sampling, seed)
    fixed = window(units.size).expand(len(targets), -1, -1)
    device, _ = placement(units)
    starts_from_stand_in = family.complete() is None
    stand_in = surrogate = None
    if starts_from_stand_in or not learn_mask:
        stand_in, surrogate = best_linear_canvas(
            family, fixed, templates, training, held_out, device=device
        )
    canvases, masks = _optimised(
        lambda targets, starts, taken: _Canvases(
            units,
            targets,
            family,
            training,
            starts,
            sampling.per_step,
            learn_mask,
            min_weight,
            compute_dtype,
            seed,
            taken,
            balanced=on_sphere,
        ),
        targets,
        stand_in if starts_from_stand_in else None,
        trials,
        schedule,
        chunk=chunk,
        progress=progress,
    )
    if learn_mask:
        _, surrogate = best_linear_canvas(
            family, masks, templates, training, held_out, device=device
        )
    canvases, responses, highest = evaluate(units, targets, family, canvases, masks, held_out)
    return FamilyResponses(
        family.name,
        family.delta,
        "learned" if learn_mask else "fixed",
        canvases,
        masks,
        responses,
        highest,
        surrogate,
        held_out,
    )


def _optimised(
    problem: Callable[[Targets, Sequence[Tensor | int], int], _Canvases],
    targets: Targets,
    stand_in: Tensor | None,
    trials: Trials,
    schedule: Schedule,
    **settings: Any,
) -> tuple[Tensor, Tensor]:
    """Return the canvases and masks of `targets` that the best of their starts lead to."""
    count = len(targets)
    starts = [number for number in range(trials.starts) for _ in range(count)]
    race = problem(targets.repeated(trials.starts), starts, 0)
    if stand_in is not None:
        starts[:count] = stand_in / race.balance.cpu()
        if schedule.optimiser == "sphere":
            race.rates[:count] = _RATE_FROM_STAND_IN
    if trials.starts == 1:
        return race.split(minimise(race, schedule, **settings).parameters)
    steps = min(trials.steps, schedule.steps)
    heat = minimise(race, replace(schedule, steps=steps, patience=steps, anneal=False), **settings)
    lost = heat.losses[:, -trials.judged :].mean(1).view(trials.starts, count)
    which = lost.argmin(0) * count + torch.arange(count)
    ahead = heat.parameters[which]
    if steps == schedule.steps:
        return race.split(ahead)
    left = schedule.steps - steps
    final = problem(targets, ahead, steps)
    final.rates = race.rates[which.to(race.rates.device)]
    return final.split(minimise(final, of_length(schedule, left), **settings).parameters)


def split_members(family: Family, sampling: Sampling, seed: int) -> tuple[Tensor, Tensor]:
    """Return members to optimise over and members to evaluate; finite families give all for both.

    Members depend on the seed, the family and its displacement alone: all units see the same.
    """
    complete = family.complete()
    if complete is not None:
        return complete, complete
    stream = generator(seed, "members", family.name, f"{family.delta or 0:g}")
    # Drawn apart, for some families spread each draw evenly.
    return family.draw(sampling.training, stream), family.draw(sampling.held_out, stream)


@torch.no_grad()
def evaluate(
    units: Units,
    targets: Targets,
    family: Family,
    canvases: Tensor,
    masks: Tensor,
    members: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return scaled canvases, responses to all members, and the best member's at full norm.

    Parameters
    ----------
    units, targets, family
        As for `transformation_test`.
    canvases
        ``[targets, 3, side, side]``, of any scale.
    masks
        ``[targets, s, s]``.
    members
        ``[m, ...]``.

    Returns
    -------
    canvases
        Scaled so that the masked members' root mean square norm is the norm budget.
    responses
        ``[targets, m]``.
    highest
        ``[targets]``, the largest response to a member scaled to the budget by itself.
    """
    device, dtype = placement(units)
    targets = targets.to(device, dtype)
    budget = patch_norm(units.size)
    at_once = forward_batch(device)
    together = max(1, at_once // len(members))
    portions = members.split(max(1, at_once // together))
    scaled, responses, highest = [], [], []
    for begin in range(0, len(canvases), together):
        which = slice(begin, begin + together)
        canvas, mask = canvases[which].to(device, dtype), masks[which].to(device, dtype)

        def masked(some: Tensor, canvas: Tensor = canvas, mask: Tensor = mask) -> Tensor:
            return family.act(canvas, some) * mask[:, None, None]

        def score(patches: Tensor, which: slice = which) -> Tensor:
            answers = units.respond(patches.flatten(0, 1))[0].unflatten(0, patches.shape[:2])
            return targets.score(answers, which)

        norms = torch.cat([masked(some).flatten(2).norm(dim=2) for some in portions], 1)
        scale = budget / norms.square().mean(1).sqrt()
        rescale = scale[:, None, None, None, None]
        answers = torch.cat([score(masked(some) * rescale) for some in portions], 1)
        scaled.append((canvas * scale[:, None, None, None]).cpu())
        responses.append(answers.cpu())
        # Units being nearly homogeneous, these are the members that would answer most.
        full = budget / (norms * scale[:, None]).clamp(min=1e-3 * budget)
        best = (answers * full).topk(min(_CANDIDATES, len(members)), dim=1).indices
        patches = torch.cat(
            [
                masked(members[numbers.cpu()], canvas[unit : unit + 1], mask[unit : unit + 1])
                for unit, numbers in enumerate(best)
            ]
        )
        factor = (scale[:, None] * full).gather(1, best)
        highest.append(score(patches * factor[:, :, None, None, None]).amax(1).cpu())
    return torch.cat(scaled), torch.cat(responses), torch.cat(highest)


def _coverage(family: Family, mask: Tensor, members: Tensor) -> Tensor:
    """Return how much each pixel of a canvas counts in its members, ``[3, side, side]``."""
    with torch.enable_grad():
        ones = mask.new_ones(1, 3, family.side, family.side).requires_grad_()
        total = torch.zeros_like(ones)
        for some in members.split(64):
            counts = (family.act(ones, some) * mask**2).sum()
            total += torch.autograd.grad(counts, ones)[0]
    return total[0]


_RATE_FROM_STAND_IN = 0.25
"""Of the learning rate: a stand-in's canvas lies near an optimum, where a step at the full rate, as
long wherever it starts, would lead away, for some units beyond where any gradient leads back."""

_LEAST_COVERED = 1e-2
"""Pixels at a canvas's rim that count less than so much, relative to its middle, stay uneven."""

_CANDIDATES = 32
"""Members that are tried at full norm, each by itself."""

_SHAPE_RATE = 0.1
"""Step size of a learned mask's shape, relative to the canvas's: it is not of order one."""


class _Canvases:
    """The units' canvases, and masks if they are learned, as jobs for `minimise`."""

    def __init__(
        self,
        units: Units,
        targets: Targets,
        family: Family,
        training: Tensor,
        starts: Sequence[Tensor | int],
        per_step: int,
        learn_mask: bool,
        min_weight: float,
        compute_dtype: torch.dtype | None,
        seed: int,
        taken: int = 0,  # steps before the first one
        balanced: bool = False,  # pixels weigh equally, however few members show them
    ) -> None:
        self.units, self.family = units, family
        self.device, self.dtype = placement(units)
        self.targets = targets.to(self.device, self.dtype)
        self.compute_dtype = compute_dtype or self.dtype
        self._fast = units
        if self.compute_dtype != self.dtype:
            self._fast = copy.deepcopy(units).to(self.compute_dtype)
        self.training, self.starts = training.to(self.device), starts
        self.ordered = family.order(training.cpu()).to(self.device)
        self.per_step = min(per_step, len(training))
        self.learn_mask, self.min_weight = learn_mask, min_weight
        self.seed, self.taken = seed, taken
        self.norm = patch_norm(units.size)
        self.shape = (3, family.side, family.side)
        self.pixels = math.prod(self.shape)
        self.numbers = self.pixels + (3 if learn_mask else 0)
        self.fixed = window(units.size).to(self.device, self.dtype)
        transfer = transfer_function(family.side, dtype=torch.float64)
        self.transfer = transfer.to(self.device, self.dtype)
        self.balance = self.fixed.new_ones(self.shape)
        if balanced:
            covered = _coverage(family, self.fixed, self.training)
            self.balance = (covered / covered.amax()).clamp(min=_LEAST_COVERED).rsqrt()
        self.jobs, self.patches_per_job = len(targets), self.per_step
        self.rates = torch.ones(self.jobs, device=self.device)
        example = self.fixed.new_zeros(1, 3, units.size, units.size)
        # Each member is read from the canvas, masked and scaled before the units see it.
        per_patch = bytes_per_patch(self._fast, example.to(self.compute_dtype)) + 8 * example.nbytes
        self.bytes_per_job = self.per_step * per_patch

    def start(self, job: int) -> Tensor:
        start = self.starts[job]
        if isinstance(start, int):
            names = (self.units.network, self.units.layer, self.targets.names[job], str(start))
            start = torch.randn(self.shape, generator=generator(self.seed, "canvas", *names))
        start = start.flatten()
        start = torch.cat([start, start.new_zeros(self.numbers - len(start))])
        canvas = start[: self.pixels]
        canvas /= canvas.square().mean().sqrt()
        return start.to(self.dtype)

    def describe(self, job: int) -> str:
        return (
            f"{self.units.network}, layer {self.units.layer}, channel {self.targets.names[job]}, "
            f"family {self.family.name}"
        )

    def spheres(self, parameters: Tensor) -> list[Tensor]:
        return [parameters[:, : self.pixels]]

    def free(self, parameters: Tensor) -> list[Tensor]:
        return [parameters[:, self.pixels :]] if self.learn_mask else []

    def split(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return canvases ``[k, 3, side, side]`` and masks ``[k, s, s]``."""
        pixels = self.pixels
        canvases = parameters[:, :pixels].unflatten(1, self.shape) * self.balance.to(parameters)
        if self.learn_mask:
            start = window_shape(self.units.size).to(parameters)
            shapes = start + _SHAPE_RATE * parameters[:, pixels:]
            return canvases, learned_window(self.units.size, shapes)
        masks = self.fixed.to(parameters).expand(len(parameters), -1, -1)
        return canvases, masks

    def drawn(self, step: int) -> Tensor:
        """Return the members of a step: the same for every unit, whatever runs beside it."""
        if self.per_step == len(self.training):
            return self.training
        stream = generator(self.seed, "step", self.family.name, self.taken + step)
        # One from each stretch of like members: their mean is nearer that of all.
        ends = torch.linspace(0, len(self.training), self.per_step + 1).long()
        part = torch.rand(self.per_step, generator=stream)
        which = ends[:-1] + (part * (ends[1:] - ends[:-1])).long()
        return self.training[self.ordered[which.to(self.device)]]

    def _shown(self, canvases: Tensor, steps: list[int]) -> Tensor:
        """Return each canvas's members of its step, ``[k, per_step, 3, s, s]``."""
        at = sorted(set(steps))
        if len(at) == 1:
            return self.family.act(canvases, self.drawn(at[0]))
        # Jobs that entered the batch later are at other steps, with other members.
        groups = [[job for job, step in enumerate(steps) if step == one] for one in at]
        parts = [
            self.family.act(canvases[group], self.drawn(step))
            for group, step in zip(groups, at, strict=True)
        ]
        order = torch.tensor([job for group in groups for job in group]).argsort()
        return torch.cat(parts)[order.to(canvases.device)]

    def evaluate(
        self, parameters: Tensor, jobs: Tensor, steps: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        parameters = parameters.detach().requires_grad_()
        with torch.enable_grad():
            canvases, masks = self.split(parameters)
            patches = self._shown(canvases, steps.tolist()) * masks[:, None, None]
            square = patches.square().sum((2, 3, 4)).mean(1)
            patches = patches * (self.norm / square.sqrt())[:, None, None, None, None]
            x = patches.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            responses, _ = self._fast.respond(x.to(self.compute_dtype), PIXELS)
            responses = responses.unflatten(0, (-1, self.per_step))
            scores = self.targets.score(responses.to(self.dtype), jobs)
            mean, lowest = scores.mean(1), scores.amin(1)
            loss = -(1 - self.min_weight) * mean - self.min_weight * lowest
            (gradient,) = torch.autograd.grad(loss.sum(), parameters)
        pixels = gradient[:, : canvases[0].numel()]
        smoothed = smooth(pixels.unflatten(1, self.shape), self.transfer).flatten(1)
        gradient = torch.cat([smoothed, gradient[:, pixels.shape[1] :]], dim=1)
        return loss.detach(), gradient, {"activation": mean.detach(), "lowest": lowest.detach()}
