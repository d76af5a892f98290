"""Diverse sets: images that all drive a unit and are as distinct from each other as possible."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diversevis.devices import exact_float32
from diversevis.errors import UserError
from diversevis.seeds import generator
from diversevis.stimuli.filters import smooth, transfer_function
from diversevis.stimuli.norm import patch_norm
from diversevis.synthesis.distances import nearest_pair, pairwise
from diversevis.synthesis.engine import DEFAULT, Outcome, Schedule, minimise
from diversevis.synthesis.memory import bytes_per_patch
from diversevis.synthesis.targets import Targets, channels
from diversevis.units import (
    Units,
    check_distance,
    check_units,
    default_distance,
    forward_batch,
    placement,
)


@dataclass(frozen=True)
class DiverseSets:
    """One set of images for each target of a layer.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    names : tuple of str
        Target names, ``units`` of them; a channel's is its number.
    images : Tensor
        ``[units, n, 3, s, s]`` float32, patch units: RGB, 0-255 scale minus the channel means.
    activations : Tensor
        ``[units, n]``, of these very images, in float32, before the ReLU.
    distances : Tensor
        ``[units, n (n - 1) / 2]``, root mean square differences between the images of a set.
    diversity : Tensor
        ``[units]``, the weight lambda of the smallest distance.
    steps : Tensor
        ``[units]``, optimisation steps taken.
    losses : Tensor
        ``[units, longest]``, loss before every step, NaN after the set's last.
    distance : str
        Where distances are measured: ``"pixels"`` or a layer.
    seed : int
        Seed of the starts.
    """

    network: str
    layer: str
    names: tuple[str, ...]
    images: Tensor
    activations: Tensor
    distances: Tensor
    diversity: Tensor
    steps: Tensor
    losses: Tensor
    distance: str
    seed: int

    @property
    def min_distance(self) -> Tensor:
        """Smallest distance in each set, ``[units]``; NaN for single images."""
        return self._reduced(torch.amin)

    @property
    def mean_distance(self) -> Tensor:
        """Mean distance in each set, ``[units]``; NaN for single images."""
        return self._reduced(torch.mean)

    def _reduced(self, reduce) -> Tensor:
        if not self.distances.shape[1]:
            return torch.full((len(self.names),), torch.nan)
        return reduce(self.distances, dim=1)


@exact_float32()
def diverse_sets(
    units: Units,
    targets: Targets | Sequence[int],
    *,
    images: int = 6,
    diversity: float | Sequence[float] | Tensor = 0.0,
    distance: str | None = None,
    seed: int = 0,
    schedule: Schedule = DEFAULT,
    start: Tensor | None = None,
    compute_dtype: torch.dtype | None = None,
    chunk: int | None = None,
    progress: bool = False,
) -> DiverseSets:
    """Synthesise a diverse set of images for each target (Cadena et al. 2018, eq. 1).

    Each set minimises ``-mean_i f(x_i) - lambda min_{i<j} d(phi(x_i), phi(x_j))`` over patches
    ``x = B r / |r|`` with Adam on ``r``, gradients smoothed in the frequency domain. ``lambda = 0``
    gives restarts. A target's result depends on its name, `seed` and settings, not on the other
    targets or the batch.

    Parameters
    ----------
    units
        A trunk, or anything else that satisfies `Units`; its device and dtype are used.
    targets
        Targets, or channel numbers.
    images
        Images in a set, ``n``.
    diversity
        Lambda, one for all targets or one each.
    distance
        ``"pixels"`` or an earlier layer, whose map after the ReLU is compared; by default the layer
        that ends the previous stage.
    seed
        Seed of the starts ``r ~ N(0, 1)``.
    schedule
        Optimiser and stopping rule.
    start
        Starts ``r``, ``[targets, n, 3, s, s]``, in place of noise.
    compute_dtype
        ``torch.bfloat16`` runs the steps' forward and backward passes in it. Parameters and the
        reported activations stay in the units' own dtype.
    chunk
        Most sets in one batch; by default what the memory holds.
    progress
        Show a bar on standard error.

    Raises
    ------
    UserError
        For fewer than two images with diversity, an impossible `distance`, or a bad channel.
    NonFiniteLossError
        If a loss is no longer finite.
    """
    check_units(units)
    if not isinstance(targets, Targets):
        targets = channels(units, targets)
    distance = default_distance(units) if distance is None else check_distance(units, distance)
    weights = diversity_weights(diversity, len(targets), images)
    problem = _Sets(units, targets, images, weights, distance, seed, start, compute_dtype, schedule)
    outcome = minimise(
        problem,
        schedule,
        chunk=chunk,
        progress=progress,
        title=f"{units.network} {units.layer}",
    )
    return _evaluated(problem, outcome)


def diversity_weights(
    diversity: float | Sequence[float] | Tensor, count: int, images: int
) -> Tensor:
    """Return the diversity of each of `count` sets of `images`, ``[count]``.

    Raises
    ------
    UserError
        If it is negative or not finite, does not fit the number of sets, or wants to tell apart
        fewer than two images.
    """
    weights = torch.as_tensor(diversity, dtype=torch.float32)
    if weights.ndim > 1 or (weights.ndim == 1 and len(weights) != count):
        raise UserError(
            f"one diversity, or {count}, one a target", f"{weights.numel()}", "give one for each"
        )
    if not (weights.isfinite() & (weights >= 0)).all():
        raise UserError("a diversity that is zero or more", str(diversity), "zero gives restarts")
    if images < 1:
        raise UserError("at least one image", str(images), "ask for two or more")
    if images < 2 and (weights > 0).any():
        raise UserError(
            "at least two images for a diverse set",
            f"{images} with diversity {weights.max():g}",
            "ask for more images, or for diversity 0",
        )
    return weights.expand(count)


class _Sets:
    """The sets of a layer as jobs for `minimise`."""

    def __init__(
        self,
        units: Units,
        targets: Targets,
        images: int,
        weights: Tensor,
        distance: str,
        seed: int,
        start: Tensor | None,
        compute_dtype: torch.dtype | None,
        schedule: Schedule,
    ) -> None:
        self.units, self.images = units, images
        self.diversity, self.distance, self.seed = weights, distance, seed
        self.diverse = bool((weights > 0).any())
        self.starts, self.filter_first = start, schedule.published_filter
        self.device, self.dtype = placement(units)
        self.targets = targets.to(self.device, self.dtype)
        self.weights = weights.to(self.device, self.dtype)
        self.compute_dtype = compute_dtype or self.dtype
        self._fast = units
        if self.compute_dtype != self.dtype:
            self._fast = copy.deepcopy(units).to(self.compute_dtype)
        self.norm = patch_norm(units.size)
        self.shape = (images, 3, units.size, units.size)
        # In float64 first: a filter's mean of one should not depend on the dtype it is used in.
        transfer = transfer_function(units.size, dtype=torch.float64)
        self.transfer = transfer.to(self.device, self.dtype)
        self.jobs, self.patches_per_job = len(targets), images
        self.rates = torch.ones(self.jobs, device=self.device)
        example = torch.zeros(1, *self.shape[1:], device=self.device, dtype=self.compute_dtype)
        self.bytes_per_job = images * bytes_per_patch(self._fast, example, distance)
        if start is not None and start.shape != (self.jobs, *self.shape):
            raise UserError(
                f"starts of shape {[self.jobs, *self.shape]}",
                str(list(start.shape)),
                "give one start an image",
            )

    def start(self, job: int) -> Tensor:
        if self.starts is not None:
            return self.starts[job].to("cpu", self.dtype)
        stream = generator(
            self.seed, "start", self.units.network, self.units.layer, self.targets.names[job]
        )
        return torch.randn(self.shape, generator=stream).to(self.dtype)

    def describe(self, job: int) -> str:
        name = self.targets.names[job]
        return f"{self.units.network}, layer {self.units.layer}, channel {name}"

    def spheres(self, parameters: Tensor) -> list[Tensor]:
        return [parameters.flatten(2)]

    def free(self, _parameters: Tensor) -> list[Tensor]:
        return []

    def patches(self, parameters: Tensor) -> Tensor:
        """Return ``x = B r / |r|``, ``[k n, 3, s, s]``."""
        r = parameters.flatten(0, 1)
        return r * (self.norm / _norms(r))

    def evaluate(
        self, parameters: Tensor, jobs: Tensor, _steps: Tensor
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        x = self.patches(parameters).contiguous(memory_format=torch.channels_last)
        x.requires_grad_()
        weights = self.weights[jobs]
        with torch.enable_grad():
            scores, features = self.scores(self._fast, x.to(self.compute_dtype), jobs)
        activation = scores.detach().mean(1)
        loss, nearest = -activation, torch.full_like(activation, torch.nan)
        outputs, slopes = [scores], [torch.full_like(scores, -1 / self.images)]
        if self.diverse:
            nearest, pair, slope = nearest_pair(features)
            loss = loss - weights * nearest
            # Written down, for autograd would pass a whole map of zeros for either image.
            apart = torch.zeros_like(features)
            sets = torch.arange(len(features), device=features.device)
            slope = (weights[:, None] * slope).to(features)
            apart[sets, pair[0]], apart[sets, pair[1]] = -slope, slope
            outputs, slopes = [*outputs, features], [*slopes, apart]
        (gradient,) = torch.autograd.grad(outputs, x, slopes)
        r = parameters.flatten(0, 1)
        if self.filter_first:
            gradient = _tangent(smooth(gradient, self.transfer), r, self.norm)
        else:
            gradient = smooth(_tangent(gradient, r, self.norm), self.transfer)
        monitors = {"activation": activation, "distance": nearest}
        return loss, gradient.view_as(parameters), monitors

    def scores(self, units: Units, x: Tensor, jobs: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Return the scores ``[k, n]`` and features ``[k, n, d]`` of patches ``[k n, 3, s, s]``."""
        responses, features = units.respond(x, self.distance)
        responses = responses.unflatten(0, (-1, self.images))
        scores = self.targets.score(responses.to(self.dtype), jobs)
        return scores, features.flatten(1).unflatten(0, (-1, self.images))


def _evaluated(problem: _Sets, outcome: Outcome) -> DiverseSets:
    """Return the images that an optimisation ended with, scored as they are returned."""
    images = problem.patches(outcome.parameters).view_as(outcome.parameters)
    activations, distances = measure(
        problem.units, problem.targets, images, distance=problem.distance
    )
    return DiverseSets(
        network=problem.units.network,
        layer=problem.units.layer,
        names=problem.targets.names,
        images=images,
        activations=activations,
        distances=distances,
        diversity=problem.diversity.clone(),
        steps=outcome.steps,
        losses=outcome.losses,
        distance=problem.distance,
        seed=problem.seed,
    )


@exact_float32()
@torch.no_grad()
def measure(
    units: Units, targets: Targets, images: Tensor, *, distance: str
) -> tuple[Tensor, Tensor]:
    """Return the activations and pairwise distances of given sets of images.

    Parameters
    ----------
    units, targets, distance
        As for `diverse_sets`.
    images
        ``[targets, n, 3, s, s]``, patch units.

    Returns
    -------
    activations
        ``[targets, n]``, on the CPU.
    distances
        ``[targets, n (n - 1) / 2]``, on the CPU.
    """
    device, dtype = placement(units)
    targets = targets.to(device, dtype)
    activations, distances = [], []
    at_once = max(1, forward_batch(device) // images.shape[1])
    for begin in range(0, len(images), at_once):
        some = slice(begin, begin + at_once)
        x = images[some].flatten(0, 1).to(device, dtype)
        responses, features = units.respond(x, distance)
        sets = (-1, images.shape[1])
        activations.append(targets.score(responses.unflatten(0, sets), some).cpu())
        distances.append(pairwise(features.flatten(1).unflatten(0, sets)).cpu())
    return torch.cat(activations), torch.cat(distances)


def _norms(r: Tensor) -> Tensor:
    return r.flatten(1).norm(dim=1)[:, None, None, None]


def _tangent(gradient: Tensor, r: Tensor, norm: float) -> Tensor:
    """Return the gradient with respect to ``r`` of a function of ``x = norm * r / |r|``."""
    length = _norms(r)
    direction = r / length
    radial = (direction * gradient).sum((1, 2, 3), keepdim=True)
    return (gradient - radial * direction) * (norm / length)
