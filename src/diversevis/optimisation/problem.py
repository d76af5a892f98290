"""What `minimise` asks of the jobs that it runs, and what all jobs on a layer's units share."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from diversevis.devices import get_dtype
from diversevis.optimisation.memory import bytes_per_patch
from diversevis.seeds import generator
from diversevis.units.contract import PIXELS, Units, placement
from diversevis.units.patches import patch_norm

Evaluation = tuple[Tensor, Tensor, dict[str, Tensor]]
"""Losses ``[k]``, gradients like the parameters ``[k, ...]``, and monitors ``[k]`` by name."""


class Problem(ABC):
    """Jobs that `minimise` can run.

    Attributes
    ----------
    jobs : int
        How many.
    patches_per_job, bytes_per_job, bytes_kept : int
        Patches that a job looks at in every step, the memory that a step of it takes, and that its
        parameters take.
    device : torch.device
        Where parameters lie.
    rates : Tensor
        ``[jobs]``, by what the schedule's learning rate is multiplied, on `device`.
    reduced : bool
        Whether steps are computed in less than float32.
    """

    jobs: int
    patches_per_job: int
    bytes_per_job: int
    bytes_kept: int
    device: torch.device
    rates: Tensor
    reduced: bool = False

    @abstractmethod
    def start(self, job: int) -> Tensor:
        """Return the start of one job on the CPU; all jobs have the same shape."""

    @abstractmethod
    def evaluate(self, parameters: Tensor, jobs: Tensor, steps: Tensor) -> Evaluation:
        """Return losses, gradients and monitors.

        Parameters
        ----------
        parameters
            ``[k, ...]``.
        jobs, steps
            ``[k]``, which jobs these are, and how many steps each has taken.
        """

    @abstractmethod
    def describe(self, job: int) -> str:
        """Name a job in messages."""

    def exact(self) -> Problem:
        """Return the same jobs, with steps that are not computed in less than float32."""
        return self

    def spheres(self, _parameters: Tensor) -> list[Tensor]:
        """Return views ``[k, ..., d]`` of what is optimised up to its length over the last axis."""
        return []

    def free(self, _parameters: Tensor) -> list[Tensor]:
        """Return views ``[k, ..., d]`` of the other parameters, if there are any."""
        return []


class Goals(Protocol):
    """What jobs are to drive, one goal per job: `diversevis.Targets`."""

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called, ``jobs`` of them."""

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the same goals there."""

    def score(self, responses: Tensor, which: Tensor | slice) -> Tensor:
        """Return the scores ``[k, n]`` of responses ``[k, n, channels]`` by `which` goals."""


@dataclass(kw_only=True, eq=False, repr=False)
class UnitsProblem(Problem):
    """Jobs that each drive one target of a layer; its units' device and dtype are used.

    Parameters
    ----------
    units
        A layer of units.
    targets
        One per job.
    patches_per_job
        Patches that a job looks at in every step.
    seed
        Of everything random.
    precision
        ``"float32"`` or ``"bfloat16"``, of the passes through the units; None for the units' own.
    tap
        What `Units.respond` is asked for beside responses.
    """

    units: Units
    targets: Goals
    patches_per_job: int
    seed: int = 0
    precision: str | None = None
    tap: str = PIXELS

    def __post_init__(self) -> None:
        self.device, self.dtype = placement(self.units)
        self.targets = self.targets.to(self.device, self.dtype)
        self.step_dtype = get_dtype(self.precision) if self.precision else self.dtype
        self.reduced = self.step_dtype.itemsize < 4
        self.fast = self.units
        if self.step_dtype != self.dtype:
            self.fast = copy.deepcopy(self.units).to(self.step_dtype)
        self.norm = patch_norm(self.units.size)
        self.jobs = len(self.targets.names)
        self.rates = torch.ones(self.jobs, device=self.device)
        size = self.units.size
        example = torch.zeros(1, 3, size, size, device=self.device, dtype=self.step_dtype)
        self.bytes_per_job = self.patches_per_job * bytes_per_patch(self.fast, example, self.tap)
        self.bytes_kept = self.patches_per_job * 3 * size**2 * self.dtype.itemsize

    def stream(self, purpose: str, job: int, *more: str | int) -> torch.Generator:
        """Return a job's random stream for some purpose, whatever runs beside it."""
        name = self.targets.names[job]
        return generator(self.seed, purpose, self.units.network, self.units.layer, name, *more)

    def exact(self) -> Problem:
        """Return the same jobs, computed as the units themselves do."""
        same = copy.copy(self)
        same.fast, same.step_dtype, same.reduced = self.units, self.dtype, False
        return same

    def describe(self, job: int) -> str:
        """Name the network, the layer and the target."""
        name = self.targets.names[job]
        return f"{self.units.network}, layer {self.units.layer}, channel {name}"
