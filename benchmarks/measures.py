"""The measures: time per step, share of the trunk's throughput, growth, memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import lucent
from benchmarks.contenders import Bench
from benchmarks.timing import Contender, row, seconds, step_times

STEP_TIME = "time per image and step"
SHARE = "share of the trunk's throughput"
UNIT_TIME = "time for so many units"
DOUBLING = "time for twice the units, over twice the time"
MEMORY = "peak memory"

DTYPES = ("float32", "bfloat16")
FAMILIES = ("all-shifts", "deformations")

Rows = list[dict[str, Any]]


def steps(bench: Bench, *, batches: Sequence[int], steps: int, repeats: int) -> Rows:
    """Return time per image and step of all contenders, and shares of the trunk's throughput.

    Parameters
    ----------
    bench
        The units.
    batches
        Batch sizes of the trunk alone; the best counts.
    steps, repeats
        Of the timing.
    """
    contenders = {"published loop": bench.published(), **bench.lucent()}
    for dtype in DTYPES:
        contenders[f"engine/{dtype}"] = bench.engine(dtype)
        for patches in batches:
            contenders[f"trunk/{dtype}/{patches}"] = bench.trunk_alone(patches, dtype)
    times = step_times(contenders, steps=steps, repeats=repeats, device=bench.device)
    return [*_time_rows(contenders, times), *_shares(contenders, times, "engine/")]


def transformations(bench: Bench, *, batches: Sequence[int], steps: int, repeats: int) -> Rows:
    """Return the same for transformation tests, whose members are the images."""
    contenders: dict[str, Contender] = {}
    for dtype in DTYPES:
        for family in FAMILIES:
            contenders[f"test/{dtype}/{family}"] = bench.transformation(family, dtype)
        for patches in batches:
            contenders[f"trunk/{dtype}/{patches}"] = bench.trunk_alone(patches, dtype)
    times = step_times(contenders, steps=steps, repeats=repeats, device=bench.device)
    return [*_time_rows(contenders, times), *_shares(contenders, times, "test/")]


def growth(
    bench: Bench,
    *,
    units: Sequence[int],
    images: Sequence[int],
    layers: Sequence[str],
    steps: int,
    repeats: int,
) -> Rows:
    """Return the engine's time against units, images in a set, and receptive field.

    Parameters
    ----------
    bench
        What is varied, one of the three at a time.
    units
        Each twice the one before.
    images, layers
        Values of the others, at `bench`'s number of patches and at half its units.
    steps, repeats
        Of the timing.
    """
    varied: dict[str, dict[str, Contender]] = {"images": {}, "layer": {}}
    for n in images:
        some = max(1, bench.units * bench.images // n)
        varied["images"][str(n)] = replace(bench, images=n, units=some).fitting().engine("float32")
    for layer in layers:
        there = replace(bench, layer=layer, units=max(1, bench.units // 2)).fitting()
        varied["layer"][layer] = there.engine("float32")
        varied["layer"][f"trunk alone, {layer}"] = there.trunk_alone(
            there.units * there.images, "float32"
        )
    rows = []
    for name, contenders in varied.items():
        times = step_times(contenders, steps=steps, repeats=repeats, device=bench.device)
        rows += [{"varied": name, **entry} for entry in _time_rows(contenders, times)]

    counted = {n: replace(bench, units=n).engine("float32") for n in units}
    totals: dict[int, list[float]] = {n: [] for n in units}
    for repeat in range(repeats + 1):
        for n, contender in counted.items():
            taken = seconds(lambda run=contender.run: run(steps), bench.device)
            if repeat:  # the first is to warm up
                totals[n].append(taken)
    for n, contender in counted.items():
        entry = row(contender.settings, UNIT_TIME, "s", np.array(totals[n]))
        rows.append({"varied": "units", **entry})
    for n, twice in pairwise(units):
        ratio = np.array(totals[twice]) / np.array(totals[n]) / (twice / n)
        rows.append({"varied": "units", **row(counted[twice].settings, DOUBLING, "ratio", ratio)})
    return rows


def memory(bench: Bench, cases: Sequence[str]) -> Rows:
    """Return peak memory, each case in a process of its own; see `Bench.by_name`.

    On a CPU that of the whole process, PyTorch and the weights included (the case ``nothing`` is
    these alone); on a GPU what PyTorch allocated there.
    """
    missing = lucent.why_not(bench.network, bench.device)
    rows = []
    for case in cases:
        if missing and case.startswith("lucent"):
            continue
        fields = {**asdict(bench), "device": bench.device.type}
        command = [sys.executable, "-m", "benchmarks.memory", case, json.dumps(fields)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        answer = json.loads(answer.splitlines()[-1])
        peak = np.array([answer["bytes"] / 2**20])
        rows.append(row(answer["settings"], MEMORY, "MiB", peak))
    return rows


def _time_rows(contenders: dict[str, Contender], times: dict[str, np.ndarray]) -> Rows:
    return [
        row(contender.settings, STEP_TIME, "ms", times[name])
        for name, contender in contenders.items()
    ]


def _shares(
    contenders: dict[str, Contender], times: dict[str, np.ndarray], prefix: str
) -> Iterable[dict[str, Any]]:
    """Yield the share of the throughput of the trunk alone, at its best batch, repeat by repeat."""
    for name, contender in contenders.items():
        if name.startswith(prefix):
            dtype = contender.settings["dtype"]
            alone = [times[other] for other in times if other.startswith(f"trunk/{dtype}/")]
            best = min(alone, key=np.median)
            yield row(contender.settings, SHARE, "ratio", best / times[name])
