"""Named settings of the engine whose time to quality is measured."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch

from diversevis.invariance.transformation import Sampling
from diversevis.synthesis.engine import FAST, Schedule


@dataclass(frozen=True)
class Variant:
    """Settings of `diversevis.diverse_sets`.

    Parameters
    ----------
    settings
        Its keyword arguments; all others have their defaults.
    once
        Too slow to be repeated.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    once: bool = False


_BFLOAT16 = {"compute_dtype": torch.bfloat16}

VARIANTS = {
    "published schedule, float32": Variant(once=True),
    "published schedule, bfloat16": Variant(_BFLOAT16, once=True),
    "fast schedule, float32": Variant({"schedule": FAST}),
    "fast schedule, bfloat16": Variant({**_BFLOAT16, "schedule": FAST}),
    "fast schedule halved, bfloat16": Variant(
        {**_BFLOAT16, "schedule": replace(FAST, steps=FAST.steps // 2)}
    ),
}
"""The first is the reference; of the others the fastest that is as good counts."""


@dataclass(frozen=True)
class LayerSettings:
    """Settings with which all units of a layer are swept and tested.

    Parameters
    ----------
    compute_dtype
        Of all steps.
    synthesis, peaks, tests
        Schedules of the diverse sets, of the restarts that find a unit's best patch, and of the
        transformation tests.
    sampling
        Members of the tests.
    families, deltas
        What is tested.
    """

    compute_dtype: torch.dtype
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
    compute_dtype=torch.bfloat16,
    synthesis=FAST,
    peaks=FAST,
    tests=replace(FAST, steps=100),
    sampling=Sampling(per_step=16, training=256, held_out=128),
    families=("all-shifts", "shifts", "deformations"),
    deltas=(1.0, 2.0, 3.0),
)
