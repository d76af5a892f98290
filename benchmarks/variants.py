"""Named settings of the engine whose time to quality is measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from diversevis.invariance.transformation import Sampling
from diversevis.optimisation.schedule import FAST, PUBLISHED, TESTS, Schedule


@dataclass(frozen=True)
class Variant:
    """Settings of `diversevis.diverse_sets`.

    Parameters
    ----------
    settings
        Its keyword arguments; all others have their defaults.
    schedule
        The schedule's name in tables.
    once
        Too slow to be repeated.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    schedule: str = "published"
    once: bool = False


_BFLOAT16 = {"precision": "bfloat16"}
_PUBLISHED = {"schedule": PUBLISHED}

VARIANTS = {
    "published schedule, float32": Variant(_PUBLISHED, once=True),
    "published schedule, bfloat16": Variant({**_BFLOAT16, **_PUBLISHED}, once=True),
    "fast schedule, float32": Variant({"schedule": FAST}, "fast"),
    "fast schedule, bfloat16": Variant({**_BFLOAT16, "schedule": FAST}, "fast"),
    "fast schedule halved, bfloat16": Variant(
        {**_BFLOAT16, "schedule": replace(FAST, steps=FAST.steps // 2)}, "fast, halved"
    ),
}
"""The first is the reference; of the others the fastest that is as good counts."""


@dataclass(frozen=True)
class LayerSettings:
    """Settings with which all units of a layer are swept and tested.

    Parameters
    ----------
    precision
        Of all steps.
    synthesis, peaks, tests
        Schedules of the diverse sets, of the restarts that find a unit's best patch, and of the
        transformation tests.
    sampling
        Members of the tests.
    families, deltas
        What is tested.
    """

    precision: str
    synthesis: Schedule
    peaks: Schedule
    tests: Schedule
    sampling: Sampling
    families: tuple[str, ...]
    deltas: tuple[float, ...]

    def limited(self, steps: int) -> LayerSettings:
        """Return the same with at most so many steps, for a smoke test."""
        shortened = {
            name: replace(getattr(self, name), steps=min(steps, getattr(self, name).steps))
            for name in ("synthesis", "peaks", "tests")
        }
        return replace(self, **shortened)


LAYER = LayerSettings(
    precision="bfloat16",
    synthesis=FAST,
    peaks=FAST,
    tests=TESTS["fast"],
    sampling=Sampling(per_step=16, training=256, held_out=128),
    families=("all-shifts", "shifts", "deformations"),
    deltas=(1.0, 2.0, 3.0),
)
