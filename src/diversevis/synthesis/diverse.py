"""Diverse sets: images that all drive a unit and are as distinct from each other as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diversevis.devices import exact_float32, get_dtype
from diversevis.errors import UserError, whole_number
from diversevis.optimisation.engine import minimise
from diversevis.optimisation.problem import Evaluation, UnitsProblem
from diversevis.optimisation.schedule import Schedule, get_schedule
from diversevis.seeds import check_seed
from diversevis.stimuli.filters import smooth, transfer_function
from diversevis.synthesis.distances import nearest_pair, pairwise
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import (
    Units,
    check_distance,
    check_shape,
    check_units,
    default_distance,
    placement,
)
from diversevis.units.memory import require
from diversevis.units.responding import responses
from diversevis.views import Views

_BYTES_PER_PAIR = 64
"""Two numbers of images, and their products and distances as the nearest pair is looked for."""


@dataclass(frozen=True, repr=False)
class DiverseSets(Views):
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

    def _reduced(self, reduce: Callable[..., Tensor]) -> Tensor:
        if not self.distances.shape[1]:
            return torch.full((len(self.names),), torch.nan)
        return reduce(self.distances, dim=1)


@exact_float32()
def diverse_sets(
    units: Units,
    targets: Targets | Sequence[int] | int,
    *,
    images: int = 6,
    diversity: float | Sequence[float] | Tensor = 0.0,
    distance: str | None = None,
    seed: int = 0,
    schedule: str | Schedule = "fast",
    start: Tensor | None = None,
    precision: str | None = None,
    chunk: int | None = None,
    progress: bool = False,
) -> DiverseSets:
    """Synthesise a diverse set of images for each target (Cadena et al. 2018, eq. 1).

    Each set minimises ``-mean_i f(x_i) - lambda min_{i<j} d(phi(x_i), phi(x_j))`` over patches
    ``x = B r / |r|`` by descent on ``r``, gradients smoothed in the frequency domain.
    ``lambda = 0`` gives restarts. A target's result depends on its name, `seed` and settings, not
    on the other targets or the batch.

    Parameters
    ----------
    units
        A trunk, or anything else that satisfies `Units`; its device and dtype are used.
    targets
        Targets, or channel numbers, or one.
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
        Optimiser and stopping rule: ``"fast"``, ``"published"``, or a `Schedule`.
    start
        Starts ``r``, ``[targets, n, 3, s, s]``, in place of noise.
    precision
        ``"float32"`` or ``"bfloat16"``, in which the steps' forward and backward passes run; by
        default the units' own. Parameters and the reported activations stay in the units' own.
    chunk
        Most sets in one batch; by default what the memory holds.
    progress
        Show a bar on standard error, in a notebook a widget.

    Returns
    -------
    DiverseSets
        ``images`` ``[targets, n, 3, s, s]`` in patch units, ``activations`` ``[targets, n]``.

    Raises
    ------
    UserError
        For units that break their contract, fewer than two images with diversity, an impossible
        `distance`, a bad channel or seed, an unknown schedule or precision, or more than the free
        memory holds.
    NonFiniteLossError
        If a loss is no longer finite.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.controls.units import Controls
    >>> few = dv.Schedule(steps=2)
    >>> sets = dv.diverse_sets(Controls("complex"), [0, 2], images=3, diversity=9.0, schedule=few)
    >>> sets.images.shape, sets.activations.shape
    (torch.Size([2, 3, 3, 24, 24]), torch.Size([2, 3]))
    """
    schedule, seed = get_schedule(schedule), check_seed(seed)
    check_units(units, None if precision is None else get_dtype(precision))
    targets = as_targets(units, targets)
    images = whole_number("images in a set", images, least=1)
    distance = default_distance(units) if distance is None else check_distance(units, distance)
    weights = diversity_weights(diversity, len(targets), images)
    require_room(units, len(targets), images)
    problem = _Sets(
        units=units,
        targets=targets,
        patches_per_job=images,
        diversity=weights,
        tap=distance,
        seed=seed,
        starts=start,
        precision=precision,
        filter_first=schedule.published_filter,
    )
    outcome = minimise(
        problem,
        schedule,
        chunk=chunk,
        progress=progress,
        title=f"{units.network} {units.layer}",
    )
    made = problem.patches(outcome.parameters).view_as(outcome.parameters)
    # Scored as they are returned, which is not where the last step's loss was taken.
    activations, distances = measure(units, targets, made, distance=distance)
    return DiverseSets(
        network=units.network,
        layer=units.layer,
        names=targets.names,
        images=made,
        activations=activations,
        distances=distances,
        diversity=weights.clone(),
        steps=outcome.steps,
        losses=outcome.losses,
        distance=distance,
        seed=seed,
    )


def require_room(units: Units, sets: int, images: int) -> None:
    """Raise `UserError` if so many sets of so many images do not fit into the free memory."""
    _, dtype = placement(units)
    size, pairs = units.size, images * (images - 1) // 2
    # Images as they end, put together and scaled; distances; numbers of the pairs of one set.
    each = (3 * images * 3 * size**2 + pairs) * dtype.itemsize
    what = f"{sets:,} sets of {images:,} images of {size} px"
    require(sets * each + _BYTES_PER_PAIR * pairs, what, "ask for fewer images or units")


def diversity_weights(
    diversity: float | Sequence[float] | Tensor, count: int, images: int
) -> Tensor:
    """Return the diversity of each of `count` sets of `images`, ``[count]``.

    Raises
    ------
    UserError
        If it is no number, negative or not finite, does not fit the number of sets, or wants to
        tell apart fewer than two images.
    """
    try:
        weights = torch.as_tensor(diversity, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise UserError("numbers for diversity", repr(diversity), "give one per target") from None
    if weights.ndim > 1 or (weights.ndim == 1 and len(weights) != count):
        raise UserError(
            f"one diversity, or {count}, one per target", f"{weights.numel()}", "give one for each"
        )
    if not (weights.isfinite() & (weights >= 0)).all():
        raise UserError("a diversity that is zero or more", str(diversity), "zero gives restarts")
    if images < 2 and (weights > 0).any():
        raise UserError(
            "at least two images for a diverse set",
            f"{images} with diversity {weights.max():g}",
            "ask for more images, or for diversity 0",
        )
    return weights.expand(count)


@dataclass(kw_only=True, eq=False, repr=False)
class _Sets(UnitsProblem):
    """The sets of a layer as jobs for `minimise`.

    Parameters
    ----------
    diversity
        ``[jobs]``.
    starts
        ``[jobs, n, 3, s, s]``, in place of noise.
    filter_first
        As `Schedule.published_filter`.
    """

    diversity: Tensor
    starts: Tensor | None = None
    filter_first: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.diverse = bool((self.diversity > 0).any())
        self.weights = self.diversity.to(self.device, self.dtype)
        self.shape = (self.patches_per_job, 3, self.units.size, self.units.size)
        # In float64 first: a filter's mean of one should not depend on the dtype it is used in.
        transfer = transfer_function(self.units.size, dtype=torch.float64)
        self.transfer = transfer.to(self.device, self.dtype)
        if self.starts is not None:
            check_shape("starts", self.starts, (self.jobs, *self.shape))
            lengths = self.starts.flatten(2).norm(dim=2)
            if not (lengths.isfinite() & (lengths > 0)).all():
                raise UserError("starts that are finite and not zero", "others", "draw them anew")

    def start(self, job: int) -> Tensor:
        if self.starts is not None:
            return self.starts[job].to("cpu", self.dtype)
        return torch.randn(self.shape, generator=self.stream("start", job)).to(self.dtype)

    def spheres(self, parameters: Tensor) -> list[Tensor]:
        return [parameters.flatten(2)]

    def patches(self, parameters: Tensor) -> Tensor:
        """Return ``x = B r / |r|``, ``[k n, 3, s, s]``."""
        r = parameters.flatten(0, 1)
        return r * (self.norm / _norms(r))

    def evaluate(self, parameters: Tensor, jobs: Tensor, steps: Tensor) -> Evaluation:
        x = self.patches(parameters).contiguous(memory_format=torch.channels_last)
        x.requires_grad_()
        weights = self.weights[jobs]
        with torch.enable_grad():
            answers, features = self.fast.respond(x.to(self.step_dtype), self.tap)
            sets = (len(jobs), self.patches_per_job)
            scores = self.targets.score(answers.unflatten(0, sets).to(self.dtype), jobs)
            features = features.flatten(1).unflatten(0, sets)
        activation = scores.detach().mean(1)
        loss, nearest = -activation, torch.full_like(activation, torch.nan)
        outputs, slopes = [scores], [torch.full_like(scores, -1 / self.patches_per_job)]
        if self.diverse:
            nearest, pair, slope = nearest_pair(features)
            loss = loss - weights * nearest
            # Written down, for autograd would pass a whole map of zeros for either image.
            apart = torch.zeros_like(features)
            each = torch.arange(len(features), device=features.device)
            slope = (weights[:, None] * slope).to(features)
            apart[each, pair[0]], apart[each, pair[1]] = -slope, slope
            outputs, slopes = [*outputs, features], [*slopes, apart]
        (gradient,) = torch.autograd.grad(outputs, x, slopes)
        r = parameters.flatten(0, 1)
        if self.filter_first:
            gradient = _tangent(smooth(gradient, self.transfer), r, self.norm)
        else:
            gradient = smooth(_tangent(gradient, r, self.norm), self.transfer)
        monitors = {"activation": activation, "distance": nearest}
        return loss, gradient.view_as(parameters), monitors


@exact_float32()
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
    targets = targets.to(*placement(units))
    activations, distances = [], []
    for which, answers, features in responses(units, images, each=images.shape[1], tap=distance):
        activations.append(targets.score(answers, which).cpu())
        distances.append(pairwise(features).cpu())
    return torch.cat(activations), torch.cat(distances)


def _norms(r: Tensor) -> Tensor:
    norms: Tensor = r.flatten(1).norm(dim=1)
    return norms[:, None, None, None]


def _tangent(gradient: Tensor, r: Tensor, norm: float) -> Tensor:
    """Return the gradient with respect to ``r`` of a function of ``x = norm * r / |r|``."""
    length = _norms(r)
    direction = r / length
    radial = (direction * gradient).sum((1, 2, 3), keepdim=True)
    return (gradient - radial * direction) * (norm / length)
