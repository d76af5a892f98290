"""The batched optimiser against torch's own, and its guarantees."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from diversevis.errors import NonFiniteLossError, UserError
from diversevis.optimisation import engine
from diversevis.optimisation.engine import MOST_PATCHES, jobs_that_fit, minimise
from diversevis.optimisation.problem import Problem
from diversevis.optimisation.schedule import FAST, PUBLISHED, Schedule, of_length


class Bowls(Problem):
    """Job j minimises a quadratic whose steepness and centre are its own."""

    patches_per_job, bytes_per_job, bytes_kept, device = 1, 1000, 40, torch.device("cpu")

    def __init__(self, jobs: int = 7, dimension: int = 5) -> None:
        stream = torch.Generator().manual_seed(3)
        self.jobs = jobs
        self.centre = torch.randn(jobs, dimension, generator=stream, dtype=torch.float64) * 20
        self.curvature = torch.rand(jobs, dimension, generator=stream, dtype=torch.float64) * 3 + 1
        self.batches: list[int] = []
        self.rates = torch.ones(jobs)

    def start(self, job: int) -> Tensor:
        return torch.zeros(self.centre.shape[1], dtype=torch.float64)

    def evaluate(self, parameters: Tensor, jobs: Tensor, steps: Tensor):
        self.batches.append(len(jobs))
        offset = parameters - self.centre[jobs]
        loss = (self.curvature[jobs] * offset.square()).sum(1) / 2
        return loss, self.curvature[jobs] * offset, {}

    def free(self, parameters: Tensor) -> list[Tensor]:
        return [parameters]

    def describe(self, job: int) -> str:
        return f"bowl {job}"


class Directions(Bowls):
    """Job j turns towards a direction of its own: only the direction of its parameters counts."""

    def __init__(self, jobs: int = 7, dimension: int = 40) -> None:
        super().__init__(jobs, dimension)
        self.steepness = 10.0 ** torch.arange(-3, jobs - 3, dtype=torch.float64)

    def start(self, job: int) -> Tensor:
        stream = torch.Generator().manual_seed(job)
        size = self.centre.shape[1]
        return torch.randn(size, generator=stream, dtype=torch.float64) * 100.0 ** (job % 3)

    def evaluate(self, parameters: Tensor, jobs: Tensor, steps: Tensor):
        self.batches.append(len(jobs))
        target = self.centre[jobs] * self.steepness[jobs, None]
        length = parameters.norm(dim=1, keepdim=True)
        unit = parameters / length
        along = (target * unit).sum(1)
        return -along, -(target - along[:, None] * unit) / length, {}

    def spheres(self, parameters: Tensor) -> list[Tensor]:
        return [parameters]

    def free(self, parameters: Tensor) -> list[Tensor]:
        return []


def by_torch(problem: Bowls, job: int, schedule: Schedule) -> tuple[Tensor, int]:
    """One job with torch.optim.Adam and the stopping rule spelled out."""
    x = problem.start(job).requires_grad_()
    adam = torch.optim.Adam([x], lr=schedule.learning_rate, betas=schedule.betas, eps=schedule.eps)
    average, lowest, since = None, float("inf"), 0
    for step in range(1, schedule.steps + 1):  # noqa: B007
        adam.zero_grad()
        loss = (problem.curvature[job] * (x - problem.centre[job]).square()).sum() / 2
        loss.backward()
        adam.step()
        value = loss.item()
        average = value if average is None else 0.9 * average + 0.1 * value
        since = 0 if average < lowest else since + 1
        lowest = min(lowest, average)
        if since >= schedule.patience:
            break
    return x.detach(), step


def test_equals_torch_adam_and_the_stopping_rule_job_by_job():
    problem = Bowls()
    # Adam overshoots, and so few steps of patience end a job there: far from rounding noise.
    schedule = Schedule(patience=4)
    outcome = minimise(problem, schedule, chunk=3)
    for job in range(problem.jobs):
        x, step = by_torch(problem, job, schedule)
        assert int(outcome.steps[job]) == step
        # The same float64 operations in another order.
        torch.testing.assert_close(outcome.parameters[job], x, rtol=1e-10, atol=1e-10)
    assert len(outcome.steps.unique()) > 1, "jobs should differ in length, or nothing is tested"


def test_reaches_the_known_optimum():
    problem = Bowls()
    outcome = minimise(problem, Schedule(learning_rate=0.3))
    # Adam at a constant rate ends in a small neighbourhood of the optimum.
    torch.testing.assert_close(outcome.parameters, problem.centre, rtol=0, atol=1e-2)


def test_on_the_sphere_scales_of_loss_and_start_do_not_count():
    problem = Directions()
    outcome = minimise(problem, FAST)
    cosine = torch.cosine_similarity(outcome.parameters, problem.centre, dim=1)
    # Steps of equal angles that fall to zero: the last few hundredths of a radian are left over.
    assert (cosine > 0.999).all()
    assert outcome.steps.tolist() == [FAST.steps] * problem.jobs


def test_every_step_on_the_sphere_turns_by_the_same_angle():
    schedule = Schedule("sphere", learning_rate=0.1, steps=1)
    start = torch.stack([Directions().start(job) for job in range(7)])
    ends = minimise(Directions(), schedule).parameters
    # The gradient is tangent: a step of 0.1 turns by arctan(0.1). Float64.
    angle = torch.cosine_similarity(start, ends, dim=1).acos()
    torch.testing.assert_close(angle, torch.full_like(angle, 0.1).atan(), rtol=1e-9, atol=0)


def test_on_the_sphere_free_parameters_move_by_the_rate():
    problem = Bowls()
    ends = minimise(problem, Schedule("sphere", learning_rate=0.1, steps=1)).parameters
    moved = ends.square().mean(1).sqrt()
    torch.testing.assert_close(moved, torch.full_like(moved, 0.1), rtol=1e-9, atol=0)


@pytest.mark.parametrize("chunk", [1, 3])
def test_on_the_sphere_nothing_depends_on_the_chunk(chunk):
    expected = minimise(Directions(), FAST)
    assert torch.equal(minimise(Directions(), FAST, chunk=chunk).parameters, expected.parameters)


def test_annealed_schedules_take_all_their_steps():
    assert (of_length(FAST, 7).steps, of_length(FAST, 7).patience) == (7, 7)
    assert (of_length(PUBLISHED, 700).steps, of_length(PUBLISHED, 700).patience) == (700, 100)


@pytest.mark.parametrize("chunk", [1, 2, 5, 100])
def test_does_not_depend_on_the_chunk(chunk):
    expected = minimise(Bowls(), PUBLISHED)
    outcome = minimise(Bowls(), PUBLISHED, chunk=chunk)
    assert torch.equal(outcome.steps, expected.steps)
    # No sum runs across jobs, so even rounding is the same.
    assert torch.equal(outcome.parameters, expected.parameters)
    assert torch.equal(outcome.losses, expected.losses) or outcome.losses.isnan().any()


def test_finished_jobs_leave_and_waiting_ones_take_their_place():
    problem = Bowls(jobs=9)
    outcome = minimise(problem, PUBLISHED, chunk=4)
    assert max(problem.batches) == 4
    assert sum(problem.batches) == int(outcome.steps.sum()), "a finished job was computed on"
    full = sum(size == 4 for size in problem.batches)
    assert full > int(outcome.steps.min()), "places were not refilled"


def test_history_ends_with_the_job():
    outcome = minimise(Bowls(), Schedule(steps=40, patience=10))
    for losses, steps in zip(outcome.losses, outcome.steps, strict=True):
        assert losses[: int(steps)].isfinite().all()
        assert losses[int(steps) :].isnan().all()


def test_out_of_memory_halves_the_batch_and_loses_nothing():
    class Tight(Bowls):
        def evaluate(self, parameters, jobs, steps):
            # The first steps fit, later ones no longer do: jobs are parked half-way.
            if len(jobs) > (8 if len(self.batches) < 30 else 2):
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().evaluate(parameters, jobs, steps)

    problem = Tight(jobs=11)
    outcome = minimise(problem, PUBLISHED, chunk=11)
    expected = minimise(Bowls(jobs=11), PUBLISHED)
    assert torch.equal(outcome.parameters, expected.parameters)
    assert torch.equal(outcome.steps, expected.steps)
    assert max(problem.batches) <= 8
    assert sum(problem.batches) == int(outcome.steps.sum()), "steps were taken twice"


def test_one_job_that_does_not_fit_is_an_error():
    class Huge(Bowls):
        def evaluate(self, parameters, jobs, steps):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="out of memory"):
        minimise(Huge(), PUBLISHED)


class Broken(Bowls):
    """The loss of bowl 4 is not finite at some step, in float32 or, if `coarse`, below it alone."""

    def __init__(self, value: float, step: int, *, coarse: bool = False) -> None:
        super().__init__()
        self.value, self.step, self.reduced = value, step, coarse

    def exact(self):
        return Bowls() if self.reduced else self

    def evaluate(self, parameters, jobs, steps):
        loss, gradient, _ = super().evaluate(parameters, jobs, steps)
        return loss.masked_fill((jobs == 4) & (steps == self.step - 1), self.value), gradient, {}


class Steep(Bowls):
    """Gradients of bowl 4 are not finite at its second step."""

    def evaluate(self, parameters, jobs, steps):
        loss, gradient, monitors = super().evaluate(parameters, jobs, steps)
        gradient[(jobs == 4) & (steps == 1)] = torch.nan
        return loss, gradient, monitors


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("step", "coarse", "advice"),
    [
        (6, False, "the units have no finite answer to what it has become$"),
        (1, False, "the units have no finite answer to its start$"),
        (6, True, "use float32: there it is finite$"),
        (1, True, "use float32: there it is finite$"),
    ],
)
def test_non_finite_loss_stops_and_says_why(value, step, coarse, advice):
    with pytest.raises(NonFiniteLossError, match=rf"bowl 4 is (nan|inf) at step {step}; {advice}"):
        minimise(Broken(value, step, coarse=coarse), PUBLISHED)


def test_too_high_a_rate_is_named_where_it_is_the_cause():
    with pytest.raises(NonFiniteLossError, match=r"inf at step 2; lower the learning rate$"):
        minimise(Bowls(), Schedule(learning_rate=1e200))


def test_gradients_that_are_not_finite_are_named():
    with pytest.raises(NonFiniteLossError, match="bowl 4 is nan at step 3; its gradient is not"):
        minimise(Steep(), PUBLISHED)


@pytest.mark.parametrize("chunk", [2, None])
def test_history_grows_to_what_is_taken(chunk, monkeypatch):
    schedule = Schedule(patience=4, steps=200)
    expected = minimise(Bowls(), schedule, chunk=chunk)
    monkeypatch.setattr(engine, "_HISTORY", 3)
    outcome = minimise(Bowls(), schedule, chunk=chunk)
    assert outcome.losses.shape[1] > 12, "it has to grow twice"
    for name, values in vars(expected).items():
        torch.testing.assert_close(getattr(outcome, name), values, rtol=0, atol=0, equal_nan=True)


def test_steps_that_are_only_allowed_for_take_no_memory():
    outcome = minimise(Bowls(), Schedule(learning_rate=20, patience=1, steps=10**12))
    assert outcome.losses.shape[1] == outcome.steps.max() < 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bytes_per_job": 10**15}, "931,322.6 GiB for a step of 1 images"),
        ({"bytes_kept": 10**15}, "GiB for the results of 7 jobs of 1 images"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_tried(change, message):
    problem = Bowls()
    vars(problem).update(change)
    with pytest.raises(UserError, match=message):
        minimise(problem, PUBLISHED)
    assert not problem.batches


@pytest.mark.parametrize("chunk", [0, -1, 1.5])
def test_bad_chunk(chunk):
    with pytest.raises(UserError, match="at least 1, for chunk"):
        minimise(Bowls(), PUBLISHED, chunk=chunk)


def test_step_limit():
    outcome = minimise(Bowls(), Schedule(steps=7))
    assert outcome.steps.tolist() == [7] * 7


def test_batch_follows_the_memory(monkeypatch):
    problem = Bowls(jobs=1000)
    monkeypatch.setattr("diversevis.optimisation.engine.free_bytes", lambda device: 40_000)
    assert jobs_that_fit(problem) == 20
    monkeypatch.setattr("diversevis.optimisation.engine.free_bytes", lambda device: 1)
    assert jobs_that_fit(problem) == 1
    monkeypatch.setattr("diversevis.optimisation.engine.free_bytes", lambda device: 10**12)
    # A CPU gains nothing from larger batches; three of them are equally full.
    assert jobs_that_fit(problem) == 334 <= MOST_PATCHES["cpu"]
    problem.bytes_per_job = 400_000
    assert jobs_that_fit(problem) == 143, "seven of what its caches like, 162 at most"
    problem.bytes_per_job = 10_000_000
    assert jobs_that_fit(problem) == 91, "large patches are run together nevertheless, 96 at most"


def test_annealing_ends_nearer_the_optimum_of_a_noisy_loss():
    class Noisy(Bowls):
        def evaluate(self, parameters, jobs, steps):
            loss, gradient, monitors = super().evaluate(parameters, jobs, steps)
            noise = torch.randn(gradient.shape, generator=self.stream, dtype=gradient.dtype)
            return loss, gradient + 20 * noise, monitors

    ends = {}
    for anneal in (False, True):
        problem = Noisy()
        problem.stream = torch.Generator().manual_seed(0)
        schedule = Schedule(learning_rate=0.5, steps=600, patience=600, anneal=anneal)
        outcome = minimise(problem, schedule)
        ends[anneal] = (outcome.parameters - problem.centre).square().mean().sqrt()
    assert ends[True] < 0.5 * ends[False]
