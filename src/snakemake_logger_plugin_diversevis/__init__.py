"""What `make reproduce` prints: a line for every finished step, with the time left.

A logger plugin of Snakemake (``--logger diversevis``). Everything else goes to Snakemake's own log
on disk; warnings and errors are printed as they come.
"""

from __future__ import annotations

import csv
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

_UNKNOWN = 4.0
"""Seconds of a step that no run has timed."""


class LogHandler(LogHandlerBase):
    """Prints progress to standard error."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.expected = expected_seconds(Path("results"))
        self.jobs: dict[int, Mapping[str, Any]] = {}
        self.started: dict[int, float] = {}
        self.left: dict[str, int] = {}
        self.done = self.total = 0
        self.worked = 0.0
        self.begin = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Note what a record tells, and print what a person wants to know of it."""
        told, event = vars(record), getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            self._plan(told.get("stats") or {})
        elif event == LogEvent.JOB_INFO:
            self.jobs[told["jobid"]] = told
        elif event == LogEvent.JOB_STARTED:
            now = time.monotonic()
            self.started.update(dict.fromkeys(told["jobs"], now))
        elif event == LogEvent.JOB_FINISHED:
            self._finished(told["job_id"])
        elif event == LogEvent.JOB_ERROR:
            logs = ", ".join(map(str, told.get("log") or []))
            _print(f"failed: {name_of(self.jobs.get(told['jobid'], told))}; see {logs}")
        elif event is None and record.getMessage() == NOTHING_TO_BE_DONE_MSG:
            _print("nothing to do: all results are fresh")
        elif event is None and record.levelno >= logging.WARNING:
            _print(record.getMessage())

    def _plan(self, stats: Mapping[str, int]) -> None:
        self.left = {rule: int(n) for rule, n in stats.items() if rule not in ("total", "all")}
        self.total = sum(self.left.values())
        if self.total:
            _print(f"{self.total} steps to do")

    def _finished(self, job: int) -> None:
        about = self.jobs.get(job, {})
        rule = about.get("rule_name", "")
        if rule not in self.left:
            return
        self.done += 1
        self.left[rule] -= 1
        self.worked += self.expected.get(rule, _UNKNOWN)
        taken = time.monotonic() - self.started.get(job, self.begin)
        width = len(str(self.total))
        line = f"{self.done:>{width}}/{self.total}  {name_of(about):<44} {taken:5.0f} s"
        _print(f"{line}   {self._time_left()}")

    def _time_left(self) -> str:
        """Return how long the rest may take: as much longer or shorter as what is done took."""
        rest = sum(n * self.expected.get(rule, _UNKNOWN) for rule, n in self.left.items())
        seconds = rest * (time.monotonic() - self.begin) / self.worked
        if not any(self.left.values()):
            return "done"
        return f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"


def expected_seconds(results: Path) -> dict[str, float]:
    """Return what a step of each rule took in the largest run that left its resources."""
    best: dict[str, float] = {}
    most = 0.0
    for path in results.glob("*/tables/resources.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["seconds"]]
        found = {row["rule"]: float(row["seconds"]) / int(row["measured"]) for row in rows}
        if found and sum(found.values()) > most:
            best, most = found, sum(found.values())
    return best


def name_of(about: Mapping[str, Any]) -> str:
    """Return a step in words: its rule, and what it was about."""
    wildcards = about.get("wildcards") or {}
    values = wildcards.values() if isinstance(wildcards, Mapping) else wildcards
    rule = str(about.get("rule_name", "a step")).replace("_", " ")
    return " ".join([rule, *map(str, values)])


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
