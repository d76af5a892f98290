"""Every unit of a layer: sweep and every index, timed phase by phase.

What it takes to see a whole layer. On a GPU with nothing but PyTorch, torchvision, NumPy,
safetensors and tqdm: photographs, and with them natural starts, are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.contenders import Bench
from benchmarks.memory import peak
from benchmarks.timing import row, seconds
from benchmarks.variants import LayerSettings
from diversevis import channels, sweep
from diversevis.invariance.families.registry import build_families
from diversevis.invariance.grating_response import best_gratings
from diversevis.invariance.measure import measure_invariance
from diversevis.invariance.stability import relative_stability

PHASE_TIME, TOTAL = "time of a phase", "everything"
STABILITY_DELTA = 2.0


def all_units(bench: Bench, settings: LayerSettings, *, progress: bool) -> list[dict[str, Any]]:
    """Return one row per phase, one for all of them, and the peak memory.

    Parameters
    ----------
    bench
        The layer; its number of units is taken, at most those there are.
    settings
        Of sweep and tests.
    progress
        Show bars on standard error.
    """
    trunk = bench.trunk
    numbers = list(range(min(bench.units, trunk.channels)))
    targets = channels(trunk, numbers)
    families = build_families(settings.families, settings.deltas, trunk.size)
    results: dict[str, Any] = {}

    def relative() -> None:
        images = results["sweep"].chosen().images
        relative_stability(trunk, targets, images, delta=STABILITY_DELTA)

    common = {"precision": settings.precision, "progress": progress}
    phases: dict[str, Callable[[], Any]] = {
        "sweep": lambda: results.update(
            sweep=sweep(trunk, targets, images=bench.images, schedule=settings.synthesis, **common)
        ),
        "transformation tests": lambda: measure_invariance(
            trunk,
            targets,
            families,
            sampling=settings.sampling,
            schedule=settings.tests,
            peak_schedule=settings.peaks,
            **common,
        ),
        "gratings": lambda: best_gratings(trunk, numbers, progress=progress),
        "relative stability": relative,
    }
    columns = {
        **bench.described("engine", settings.precision),
        "units": len(numbers),
        "patches": len(numbers) * bench.images,
    }
    if bench.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(bench.device)
    taken = {name: seconds(run, bench.device) for name, run in phases.items()}
    taken[TOTAL] = sum(taken.values())
    rows = [
        {"phase": name, **row(columns, PHASE_TIME, "s", np.array([value]))}
        for name, value in taken.items()
    ]
    most = np.array([peak(bench.device) / 2**20])
    return [*rows, {"phase": TOTAL, **row(columns, "peak memory", "MiB", most)}]
