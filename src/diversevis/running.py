"""Jobs done one after the other in this process, with what each took."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from diversevis.devices import choose_device
from diversevis.errors import UserError
from diversevis.results.formats import read_rows, write_rows
from diversevis.study.job import alone, make_job, stale
from diversevis.study.machine import device_name
from diversevis.study.needs import foretold
from diversevis.study.stage import Job, paths


def make_all(found: Sequence[Job], records: Mapping[Path, Path], record: Path) -> None:
    """Make what is not there and fresh, and print what is done, why, and how long it took.

    Parameters
    ----------
    found
        Jobs, each after those that it reads of.
    records
        As `diversevis.study.stage.records_of` all jobs of the run.
    record
        Table of what each took, to which rows are added.

    Raises
    ------
    UserError
        As the jobs, or if the table cannot be read.
    """
    timings = _timings(record)
    timings = {job.key: timings[job.key] for job in found if job.key in timings}
    ahead = _ahead(found)
    told = f"{len(ahead)} of {len(found)} stages to be made: {foretold(ahead)}" if ahead else ""
    for job in found:
        with alone(job.record):
            why = stale(job)
            if not why:
                print(f"{job.key}: kept")
                continue
            if told and not job.stage.local:  # what takes seconds has shown that it can be written
                print(told, flush=True)
                told = ""
            begin = time.monotonic()
            make_job(job, records)
            taken = time.monotonic() - begin
        processor = device_name(choose_device(job.run.settings.device))
        timings[job.key] = {"stage": job.key, "seconds": f"{taken:.1f}", "device": processor}
        write_rows(record, timings.values(), ("stage", "seconds", "device"))
        print(f"{job.key}: {taken:.0f} s ({'; '.join(why)})", flush=True)
    total = sum(float(row["seconds"]) for row in timings.values())
    print(f"{len(timings)} stages, {total:.0f} s")


def _ahead(found: Sequence[Job]) -> list[Job]:
    """Return the jobs that are to be made, and those that read what these write."""
    ahead: list[Job] = []
    new: set[Path] = set()
    for job in found:
        if new & {*paths(job.reads), *paths(job.gathered)} or stale(job):
            ahead.append(job)
            new |= {*job.writes.values(), job.record}
    return ahead


def _timings(record: Path) -> dict[str, dict[str, str]]:
    """Return what earlier runs took, by stage."""
    try:
        rows = read_rows(record) if record.exists() else []
        return {row["stage"]: {**row, "seconds": f"{float(row['seconds']):.1f}"} for row in rows}
    except (KeyError, ValueError) as error:
        raise UserError(f"times of stages in {record}", repr(error), "move it away") from None
