"""Canvases, and masks if they are learned, as jobs for the optimiser."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.invariance.contrast import ContrastCurves
from diversevis.invariance.families.base import Family
from diversevis.optimisation.problem import Evaluation, UnitsProblem
from diversevis.seeds import generator
from diversevis.stimuli.filters import smooth, transfer_function
from diversevis.stimuli.masks import learned_window, window, window_shape

_RATE_FROM_LEADS = 0.25
"""Of the learning rate: a surrogate's canvas lies near an optimum, and a natural one where the unit
is alive. A step at the full rate, as long wherever it starts, would lead away, for some units
beyond where any gradient leads back."""

_LEAST_COVERED = 1e-2
"""Pixels at a canvas's rim that count less than so much, relative to its middle, stay uneven."""

_SHAPE_RATE = 0.1
"""Step size of a learned mask's shape, relative to the canvas's: it is not of order one."""

_NOTHING = 1e-30
"""Squares below it are of members that are zero: there is nothing to scale to the norm budget."""


@dataclass(kw_only=True, eq=False, repr=False)
class Canvases(UnitsProblem):
    """One canvas for each target, and the shape of its mask if it is learned.

    Parameters
    ----------
    family
        Transformations, for patches of the units' size.
    training
        ``[m, ...]``, members that steps draw from, `patches_per_job` at a time.
    starts
        How many of each canvas: `targets` are all targets so many times over.
    given
        ``[k, ...]``, parameters from which the first jobs start in place of noise; but for
        canvases of zeros.
    learn_mask
        Optimise the mask's shape too.
    min_weight
        Weight of the lowest response in the loss.
    taken
        Steps that were taken before the first.
    balanced
        Whether pixels weigh equally, however few members show them.
    curves
        One per target: the effective contrast of responses is maximised in place of responses, but
        for units whose curve is flat.
    """

    family: Family
    training: Tensor
    starts: int = 1
    given: Tensor | None = None
    learn_mask: bool = False
    min_weight: float = 0.0
    taken: int = 0
    balanced: bool = False
    curves: ContrastCurves | None = None

    def __post_init__(self) -> None:
        size, side = self.units.size, self.family.side
        self.patches_per_job = min(self.patches_per_job, len(self.training))
        super().__post_init__()
        # Each member is read from the canvas, masked and scaled before the units see it.
        self.bytes_per_job += self.patches_per_job * 8 * 3 * size**2 * self.dtype.itemsize
        self.ordered = self.family.order(self.training.cpu()).to(self.device)
        self.training = self.training.to(self.device)
        if self.curves is not None:
            self.curves = self.curves.to(self.device, self.dtype)
        self.shape = (3, side, side)
        self.pixels = math.prod(self.shape)
        self.numbers = self.pixels + (3 if self.learn_mask else 0)
        self.bytes_kept = self.numbers * self.dtype.itemsize
        self.fixed = window(size).to(self.device, self.dtype)
        self.transfer = transfer_function(side, dtype=torch.float64).to(self.device, self.dtype)
        self.balance = self.fixed.new_ones(self.shape)
        if self.balanced:
            covered = coverage(self.family, self.fixed, self.training)
            relative = covered / covered.amax().clamp(min=_NOTHING)
            self.balance = relative.clamp(min=_LEAST_COVERED).rsqrt()

    def lead(self, canvases: Tensor, *, slowly: bool) -> None:
        """Let the first jobs start from `canvases` ``[k, 3, side, side]``, but for those of zeros.

        `slowly` takes smaller steps from them.
        """
        given = (canvases / self.balance.cpu()).flatten(1)
        self.given = F.pad(given, (0, self.numbers - self.pixels))
        if slowly:
            known = self.given.any(1).to(self.device)
            self.rates[: len(known)][known] = _RATE_FROM_LEADS

    def start(self, job: int) -> Tensor:
        """Return a given start or noise, its canvas of a root mean square of one."""
        start = torch.zeros(self.numbers)
        if self.given is not None and job < len(self.given):
            start = self.given[job]
        canvas, shape = start.tensor_split([self.pixels])
        if not canvas.any():
            stream = self.stream("canvas", job, job // (self.jobs // self.starts))
            canvas = torch.randn(self.shape, generator=stream).flatten()
        canvas = canvas / canvas.square().mean().sqrt()
        return torch.cat([canvas.to(self.dtype), shape.to(self.dtype)])

    def describe(self, job: int) -> str:
        """Name the family too."""
        return f"{super().describe(job)}, family {self.family.name}"

    def spheres(self, parameters: Tensor) -> list[Tensor]:
        """Return the canvases."""
        return [parameters[:, : self.pixels]]

    def free(self, parameters: Tensor) -> list[Tensor]:
        """Return the shapes of masks that are learned."""
        return [parameters[:, self.pixels :]] if self.learn_mask else []

    def split(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Return canvases ``[k, 3, side, side]`` and masks ``[k, s, s]``."""
        pixels, shapes = parameters.tensor_split([self.pixels], dim=1)
        canvases = pixels.unflatten(1, self.shape) * self.balance.to(parameters)
        if self.learn_mask:
            start = window_shape(self.units.size).to(parameters)
            return canvases, learned_window(self.units.size, start + _SHAPE_RATE * shapes)
        masks = self.fixed.to(parameters).expand(len(parameters), -1, -1)
        return canvases, masks

    def drawn(self, step: int) -> Tensor:
        """Return the members of a step: the same for every unit, whatever runs beside it."""
        if self.patches_per_job == len(self.training):
            return self.training
        stream = generator(self.seed, "step", self.family.name, self.taken + step)
        # One from each stretch of like members: their mean is nearer that of all.
        ends = torch.linspace(0, len(self.training), self.patches_per_job + 1).long()
        part = torch.rand(self.patches_per_job, generator=stream)
        which = ends[:-1] + (part * (ends[1:] - ends[:-1])).long()
        return self.training[self.ordered[which.to(self.device)]]

    def _shown(self, canvases: Tensor, steps: list[int]) -> Tensor:
        """Return each canvas's members of its step, ``[k, m, 3, s, s]``."""
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

    def _measured(self, scores: Tensor, jobs: Tensor) -> Tensor:
        """Return what is maximised of responses ``[k, m]``."""
        if self.curves is None:
            return scores
        curves = self.curves[jobs]
        return torch.where(curves.flat[:, None], scores, curves.effective(scores))

    def evaluate(self, parameters: Tensor, jobs: Tensor, steps: Tensor) -> Evaluation:
        """Return losses, gradients filtered on the canvas, and mean and lowest responses."""
        leaf = parameters.detach().requires_grad_()
        with torch.enable_grad():
            canvases, masks = self.split(leaf)
            patches = self._shown(canvases, steps.tolist()) * masks[:, None, None]
            square = patches.square().sum((2, 3, 4)).mean(1).clamp(min=_NOTHING)
            patches = patches * (self.norm / square.sqrt())[:, None, None, None, None]
            x = patches.flatten(0, 1).contiguous(memory_format=torch.channels_last)
            responses, _ = self.fast.respond(x.to(self.step_dtype))
            responses = responses.unflatten(0, (-1, self.patches_per_job))
            scores = self._measured(self.targets.score(responses.to(self.dtype), jobs), jobs)
            mean, lowest = scores.mean(1), scores.amin(1)
            loss = -(1 - self.min_weight) * mean - self.min_weight * lowest
            (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        pixels, shapes = gradient.tensor_split([self.pixels], dim=1)
        smoothed = smooth(pixels.unflatten(1, self.shape), self.transfer).flatten(1)
        gradient = torch.cat([smoothed, shapes], dim=1)
        return loss.detach(), gradient, {"activation": mean.detach(), "lowest": lowest.detach()}


def coverage(family: Family, mask: Tensor, members: Tensor) -> Tensor:
    """Return how much each pixel of a canvas counts in its members, ``[3, side, side]``."""
    with torch.enable_grad():
        ones = mask.new_ones(1, 3, family.side, family.side).requires_grad_()
        total = torch.zeros_like(ones)
        for some in members.split(64):
            counts = (family.act(ones, some) * mask**2).sum()
            total += torch.autograd.grad(counts, ones)[0]
    return total[0]
