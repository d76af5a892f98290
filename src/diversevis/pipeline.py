"""All stages of a run: computing, tables, figures, and what it took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diversevis.analysis.stages import TABLES, reference
from diversevis.figures.stages import FIGURES
from diversevis.study.layout import Layout
from diversevis.study.stage import Job, Place, Reads, Run, Stage, jobs, records_of
from diversevis.study.stages import COMPUTING

MADE = (*COMPUTING, *TABLES, *(figure.stage for figure in FIGURES))


def _everything(run: Run, _place: Place) -> Reads:
    return {"made": [job.record for job in jobs(MADE, run) if "part" not in job.place]}


def _where(run: Run, _place: Place) -> dict[str, Any]:
    """Return where every job leaves its benchmark and its provenance, by stage."""
    found: dict[str, Any] = {}
    for job in jobs(MADE, run):
        paths = {
            "benchmark": str(run.layout.benchmark(job.key)),
            "provenance": str(job.record),
        }
        found.setdefault(job.stage.name, []).append(paths)
    return {"jobs": found}


RESOURCES = Stage(
    "resources",
    "diversevis.analysis.resources:run",
    reads=_everything,
    writes=lambda run, _: {"resources": run.layout.table("resources")},
    settings=_where,
    local=True,
    report={"resources": ("Tables", {"table": "time and memory"})},
)

STAGES = (*MADE, RESOURCES)


def all_jobs(run: Run) -> list[Job]:
    """Return every job of a run, in an order in which each finds what it reads."""
    return jobs(STAGES, run)


def atlas_reads(run: Run) -> list[Path]:
    """Return what an atlas is made of: all tables, and the arrays of layers."""
    wanted = {"sweep", "natural", "tests", *(stage.name for stage in TABLES)}
    found = [job for job in jobs(MADE, run) if job.stage.name in wanted]
    return [path for job in found for path in job.writes.values()]


def sources(run: Run) -> dict[Path, Path]:
    """Return the record of every file that jobs of a run read: its own, and its reference's."""
    of_reference = {
        path: Layout(str(run.settings.reference), run.layout.results).record("units")
        for table in ("units", "indices")
        for path in reference(run, table)
    }
    return {**records_of(all_jobs(run)), **of_reference}
