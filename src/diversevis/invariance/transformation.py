"""The transformation test: a canvas whose every transform drives a unit, if there is one.

One canvas per unit is optimised so that the mean response to its masked members is as large as it
can be; the index is what members that were not optimised reach, relative to the unit's best patch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from diversevis.devices import exact_float32, get_dtype
from diversevis.errors import UserError, real_number, whole_number
from diversevis.invariance.canvases import Canvases
from diversevis.invariance.contrast import ContrastCurves
from diversevis.invariance.evaluation import Pictures, evaluate, pictures
from diversevis.invariance.families.base import Family
from diversevis.invariance.surrogate import best_linear_canvas, surrogate_responses
from diversevis.optimisation.engine import minimise
from diversevis.optimisation.schedule import TESTS, Schedule, get_schedule, of_length
from diversevis.seeds import check_seed, generator
from diversevis.stimuli.masks import window
from diversevis.stimuli.natural import middle
from diversevis.synthesis.targets import Targets, as_targets
from diversevis.units.contract import Units, check_shape, check_units, placement
from diversevis.units.memory import require

_COPIES, _BYTES_PER_RESPONSE = 3, 32
_BYTES_PER_PIXEL = 8 * (3 * 8 + 3 * 9)
"""Of a canvas, in float64: eight of its like in three colours, and rows of nine of its products."""


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

    per_step: int = 16
    training: int = 256
    held_out: int = 128

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            whole_number(name, value, least=1)


@dataclass(frozen=True)
class Trials:
    """Several starts of each canvas, of which only the best goes on: optima are many.

    Parameters
    ----------
    starts
        Starts of a canvas; by default three on the sphere, and one for Adam, as published. Noise;
        but where members differ little, the first is the best canvas of the unit's surrogate, and
        the next is its best natural patch with what surrounds it, if that is known. The last, of
        two or more, is noise whatever there is.
    trial_steps
        Steps after which the start with the best mean over its last `judged` steps goes on. They
        count as steps of the schedule, and are taken at its full rate.
    judged
        Steps that decide.
    """

    starts: int | None = None
    trial_steps: int = 15
    judged: int = 5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name != "starts" or value is not None:
                whole_number(name, value, least=1)


@dataclass(frozen=True, kw_only=True)
class FamilyResponses(Pictures):
    """Responses of units to the members of their best canvases, and pictures of some of these.

    Attributes
    ----------
    family, index, title, colour : str
        The family's name, and what it says of itself for tables and figures: see `Family`.
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
    top : Tensor
        ``[units, 3, s, s]``, that member.
    surrogate : Tensor
        ``[units]``, index of the surrogate.
    surrogate_responses : Tensor
        ``[units, members]``, what it answers to its own best canvas, relative to its best patch.
    members : Tensor
        The evaluated members.
    """

    family: str
    index: str
    title: str
    colour: str
    delta: float | None
    mask: str
    canvases: Tensor
    masks: Tensor
    responses: Tensor
    highest: Tensor
    top: Tensor
    surrogate: Tensor
    surrogate_responses: Tensor
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
    sampling: Sampling | None = None,
    trials: Trials | None = None,
    schedule: str | Schedule = "fast",
    precision: str | None = None,
    curves: ContrastCurves | None = None,
    natural: Tensor | None = None,
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
        ``[targets, 3, s, s]``, each unit's best patch: the template of its surrogate.
    learn_mask
        Optimise the shape of each unit's mask too.
    min_weight
        ``w``.
    sampling
        Numbers of members.
    trials
        Starts of each canvas.
    schedule
        Optimiser and stopping rule: ``"fast"``, ``"published"``, or a `Schedule`.
    precision
        Of the steps; responses are always evaluated in the units' own dtype.
    curves
        Of each unit's best patch: canvases then maximise effective contrast, not the response.
    natural
        ``[targets, 3, S, S]``, each unit's best natural patch and what surrounds it: a start.
    seed
        Of starts and members.
    chunk, progress
        As for `diversevis.diverse_sets`.

    Raises
    ------
    NonFiniteLossError
        If a loss is no longer finite.
    UserError
        For units that break their contract, templates or a family that do not fit them, other
        input that is out of range, or more than the free memory holds.
    """
    schedule, seed = get_schedule(schedule, TESTS), check_seed(seed)
    check_units(units, None if precision is None else get_dtype(precision))
    targets = as_targets(units, targets)
    check_shape("templates", templates, (len(targets), 3, units.size, units.size))
    min_weight = real_number("min_weight", min_weight, least=0, most=1)
    on_sphere = schedule.optimiser == "sphere"
    trials = trials or Trials()
    starts = trials.starts or (3 if on_sphere else 1)
    sampling = sampling or Sampling()
    require_room(units, len(targets), family, sampling)
    training, held_out = split_members(family, sampling, seed)

    def surrogates(masks: Tensor) -> tuple[Tensor, Tensor]:
        device, _ = placement(units)
        return best_linear_canvas(family, masks, templates, training, held_out, device=device)

    leads = family.complete() is None  # members of the others differ too much to lead anywhere
    best = None
    if leads or not learn_mask:
        best = surrogates(window(units.size).expand(len(targets), -1, -1))
    leads_of = [best[0]] if best and leads else []
    if natural is not None and len(leads_of) + 1 < starts:
        leads_of.append(middle(natural.cpu(), family.side))
    build = functools.partial(
        Canvases,
        units=units,
        family=family,
        training=training,
        patches_per_job=sampling.per_step,
        learn_mask=learn_mask,
        min_weight=min_weight,
        precision=precision,
        seed=seed,
        balanced=on_sphere,
    )
    canvases, masks = _optimised(
        build,
        targets,
        curves,
        leads_of,
        starts,
        trials,
        schedule,
        chunk=chunk,
        progress=progress,
    )
    linear, surrogate = surrogates(masks) if learn_mask or best is None else best
    canvases, answers, top, highest = evaluate(units, targets, family, canvases, masks, held_out)
    return FamilyResponses(
        family=family.name,
        index=family.index,
        title=family.title,
        colour=family.colour,
        delta=family.delta,
        mask="learned" if learn_mask else "fixed",
        canvases=canvases,
        masks=masks,
        responses=answers,
        highest=highest,
        top=top,
        surrogate=surrogate,
        surrogate_responses=surrogate_responses(
            family, masks, templates, linear, held_out, device=placement(units)[0]
        ),
        members=held_out,
        **vars(pictures(family, canvases, masks, held_out, answers)),
    )


def require_room(units: Units, count: int, family: Family, sampling: Sampling) -> None:
    """Raise `UserError` if a test of `count` units does not fit into the memory, or a family them.

    An upper estimate of what is held at once: members as drawn, ordered and placed; responses with
    their order and norms; canvases and products of the surrogates.
    """
    if not isinstance(family, Family):
        raise UserError("a family of transformations", repr(family), "see build_families")
    if family.size != units.size:
        where = f"of {units.network} {units.layer}"
        raise UserError(
            f"a family for patches of {units.size} px, as those {where}",
            f"{family.name} for {family.size} px",
            "build it for the units' size",
        )
    complete = family.complete()
    members = 0 if complete is None else len(complete)
    drawn = 0 if members else sampling.training + sampling.held_out
    each = family.draw(1, generator(0, "probe"))
    evaluated = members or sampling.held_out
    device, _ = placement(units)
    remedy = "ask for fewer members or units"
    kept = _COPIES * drawn * each.nbytes + _BYTES_PER_RESPONSE * count * evaluated
    require(kept, f"{drawn:,} members of {family.name} and what {count:,} units answer", remedy)
    canvases = _BYTES_PER_PIXEL * count * family.side**2
    what = f"{count:,} canvases of {family.side} px of {family.name}, and their surrogates"
    require(canvases, what, "ask for fewer units, or a smaller delta", device)


def _optimised(
    build: Callable[..., Canvases],
    targets: Targets,
    curves: ContrastCurves | None,
    leads: list[Tensor],
    starts: int,
    trials: Trials,
    schedule: Schedule,
    **settings: Any,
) -> tuple[Tensor, Tensor]:
    """Return the canvases and masks of `targets` that the best of their starts lead to.

    `leads` are the first starts, ``[targets, 3, side, side]`` each; the others are noise.
    """
    count = len(targets)
    repeated = curves and curves.repeated(starts)
    race = build(targets=targets.repeated(starts), starts=starts, curves=repeated)
    if leads:
        race.lead(torch.cat(leads), slowly=schedule.optimiser == "sphere")
    if starts == 1:
        return race.split(minimise(race, schedule, **settings).parameters)
    steps = min(trials.trial_steps, schedule.steps)
    heat = minimise(race, replace(schedule, steps=steps, patience=steps, anneal=False), **settings)
    lost = heat.losses[:, -trials.judged :].mean(1).view(starts, count)
    which = lost.argmin(0) * count + torch.arange(count)
    ahead = heat.parameters[which]
    if steps == schedule.steps:
        return race.split(ahead)
    final = build(targets=targets, given=ahead, taken=steps, curves=curves)
    final.rates = race.rates[which.to(race.rates.device)]
    left = of_length(schedule, schedule.steps - steps)
    return final.split(minimise(final, left, **settings).parameters)


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
