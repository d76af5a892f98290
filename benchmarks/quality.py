"""Time to quality: seconds per unit until a set is as good as the published loop ends with.

As good means, over the units: at least 99 % of the mean activation that the published loop
converges to (mean of the units' ratios), and of the smallest distances (geometric mean of the
ratios). The published loop and the engine have the same units, starts and weights of diversity, and
are held to the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.contenders import Bench
from benchmarks.published_loop import Loop, published_loop
from benchmarks.timing import row, seconds
from benchmarks.variants import Variant
from diversevis import Schedule, channels, diverse_sets
from diversevis.synthesis.diverse import measure

ENOUGH = 0.99
"""Of what the published loop converges to, in activation and in distance."""

UNIT_TIME = "time per unit"
CONVERGED, WITHIN = "published loop, to its stop", "published loop, until within 1 %"


@dataclass(frozen=True)
class Quality:
    """Sets against what the published loop converged to, over units.

    Attributes
    ----------
    activation, distance
        Mean ratio of mean activations; geometric mean ratio of smallest distances: each with the
        ends of its 95 % interval over units.
    """

    activation: tuple[float, float, float]
    distance: tuple[float, float, float]

    @property
    def as_good(self) -> bool:
        """Tell whether both criteria hold."""
        return self.activation[0] >= ENOUGH and self.distance[0] >= ENOUGH

    def columns(self) -> dict[str, Any]:
        """Return the columns of a row."""
        names = ("", "_low", "_high")
        return {
            **{f"activation{n}": v for n, v in zip(names, self.activation, strict=True)},
            **{f"distance{n}": v for n, v in zip(names, self.distance, strict=True)},
            "as_good": int(self.as_good),
        }


def quality(activation: np.ndarray, distance: np.ndarray) -> Quality:
    """Return the quality of sets from their units' ratios ``[units]`` to the converged sets."""
    logarithm = _interval(np.log(distance))
    return Quality(_interval(activation), tuple(float(np.exp(v)) for v in logarithm))


def first_step(activation: np.ndarray, distance: np.ndarray) -> int:
    """Return the first step from whose sets on the criteria hold, counted from zero.

    Parameters
    ----------
    activation, distance
        ``[units, steps]``, ratios to the converged sets; the last step's are as good as any.
    """
    for step in range(activation.shape[1]):
        if quality(activation[:, step], distance[:, step]).as_good:
            return step
    return activation.shape[1] - 1


def diversities(bench: Bench, relative: float, *, steps: int) -> Tensor:
    """Return ``lambda = c f0 / d0`` of each unit, ``[units]``; zero for units never driven."""
    schedule = Schedule(steps=steps, patience=steps, anneal=True)
    restarts = diverse_sets(
        bench.trunk, bench.channels, images=bench.images, start=bench.starts, schedule=schedule
    )
    return relative * restarts.activations.mean(1).clamp(min=0) / restarts.min_distance


def time_to_quality(
    bench: Bench,
    variants: Mapping[str, Variant],
    *,
    loops: int,
    relative: float,
    repeats: int,
    most_steps: int = 2000,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return seconds per unit and quality of the published loop and of the engine's variants.

    The loop's units are split into as many parts as there are repeats, and every variant runs once
    after each part.

    Parameters
    ----------
    bench
        The engine's units: enough to fill its batch.
    variants
        Settings of the engine.
    loops
        The first so many units are also the loop's, and those whose quality is compared.
    relative
        Relative diversity ``c``.
    repeats
        Runs of each variant that is not to run once.
    most_steps
        Of any run: fewer than published make a smoke test.

    Returns
    -------
    summary
        One row for the loop to its stop, one until it is within 1 %, and one per variant.
        Units that nothing drives are not ``compared``. The columns ``..._own`` hold the engine to
        what its first variant, the published schedule, ends with.
    units
        One row per unit and contender: its activation and distance, absolute and relative.
    """
    weights = diversities(bench, relative, steps=min(200, most_steps))
    variants = {name: _limited(variant, most_steps) for name, variant in variants.items()}
    shared = replace(bench, units=loops)
    done: list[Loop] = []
    taken: dict[str, list[float]] = {name: [] for name in variants}
    ends: dict[str, Tensor] = {}
    for variant in variants.values():
        _engine(bench, _limited(variant, 3), weights)
    _loop(shared, 0, weights, 3)
    for repeat, part in enumerate(np.array_split(np.arange(loops), repeats)):
        done += [_loop(shared, int(unit), weights, most_steps) for unit in part]
        for name, variant in variants.items():
            if repeat == 0 or not variant.once:
                total = seconds(
                    lambda name=name, variant=variant: ends.update(
                        {name: _engine(bench, variant, weights)}
                    ),
                    bench.device,
                )
                taken[name].append(total / bench.units)
    converged = torch.stack([loop.images for loop in done])
    compared = {name: images[:loops] for name, images in ends.items()}
    engine = {
        name: bench.described(
            name, variant.settings.get("precision", "float32"), schedule=variant.schedule
        )
        for name, variant in variants.items()
    }
    return _rows(shared, engine, relative, done, {CONVERGED: converged, **compared}, taken)


def _rows(
    bench: Bench,
    engine: Mapping[str, dict[str, Any]],
    relative: float,
    loops: Sequence[Loop],
    ends: Mapping[str, Tensor],
    taken: Mapping[str, list[float]],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    measured = {name: _measured(bench, images) for name, images in ends.items()}
    activation, distance = measured[CONVERGED]
    driven = activation > 0  # others have no ratio
    common = {"relative_diversity": relative, "compared": int(driven.sum())}
    alone = {
        name: replace(bench, units=1).described(name, schedule="published")
        for name in (CONVERGED, WITHIN)
    }
    described = {**alone, **engine}
    summary, units = [], []

    # The loop filters in another order, which costs it some activation: the engine's own end is
    # the harder reference.
    reference = measured[next(iter(engine))]

    def add(name: str, times: Sequence[float], found: Quality) -> None:
        entry = row({**described[name], **common}, UNIT_TIME, "s", np.asarray(times))
        own: dict[str, Any] = {"activation_own": "", "distance_own": "", "as_good_own": ""}
        if name in engine:
            pair = zip(measured[name], reference, strict=True)
            against = quality(*(value[driven] / end[driven] for value, end in pair))
            values = against.activation[0], against.distance[0], int(against.as_good)
            own = dict(zip(own, values, strict=True))
        mean = float(np.mean(times))
        summary.append({**entry, "mean": mean, **found.columns(), **own})

    loops = [loop for loop, keep in zip(loops, driven, strict=True) if keep]
    ratios = {name: (a / activation, d / distance) for name, (a, d) in measured.items()}
    add(CONVERGED, [loop.seconds[-1] for loop in loops], quality(*_of(ratios[CONVERGED], driven)))
    traces = _traces(loops, activation[driven], distance[driven])
    step = first_step(*traces)
    until = [loop.seconds[min(step, len(loop.seconds) - 1)] for loop in loops]
    add(WITHIN, until, quality(*(trace[:, step] for trace in traces)))
    for name, times in taken.items():
        add(name, times, quality(*_of(ratios[name], driven)))
    for name, (a, d) in measured.items():
        for index, channel in enumerate(bench.channels):
            units.append(
                {
                    **described[name],
                    "relative_diversity": relative,
                    "channel": channel,
                    "mean_activation": float(a[index]),
                    "min_distance": float(d[index]),
                    "activation_ratio": float(ratios[name][0][index]) if driven[index] else "",
                    "distance_ratio": float(ratios[name][1][index]) if driven[index] else "",
                }
            )
    return summary, units


def _of(ratios: tuple[np.ndarray, np.ndarray], which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return ratios[0][which], ratios[1][which]


def _traces(
    loops: Sequence[Loop], activation: np.ndarray, distance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the loops' ratios ``[units, steps]``; units that have stopped keep their end."""
    longest = max(len(loop.losses) for loop in loops)
    columns = []
    for name, end in (("activations", activation), ("distances", distance)):
        filled = np.repeat(end[:, None], longest + 1, axis=1)
        for unit, loop in enumerate(loops):
            values = getattr(loop, name)
            filled[unit, : len(values)] = values
        columns.append(filled / end[:, None])
    return columns[0], columns[1]


def _measured(bench: Bench, images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return mean activation and smallest distance ``[units]``, by the same code for all."""
    targets = channels(bench.trunk, bench.channels)
    activations, distances = measure(bench.trunk, targets, images, distance=bench.distance)
    return activations.mean(1).double().numpy(), distances.amin(1).double().numpy()


def _engine(bench: Bench, variant: Variant, weights: Tensor) -> Tensor:
    return diverse_sets(
        bench.trunk,
        bench.channels,
        images=bench.images,
        diversity=weights,
        distance=bench.distance,
        start=bench.starts,
        **variant.settings,
    ).images


def _loop(bench: Bench, unit: int, weights: Tensor, steps: int) -> Loop:
    return published_loop(
        bench.plain_trunk,
        bench.channels[unit],
        bench.starts[unit].to(bench.device),
        diversity=float(weights[unit]),
        distance=bench.distance,
        steps=steps,
    )


def _limited(variant: Variant, steps: int) -> Variant:
    schedule = variant.settings.get("schedule", Schedule())
    schedule = replace(schedule, steps=min(steps, schedule.steps))
    return replace(variant, settings={**variant.settings, "schedule": schedule})


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval, by the normal approximation."""
    mean = float(np.mean(values))
    half = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return mean, mean - half, mean + half
