"""Schedules: optimiser, step size and stopping rule, by name. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from diversevis.errors import UserError, real_number, unknown_name, whole_number

Optimiser = Literal["adam", "sphere"]


@dataclass(frozen=True)
class Schedule:
    """Optimiser and stopping rule; the defaults are the published ones.

    Parameters
    ----------
    optimiser
        ``"adam"`` (Kingma & Ba 2015), as published, or ``"sphere"``: normalised descent with
        momentum (Cutkosky & Mehta 2020). Only the direction of an image's parameters counts, not
        their length, and Adam's steps lengthen them, so that it turns ever more slowly. On the
        sphere every step turns each image by the same angle, however long its gradient.
    learning_rate
        Step size: Adam's in units of the parameters; on the sphere the angle in radians.
    steps
        Most steps of any job.
    patience
        A job stops when the exponential average of its loss has not fallen for as many steps.
    decay
        Decay of that average.
    betas, eps
        Decays of the gradient's moments, the first of which is the momentum on the sphere, and
        Adam's guard against division by zero.
    anneal
        Let the step size fall to zero over `steps`, linearly: where the loss is drawn anew in every
        step, a constant one ends some way off the optimum.
    published_filter
        Filter the gradient before it is projected onto the sphere of the norm budget, as the
        published code does. Its fixed point for a linear unit is then the *filtered* template; the
        default order projects first, which leaves every optimum where it is.

    Raises
    ------
    UserError
        For another optimiser, or a number out of its range.
    """

    optimiser: Optimiser = "adam"
    learning_rate: float = 1.0
    steps: int = 2000
    patience: int = 100
    decay: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    anneal: bool = False
    published_filter: bool = False

    def __post_init__(self) -> None:
        if self.optimiser not in (known := get_args(Optimiser)):
            raise unknown_name("optimiser", self.optimiser, known)
        real_number("learning_rate", self.learning_rate, above=0)
        whole_number("steps", self.steps, least=1)
        whole_number("patience", self.patience, least=1)
        if not (isinstance(self.betas, Sequence) and len(self.betas) == 2):
            raise UserError("two decays for betas", repr(self.betas), "give the published ones")
        for name, value in (("decay", self.decay), *(("betas", beta) for beta in self.betas)):
            real_number(name, value, least=0, below=1)  # at 1 nothing is ever forgotten
        real_number("eps", self.eps, above=0)


PUBLISHED = Schedule()
"""Adam as published."""

FAST = Schedule(
    "sphere", learning_rate=0.2, steps=120, patience=120, betas=(0.8, 0.999), anneal=True
)
"""Reaches what the published schedule converges to, or more, in a seventh of its steps."""


def of_length(schedule: Schedule, steps: int) -> Schedule:
    """Return a schedule of at most `steps`: an annealed one takes them all."""
    return replace(schedule, steps=steps, patience=steps if schedule.anneal else schedule.patience)


_SMALL = 0.05
"""Step size of small steps, at most."""


def small_steps(schedule: Schedule) -> Schedule:
    """Return a schedule of small steps, for starts that are worth something.

    The first step of either schedule is about as large as the start itself, and would leave it for
    noise.
    """
    return replace(schedule, learning_rate=min(schedule.learning_rate, _SMALL))


PUBLISHED_TEST = Schedule(learning_rate=0.1, steps=700, patience=700, anneal=True)
"""The transformation test's: the published rate and steps, all of them since the loss is noisy,
and the rate falling to zero, which the published code does not do."""

SETS = {"fast": FAST, "published": PUBLISHED}
"""Schedules of diverse sets and restarts, by name."""

TESTS = {"fast": of_length(FAST, 100), "published": PUBLISHED_TEST}
"""Schedules of transformation tests, by name."""

PRECISIONS = ("float32", "bfloat16")
"""In which optimisation steps can be computed; results are always evaluated in float32."""


def get_schedule(
    schedule: str | Schedule, known: Mapping[str, Schedule] = SETS, *, steps: int | None = None
) -> Schedule:
    """Return a schedule, given itself or by name, of at most `steps` if that is given.

    Raises
    ------
    UserError
        For an unknown name, or steps that are not a whole number of one or more.
    """
    if isinstance(schedule, str):
        if schedule not in known:
            raise unknown_name("schedule", schedule, known)
        schedule = known[schedule]
    if not isinstance(schedule, Schedule):
        raise unknown_name("schedule", schedule, known)
    if steps is None:
        return schedule
    return of_length(schedule, whole_number("steps", steps, least=1))
