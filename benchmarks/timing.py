"""Timing: contenders take turns, so that whatever else the machine does hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

SHORT = 2
"""Steps of the run that is subtracted: what does not grow with the steps cancels."""


@dataclass(frozen=True)
class Contender:
    """Something that can be timed.

    Parameters
    ----------
    run
        Takes as many optimisation steps as it is told.
    patches
        Images in a step.
    settings
        Columns of its row: contender, dtype, units, images and so on.
    """

    run: Callable[[int], Any]
    patches: int
    settings: dict[str, Any]


def seconds(run: Callable[[], Any], device: torch.device) -> float:
    """Return how long `run` takes, all of its work on `device` included."""
    _finish(device)
    begin = time.perf_counter()
    run()
    _finish(device)
    return time.perf_counter() - begin


def step_times(
    contenders: Mapping[str, Contender], *, steps: int, repeats: int, device: torch.device
) -> dict[str, np.ndarray]:
    """Return milliseconds per image and step, ``[repeats]`` for each contender.

    After one run to warm up, each repeat takes `SHORT` and ``SHORT + steps`` steps of every
    contender in turn; the difference is what `steps` steps cost.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():
        contender.run(SHORT)
    for _ in range(repeats):
        for name, contender in contenders.items():
            short, long = (
                seconds(lambda n=n, run=contender.run: run(n), device)
                for n in (SHORT, SHORT + steps)
            )
            times[name].append(1e3 * (long - short) / (steps * contender.patches))
    return {name: np.array(values) for name, values in times.items()}


def spread(values: np.ndarray) -> dict[str, float]:
    """Return median and quartiles as the columns median, low and high."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"median": median, "low": low, "high": high}


def row(
    settings: Mapping[str, Any], quantity: str, unit: str, values: np.ndarray
) -> dict[str, Any]:
    """Return one tidy row: the settings, what was measured, its median, quartiles and repeats."""
    return {
        **settings,
        "quantity": quantity,
        **spread(values),
        "unit": unit,
        "repeats": len(values),
    }


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
