"""Every unit's best grating, and how its response follows the grating's phase."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.devices import exact_float32
from diversevis.errors import UserError, whole_number
from diversevis.optimisation.engine import minimise
from diversevis.optimisation.problem import Evaluation, UnitsProblem
from diversevis.optimisation.schedule import Schedule, get_schedule
from diversevis.seeds import check_seed
from diversevis.stimuli.gratings import gratings
from diversevis.synthesis.targets import Targets
from diversevis.synthesis.targets import channels as channel_targets
from diversevis.units.contract import Units, check_units, placement
from diversevis.units.memory import require
from diversevis.units.responding import responses as shown

ORIENTATIONS, FREQUENCIES, PHASES = 12, 8, 4
"""Steps of the coarse grid."""

COLOURS = tuple(c for c in itertools.product((-1, 0, 1), repeat=3) if c > (0, 0, 0))
"""Half of a cube's 26 neighbours: the other half are the same gratings half a cycle on."""

_FASTEST = 0.4
"""Highest frequency of the coarse grid, in cycles per pixel."""

_COPIES = 3
"""Of the numbers of each grating, at once."""

_STARTS = 2
"""Cells of the coarse grid from which each unit's grating is refined."""

REFINEMENT = Schedule(learning_rate=0.02, steps=150, patience=20)
"""Adam on radians, on a colour of length one, and on the logit of the frequency's place."""


@dataclass(frozen=True)
class GratingResponses:
    """Each unit's best grating, and its responses over the phases of that grating.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    channels : tuple of int
        Their numbers, ``units`` of them.
    orientation : Tensor
        ``[units]``, direction of the wave vector in radians (x right, y down), 0 to pi.
    frequency : Tensor
        ``[units]``, cycles per pixel.
    colour : Tensor
        ``[units, 3]``, direction in RGB, unit length.
    phase : Tensor
        ``[units]``, radians at the patch centre, 0 to 2 pi.
    responses : Tensor
        ``[units, phases]``, before the ReLU, to phases equally spaced over one cycle; the first is
        the best.
    f0, f1 : Tensor
        ``[units]``, mean and first harmonic of the rectified responses (`harmonics`).
    seed : int
        Seed of the refinement's starts.
    """

    network: str
    layer: str
    channels: tuple[int, ...]
    orientation: Tensor
    frequency: Tensor
    colour: Tensor
    phase: Tensor
    responses: Tensor
    f0: Tensor
    f1: Tensor
    seed: int

    @property
    def best(self) -> Tensor:
        """Response to the best grating, ``[units]``."""
        return self.responses[:, 0]

    @property
    def modulation(self) -> Tensor:
        """F1/F0, ``[units]``: above 1 simple, below 1 complex; NaN for units no phase drives."""
        return self.f1 / self.f0


@exact_float32()
def best_gratings(
    units: Units,
    channels: Sequence[int],
    *,
    seed: int = 0,
    phases: int = 16,
    schedule: Schedule = REFINEMENT,
    chunk: int | None = None,
    progress: bool = False,
) -> GratingResponses:
    """Find the grating that drives each unit best, and show it at other phases.

    A coarse grid over orientation, frequency, colour and phase is shown to the whole layer. Each
    unit's two best cells in orientation and frequency are refined by gradient ascent; the best of
    what was refined and the grid is kept. Gratings are under the fixed mask, and all of the norm
    budget.

    Parameters
    ----------
    units
        A trunk, or anything else that satisfies `Units`; its device and dtype are used.
    channels
        Channel numbers.
    seed
        Seed of the refinement's starts within their cells. A unit's result does not depend on the
        other units.
    phases
        Phases of the best grating, 3 or more. Sampling them leaves an error of about
        ``(pi / phases)^2 / 3`` in a half-rectified unit's F1/F0: 1 % for 16.
    schedule
        Optimiser and stopping rule of the refinement.
    chunk
        Most gratings that are refined in one batch; by default what the memory holds.
    progress
        Show a bar on standard error.

    Raises
    ------
    UserError
        For bad channels, fewer than three phases or more than the free memory holds, or patches of
        less than 3 px.
    """
    schedule, seed = get_schedule(schedule), check_seed(seed)
    check_units(units, dtype=None)
    targets = channel_targets(units, channels)
    # A harmonic needs three points.
    phases = whole_number("phases", phases, least=3)
    chosen = [int(name) for name in targets.names]
    held = len(chosen) * phases * (_COPIES * 6 + 2 * units.channels) * 8
    require(held, f"gratings at {phases:,} phases", "ask for fewer phases")
    numbers = torch.tensor(chosen)
    starts, coarse = _best_cells(units, numbers)
    repeated = Targets(
        tuple(name for name in targets.names for _ in range(_STARTS)),
        targets.directions.repeat_interleave(_STARTS, dim=0),
    )
    problem = _Refinement(
        units=units, targets=repeated, patches_per_job=1, seed=seed, starts=starts.flatten(0, 1)
    )
    outcome = minimise(
        problem,
        schedule,
        chunk=chunk,
        progress=progress,
        title=f"{units.network} {units.layer} gratings",
    )
    refined = problem.settings(outcome.parameters).view_as(starts)
    scores = torch.cat([coarse, _own_responses(units, numbers, refined)], dim=1)
    settings = _picked(torch.cat([starts, refined], dim=1), scores.argmax(1))
    responses, settings = _over_phases(units, numbers, settings, phases)
    f0, f1 = harmonics(responses)
    orientation, frequency, phase = _canonical(settings)
    return GratingResponses(
        network=units.network,
        layer=units.layer,
        channels=tuple(chosen),
        orientation=orientation,
        frequency=frequency,
        colour=F.normalize(settings[:, 3:], dim=1),
        phase=phase,
        responses=responses,
        f0=f0,
        f1=f1,
        seed=seed,
    )


def harmonics(responses: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and first harmonic of rectified responses over one cycle.

    ``F0 = 1/N sum_k r_k`` and ``F1 = 2/N |sum_k r_k exp(-2 pi i k / N)|``. F1/F0 is pi / 2 for a
    half-rectified sinusoid and 0 for a constant (Skottun et al. 1991).

    Parameters
    ----------
    responses
        ``[..., N]``, at equally spaced phases.

    Returns
    -------
    f0, f1
        ``[...]``; NaN where no response is above zero.
    """
    rectified = responses.clamp(min=0)
    f0 = rectified.mean(-1)
    f1 = 2 * torch.fft.fft(rectified, norm="forward")[..., 1].abs()
    return torch.where(f0 > 0, f0, torch.nan), torch.where(f0 > 0, f1, torch.nan)


def coarse_grid(size: int) -> Tensor:
    """Return the gratings of the coarse grid, one per row: orientation, frequency, phase, R, G, B.

    Frequencies go in logarithmic steps from one cycle per patch to 0.4 cycles per pixel.

    Returns
    -------
    Tensor
        ``[orientations, frequencies, colours * phases, 6]``, float64.

    Raises
    ------
    UserError
        If the patch has less than 3 px.
    """
    if size < 3:
        raise UserError("patches of 3 px or more for gratings", f"{size} px", "leave the layer out")
    settings = [
        (math.pi * o / ORIENTATIONS, f, 2 * math.pi * p / PHASES, *colour)
        for o in range(ORIENTATIONS)
        for f in torch.logspace(
            -math.log10(size), math.log10(_FASTEST), FREQUENCIES, dtype=torch.float64
        ).tolist()
        for colour in COLOURS
        for p in range(PHASES)
    ]
    grid = torch.tensor(settings, dtype=torch.float64).view(ORIENTATIONS, FREQUENCIES, -1, 6)
    colours = F.normalize(grid[..., 3:], dim=-1)
    return torch.cat([grid[..., :3], colours], dim=-1)


@dataclass(kw_only=True, eq=False, repr=False)
class _Refinement(UnitsProblem):
    """Gratings as jobs for `minimise`, `_STARTS` per unit.

    A job's parameters are its grating's with the frequency, which is to stay between half a cycle
    per patch and half a cycle per pixel, as the logit of its place between the two.

    Parameters
    ----------
    starts
        ``[jobs, 6]``, cells of the coarse grid.
    """

    starts: Tensor

    def __post_init__(self) -> None:
        super().__post_init__()
        self.bytes_kept = 6 * self.dtype.itemsize
        self.slowest = math.log(0.5 / self.units.size)
        self.range = math.log(0.5) - self.slowest

    def start(self, job: int) -> Tensor:
        # Off the grid: on it, symmetry can hold the gradient of a parameter at zero.
        stream = self.stream("grating", job, job % _STARTS)
        within = torch.rand(6, generator=stream, dtype=torch.float64) - 0.5
        start = self.starts[job].clone()
        start[1] = torch.logit((start[1].log() - self.slowest) / self.range)
        cell = (math.pi / ORIENTATIONS, 0.1, 2 * math.pi / PHASES, 0.1, 0.1, 0.1)
        return (start + within * torch.tensor(cell, dtype=torch.float64)).to(self.dtype)

    def free(self, parameters: Tensor) -> list[Tensor]:
        return [parameters]

    def settings(self, parameters: Tensor) -> Tensor:
        """Return gratings ``[k, 6]`` as in `coarse_grid`."""
        frequency = torch.exp(self.slowest + self.range * parameters[:, 1].sigmoid())
        return torch.cat([parameters[:, :1], frequency[:, None], parameters[:, 2:]], dim=1)

    def evaluate(self, parameters: Tensor, jobs: Tensor, steps: Tensor) -> Evaluation:
        leaf = parameters.detach().requires_grad_()
        with torch.enable_grad():
            responses = self.units.respond(_patches(self.units, self.settings(leaf)))[0]
            loss = -self.targets.score(responses[:, None], jobs)[:, 0]
            (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        return loss.detach(), gradient, {}

    def describe(self, job: int) -> str:
        return f"a grating of {super().describe(job)}"


def _patches(units: Units, settings: Tensor) -> Tensor:
    orientation, frequency, phase = settings[:, :3].T
    return gratings(units.size, orientation, frequency, settings[:, 3:], phase)


def _respond(units: Units, settings: Tensor) -> Tensor:
    """Return the whole layer's responses to gratings ``[n, 6]``, on the CPU."""
    parts = shown(units, settings.to(*placement(units)), lambda some: _patches(units, some))
    return torch.cat([part.cpu() for _, part, _ in parts])


def _own_responses(units: Units, numbers: Tensor, settings: Tensor) -> Tensor:
    """Return each unit's responses ``[units, n]`` to its own gratings ``[units, n, 6]``."""
    n = settings.shape[1]
    responses = _respond(units, settings.flatten(0, 1))
    return responses.gather(1, numbers.repeat_interleave(n)[:, None]).view(-1, n)


def _best_cells(units: Units, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return each unit's best gratings of the grid ``[units, _STARTS, 6]`` and its responses.

    They differ in orientation or frequency, and have the best colour and phase for these.
    """
    grid = coarse_grid(units.size).flatten(0, 1).to(placement(units)[1])
    responses = _respond(units, grid.flatten(0, 1))[:, numbers]
    within, variant = responses.unflatten(0, grid.shape[:2]).max(dim=1)
    best, cell = within.topk(_STARTS, dim=0)
    return grid[cell, variant.gather(0, cell)].transpose(0, 1), best.T


def _over_phases(
    units: Units, numbers: Tensor, settings: Tensor, phases: int
) -> tuple[Tensor, Tensor]:
    """Return responses over phases ``[units, phases]``, best first, and the best gratings."""
    shown = settings[:, None].repeat(1, phases, 1)
    shown[:, :, 2] += torch.arange(phases).to(settings) * (2 * math.pi / phases)
    responses = _own_responses(units, numbers, shown)
    # A unit with several best phases may have been refined towards a lesser one.
    first = responses.argmax(1)
    order = (first[:, None] + torch.arange(phases)) % phases
    return responses.gather(1, order), _picked(shown, first)


def _picked(settings: Tensor, which: Tensor) -> Tensor:
    """Return one grating per unit ``[units, 6]`` of its gratings ``[units, n, 6]``."""
    return settings[torch.arange(len(which)), which]


def _canonical(settings: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return orientation within [0, pi), frequency, and phase within [0, 2 pi)."""
    orientation, frequency, phase = settings[:, :3].T
    # Turned by pi, a wave runs backwards: its phase changes sign.
    backwards = (orientation / math.pi).floor() % 2 == 1
    phase = torch.where(backwards, -phase, phase)
    return orientation % math.pi, frequency, phase % (2 * math.pi)
