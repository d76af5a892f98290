"""What a run took: time and memory by rule, from the benchmarks that its jobs left."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.layers import ALL
from diversevis.analysis.tables import write_frame
from diversevis.errors import UserError
from diversevis.results.formats import read_json
from diversevis.study.machine import processor

COLUMNS = (
    "rule",
    "jobs",
    "measured",
    "seconds",
    "wall_seconds",
    "peak_mib",
    "device",
    "cores",
    "memory_gib",
    "note",
)

_STANDSTILL = 60.0  # seconds: between two jobs a run needs less, so that it was stopped


@dataclass(frozen=True)
class Job:
    """Where a job of the workflow leaves its benchmark, and its provenance.

    Parameters
    ----------
    benchmark
        Snakemake's table of one row; absent if the job's result was taken up from elsewhere.
    provenance
        `diversevis.study.provenance.record` as JSON; names the device of jobs that compute on one.
    """

    benchmark: Path
    provenance: Path

    @property
    def device(self) -> str | None:
        """Where it computed, as far as that is recorded."""
        record = read_json(self.provenance) if self.provenance.exists() else {}
        device: str | None = record.get("device")
        return device


def machine() -> dict[str, Any]:
    """Return the columns that describe this machine.

    Returns
    -------
    dict
        ``device``, the processor, ``cores`` that this process may use, ``memory_gib`` of the
        machine.
    """
    may_use = getattr(os, "sched_getaffinity", None)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError):
        memory = np.nan
    return {
        "device": processor(),
        "cores": len(may_use(0)) if may_use else os.cpu_count(),
        "memory_gib": round(memory, 1),
    }


def resource_table(jobs: Mapping[str, Sequence[Job]], described: Mapping[str, Any]) -> pd.DataFrame:
    """Return time and memory by rule, and of all rules together.

    Parameters
    ----------
    jobs
        Every job of a run, by rule.
    described
        `machine` of the measured jobs; their ``device`` where none of their provenances names one.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. ``seconds`` is the sum over the ``measured`` jobs, of which several may
        run at once; ``wall_seconds`` the time during which any of them ran or the next one was
        about to start, from when their benchmarks were written (NaN if that is not known);
        ``peak_mib`` the most resident memory of a single job. Jobs without a benchmark did not run
        here: they are counted, their time is not known, and ``note`` says where they ran if their
        provenance does.

    Raises
    ------
    UserError
        If a benchmark is not one of Snakemake's tables.
    """
    every = [job for of_rule in jobs.values() for job in of_rule]
    rows = [_row(rule, of_rule, described) for rule, of_rule in [*jobs.items(), (ALL, every)]]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(rule: str, jobs: Sequence[Job], described: Mapping[str, Any]) -> dict[str, Any]:
    measured = [job for job in jobs if job.benchmark.exists()]
    row = {
        "rule": rule,
        "jobs": len(jobs),
        "measured": len(measured),
        "note": _note([job for job in jobs if not job.benchmark.exists()]),
    }
    if not measured:
        return row
    taken = pd.DataFrame([_measurement(job.benchmark) for job in measured])
    return {
        **row,
        "seconds": taken["seconds"].sum(),
        "wall_seconds": _wall(taken, described["cores"]),
        "peak_mib": taken["memory"].max(),
        **described,
        "device": _devices(measured) or described["device"],
    }


def _devices(jobs: Iterable[Job]) -> str:
    return " and ".join(sorted({device for job in jobs if (device := job.device)}))


def _wall(taken: pd.DataFrame, cores: int) -> float:
    wall = busy(zip(taken["start"], taken["end"], strict=True))
    # Files that were copied without their times seem to have been written at once.
    return wall if wall * cores >= taken["seconds"].sum() else np.nan


def _measurement(path: Path) -> dict[str, float]:
    content = pd.read_csv(path, sep="\t")
    if not {"s", "max_rss"} <= set(content) or content.empty:
        remedy = "delete it; the next run of its job writes it anew"
        raise UserError("a benchmark with columns s and max_rss", str(path), remedy)
    # Jobs that end before the first look at their memory have no number there.
    seconds, memory = (
        pd.to_numeric(content[name], errors="coerce").iloc[-1] for name in ("s", "max_rss")
    )
    end = path.stat().st_mtime
    return {"seconds": seconds, "memory": memory, "start": end - seconds, "end": end}


def busy(intervals: Iterable[tuple[float, float]], standstill: float = _STANDSTILL) -> float:
    """Return for how long a run went on.

    Parameters
    ----------
    intervals
        Start and end of its jobs in seconds, in any order; they may overlap.
    standstill
        Seconds. Longer gaps between jobs do not count: the run was interrupted there.
    """
    total, last = 0.0, -np.inf
    for start, end in sorted(intervals):
        if start - last > standstill:
            total, last = total + end - start, end
        elif end > last:
            total, last = total + end - last, end
    return total


def _note(missing: Sequence[Job]) -> str:
    if not missing:
        return ""
    on = f", computed on {where}" if (where := _devices(missing)) else ""
    return f"{len(missing)} taken up without a measurement{on}"


def run(
    _reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    jobs: Mapping[str, Sequence[Mapping[str, str]]],
) -> None:
    """Tabulate what the jobs of the run took.

    Parameters
    ----------
    jobs
        Paths of the ``benchmark`` and the ``provenance`` of every job, by rule.
    """
    found = {
        rule: [Job(**{name: Path(path) for name, path in paths.items()}) for paths in of_rule]
        for rule, of_rule in jobs.items()
    }
    write_frame(writes["resources"], resource_table(found, machine()))
