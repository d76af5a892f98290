"""Gradient descent for many independent problems at once, each with its own length.

Jobs (a unit's set of images, say) share one batch. A job that has converged leaves the batch and a
waiting one takes its place, so that the batch stays full however long single jobs take. No quantity
is shared between jobs: a job's result does not depend on its neighbours.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from diversevis.errors import NonFiniteLossError, UserError, whole_number
from diversevis.optimisation.problem import Problem
from diversevis.optimisation.schedule import Schedule
from diversevis.units.memory import free_bytes, require

MOST_PATCHES = {"cpu": 384, "cuda": 8192}
"""Patches in a batch: more no longer adds speed."""

_FEWEST_PATCHES, _CACHED_BYTES = 96, 65_000_000
"""On a CPU, more bytes than these leave the caches, unless patches would become too few."""

_FAR = 1e6
"""Parameters this far beyond where they may start have been driven there by too high a rate."""

_COPIES = 3
"""Of all parameters: as jobs end, put together, and as what is made of them."""

_HISTORY = 4096
"""Steps whose losses there is room for at first: a schedule may allow for more than are taken."""

_REFRESH_TERMINAL, _REFRESH_LOG = 0.2, 20.0
"""Seconds between two looks at the monitors: a log file should not fill with progress bars."""


@dataclass(frozen=True)
class Outcome:
    """What `minimise` returns, one entry per job.

    Attributes
    ----------
    parameters
        Last parameters, on the CPU, ``[jobs, ...]``.
    steps
        Steps taken, ``[jobs]``.
    losses
        Loss before every step, NaN after a job has stopped, ``[jobs, longest]``.
    """

    parameters: Tensor
    steps: Tensor
    losses: Tensor


@dataclass
class _State:
    """Jobs in the batch: every field has them on its first axis."""

    job: Tensor
    parameters: Tensor
    moment: Tensor
    square: Tensor
    step: Tensor
    average: Tensor
    lowest: Tensor
    since: Tensor

    @classmethod
    def new(cls, jobs: Sequence[int], parameters: Tensor) -> _State:
        device, k = parameters.device, len(jobs)
        infinite = torch.full((k,), torch.inf, device=device, dtype=parameters.dtype)
        count = torch.zeros(k, dtype=torch.long, device=device)
        return cls(
            job=torch.tensor(list(jobs), device=device),
            parameters=parameters,
            moment=torch.zeros_like(parameters),
            square=torch.zeros_like(parameters),
            step=count,
            average=infinite,
            lowest=infinite.clone(),
            since=count.clone(),
        )

    def __len__(self) -> int:
        return len(self.job)

    def __getitem__(self, which: Tensor | slice | list[int]) -> _State:
        return _State(**{name: value[which] for name, value in vars(self).items()})

    def cloned(self) -> _State:
        """Return the same jobs without the rest of the batch that their tensors are views of."""
        return _State(**{name: value.clone() for name, value in vars(self).items()})

    def joined(self, other: _State) -> _State:
        return _State(
            **{name: torch.cat([value, getattr(other, name)]) for name, value in vars(self).items()}
        )


def minimise(
    problem: Problem,
    schedule: Schedule,
    *,
    chunk: int | None = None,
    progress: bool = False,
    title: str = "",
) -> Outcome:
    """Minimise every job's loss by gradient descent until its own stopping rule.

    Parameters
    ----------
    problem
        The jobs.
    schedule
        Optimiser and stopping rule.
    chunk
        Most jobs in the batch; by default as many as the free memory holds. A GPU that runs out of
        memory halves it and goes on from where the jobs are.
    progress
        Show a bar on standard error.
    title
        Its label.

    Raises
    ------
    NonFiniteLossError
        If a loss is no longer finite; names the job and the step.
    UserError
        If one job alone, or what is kept of all of them, does not fit into the memory.
    """
    if chunk is not None:
        chunk = whole_number("chunk", chunk, least=1)
    require_room(problem)
    capacity = jobs_that_fit(problem) if chunk is None else chunk
    waiting, parked = list(range(problem.jobs)), list[_State]()
    results: dict[int, Tensor] = {}
    steps = torch.zeros(problem.jobs, dtype=torch.long)
    length = min(schedule.steps, _HISTORY)
    losses = torch.full((problem.jobs, length), torch.nan, device=problem.device)
    state: _State | None = None
    bar = tqdm(total=problem.jobs, desc=title, unit="set", disable=not progress, mininterval=0)
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules  # a notebook's bar is a widget
    interval = _REFRESH_TERMINAL if watched else _REFRESH_LOG
    shown_at = time.monotonic()
    with bar:
        while True:
            state = _fill(problem, state, waiting, parked, capacity)
            if state is None:
                break
            shortage = None
            try:
                loss, gradient, monitors = problem.evaluate(state.parameters, state.job, state.step)
            except torch.OutOfMemoryError as error:
                shortage = str(error).splitlines()[0]
            if shortage:
                # Here, not in the handler: the exception holds on to what it failed over.
                if len(state) == 1:
                    raise UserError(
                        f"memory for one set of {problem.patches_per_job} images",
                        shortage,
                        "take fewer images, or another device",
                    )
                capacity = len(state) // 2
                parked.append(state[capacity:].cloned())
                state = state[:capacity].cloned()
                _release_memory(problem.device)
                continue
            if length < schedule.steps and int(state.step.max()) >= length:
                losses = F.pad(losses, (0, length), value=torch.nan)
                length *= 2
            losses[state.job, state.step] = loss.to(losses)
            _check_finite(problem, state, loss)
            stopped = _advance(problem, state, loss, gradient, schedule)
            if progress and time.monotonic() - shown_at > interval:
                shown_at = time.monotonic()
                means = {
                    name: f"{values.mean().item():.4g}"
                    for name, values in {"loss": loss, **monitors}.items()
                }
                left = len(waiting) + sum(map(len, parked)) + len(state)
                bar.set_postfix({**means, "left": left, "step": int(state.step.max())})
            if stopped.any():
                done = state[stopped]
                for job, step, parameters in zip(
                    done.job.tolist(), done.step.tolist(), done.parameters.cpu(), strict=True
                ):
                    results[job], steps[job] = parameters, step
                bar.update(len(done))
                state = state[~stopped] if not stopped.all() else None
    return Outcome(
        torch.stack([results[job] for job in range(problem.jobs)]),
        steps,
        losses[:, : int(steps.max())].cpu(),
    )


def jobs_that_fit(problem: Problem) -> int:
    """Return how many jobs to run at once: what half of the free memory holds.

    No more than make `MOST_PATCHES` patches, and on a CPU no more than its caches like, but one at
    least; and no more than leave the last batch about as full as the others.
    """
    fit = int(free_bytes(problem.device) / 2 / problem.bytes_per_job)
    useful = MOST_PATCHES.get(problem.device.type, fit) // problem.patches_per_job
    if problem.device.type == "cpu":
        cached = _CACHED_BYTES // problem.bytes_per_job
        useful = min(useful, max(cached, _FEWEST_PATCHES // problem.patches_per_job))
    most = max(1, min(fit, useful))
    return math.ceil(problem.jobs / math.ceil(problem.jobs / most))


def require_room(problem: Problem) -> None:
    """Raise `UserError` unless one job fits into the memory, and what is kept of all of them."""
    images = problem.patches_per_job
    what, remedy = f"a step of {images:,} images", "ask for fewer images, or for another device"
    require(problem.bytes_per_job, what, remedy, problem.device)
    what = f"the results of {problem.jobs:,} jobs of {images:,} images"
    require(_COPIES * problem.jobs * problem.bytes_kept, what, "ask for fewer units or images")


def _release_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _fill(
    problem: Problem,
    state: _State | None,
    waiting: list[int],
    parked: list[_State],
    capacity: int,
) -> _State | None:
    """Return the batch with free places taken: first by parked jobs, then by waiting ones."""
    room = capacity - (len(state) if state else 0)
    entering: list[_State] = []
    while parked and room > 0:
        resumed = parked.pop()
        if len(resumed) > room:
            parked.append(resumed[room:])
            resumed = resumed[:room]
        entering.append(resumed)
        room -= len(resumed)
    if waiting and room > 0:
        jobs = waiting[:room]
        del waiting[:room]
        start = torch.stack([problem.start(job) for job in jobs]).to(problem.device)
        entering.append(_State.new(jobs, start))
    for other in entering:
        state = other if state is None else state.joined(other)
    return state


def _advance(
    problem: Problem, state: _State, loss: Tensor, gradient: Tensor, schedule: Schedule
) -> Tensor:
    """Take one step in place and return which jobs have come to their end ``[k]``."""
    state.step = state.step + 1
    if schedule.optimiser == "adam":
        _adam_step(problem, state, gradient, schedule)
    else:
        _sphere_step(problem, state, gradient, schedule)

    loss = loss.to(state.average)
    state.average = torch.where(
        state.step == 1, loss, torch.lerp(loss, state.average, schedule.decay)
    )
    fell = state.average < state.lowest
    state.lowest = torch.where(fell, state.average, state.lowest)
    state.since = torch.where(fell, 0, state.since + 1)
    return (state.since >= schedule.patience) | (state.step >= schedule.steps)


def _step_sizes(problem: Problem, state: _State, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """Return the number of the step and its size, to be broadcast over the parameters."""
    rates = problem.rates[state.job].to(state.moment)
    count = state.step.to(state.moment)
    if schedule.anneal:
        rates = rates * (1 - (count - 1) / schedule.steps)
    shape = (-1, *[1] * (state.moment.ndim - 1))
    return count.view(shape), (schedule.learning_rate * rates).view(shape)


def _adam_step(problem: Problem, state: _State, gradient: Tensor, schedule: Schedule) -> None:
    first, second = schedule.betas
    count, size = _step_sizes(problem, state, schedule)
    state.moment.mul_(first).add_(gradient, alpha=1 - first)
    state.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
    root = (state.square / (1 - second**count)).sqrt_().add_(schedule.eps)
    state.parameters.sub_(size / (1 - first**count) * state.moment / root)


def _sphere_step(problem: Problem, state: _State, gradient: Tensor, schedule: Schedule) -> None:
    """Turn every image by the same angle; move free parameters as far, whatever their scale."""
    _, size = _step_sizes(problem, state, schedule)
    state.moment.mul_(schedule.betas[0]).add_(gradient, alpha=1 - schedule.betas[0])
    direction = state.moment.clone()
    for view in (*problem.spheres(direction), *problem.free(direction)):
        _to_unit(view)
    for view in problem.spheres(state.parameters):
        _to_unit(view)
    state.parameters.sub_(size * direction)


def _to_unit(views: Tensor) -> None:
    """Scale to a root mean square of one in place; what is zero stays zero."""
    # The largest first: squares of what is tiny would vanish.
    views.div_(views.abs().amax(-1, keepdim=True).clamp_(min=1e-30))
    views.div_(views.square().mean(-1, keepdim=True).sqrt_().clamp_(min=1e-30))


def _check_finite(problem: Problem, state: _State, loss: Tensor) -> None:
    """Raise `NonFiniteLossError` for the first job without a finite loss, and say what may help."""
    finite = loss.isfinite()
    if finite.all():
        return
    broken = int((~finite).nonzero()[0])
    value, step = loss[broken].item(), int(state.step[broken]) + 1
    whose, advice = problem.describe(int(state.job[broken])), _advice(problem, state[[broken]])
    raise NonFiniteLossError(f"the loss of {whose} is {value} at step {step}; {advice}")


def _advice(problem: Problem, own: _State) -> str:
    """Return what to do about the one job, from what has become of it."""
    start = problem.start(int(own.job)).abs().max().item()
    reach = own.parameters.abs().max().item()
    if not own.moment.isfinite().all():
        helps = ", or float32" * problem.reduced
        return f"its gradient is not finite: it needs units that are smooth there{helps}"
    if not reach <= _FAR * max(start, 1):
        return "lower the learning rate"
    if problem.reduced:
        exact, _, _ = problem.exact().evaluate(own.parameters, own.job, own.step)
        if exact.isfinite().all():
            return "use float32: there it is finite"
    what = "what it has become" if int(own.step) else "its start"
    return f"the units have no finite answer to {what}"
