"""Stages: what each kind of job reads, writes and is made with. The order of jobs follows."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from diversevis.study.freshness import code_digests
from diversevis.study.layout import Layout
from diversevis.study.parts import part_names
from diversevis.study.settings import Settings

Place = Mapping[str, str]
"""What a job is about: values of wildcards by their names, such as ``network`` and ``layer``."""

Reads = Mapping[str, Path | Sequence[Path]]
Writes = Mapping[str, Path]


@dataclass(frozen=True)
class Run:
    """A run: its settings, its criteria, and where its files lie.

    Attributes
    ----------
    settings : Settings
        Of the scale.
    criteria : dict
        ``config/criteria.yaml``.
    layout : Layout
        Paths.
    """

    settings: Settings
    criteria: Mapping[str, Any]
    layout: Layout

    @classmethod
    def of(cls, settings: Settings, criteria: Mapping[str, Any], **folders: Any) -> Run:
        """Return a run with the layout of its scale."""
        return cls(settings, criteria, Layout(settings.scale, **folders))

    def at(self, part: str) -> Run:
        """Return the run as a part sees it: what is of each unit lies in the part's folder."""
        return replace(self, layout=replace(self.layout, part=part))


def _nowhere(_run: Run) -> list[Place]:
    return [{}]


def _of_scale(_run: Run) -> str:
    return ""


def _nothing(_run: Run, _place: Place) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Stage:
    """One kind of job.

    Attributes
    ----------
    name : str
        Of the rule, of the folders of logs and provenance.
    step : str
        ``module:function`` that makes the files: ``function(reads, writes, **settings)``, which may
        return more to say in the provenance.
    writes : callable
        Files by name, of a run and a place; a place may hold wildcards.
    reads, settings : callable
        Files that are read, and what they are made with, ready for JSON, of a run and a place.
    places : callable
        The places of a run, one for each job.
    code : callable
        Modules, beside that of `step`, that a job depends on: those that it finds by name.
    on_device : bool
        Whether it computes on the run's device, whose name it then takes as ``device``.
    torch : bool
        Whether it needs PyTorch.
    priority : int
        Jobs of higher priority start first: those that others wait for.
    local : bool
        Whether it takes seconds and should not be sent to a cluster.
    shared : callable
        The folder, of a run, of results that scales share; empty for the scale's own.
    report : dict
        Where its files stand in the report: category and labels, by the name of the file.
    part : Stage or None
        The stage of its parts, if its files are gathered of parts.
    gather : str
        The step that gathers them, ``module:function``. It has no say in what `settings`, `reads`
        and `step` say of the files: they are the same however the units are split.
    """

    name: str
    step: str
    writes: Callable[[Run, Place], Writes]
    reads: Callable[[Run, Place], Reads] = _nothing
    settings: Callable[[Run, Place], dict[str, Any]] = _nothing
    places: Callable[[Run], list[Place]] = _nowhere
    code: Callable[[Run, Place], Sequence[str]] = lambda _run, _place: ()
    on_device: bool = False
    torch: bool = False
    priority: int = 0
    local: bool = False
    shared: Callable[[Run], str] = _of_scale
    report: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    part: Stage | None = None
    gather: str = ""

    def key(self, place: Place) -> str:
        """Return the name of a job, as a path: ``tests/vgg19/conv3_1/seed-0``."""
        parts = [f"seed-{v}" if name == "repeat" else v for name, v in place.items()]
        return "/".join([self.name, *parts])

    def record(self, run: Run, place: Place) -> Path:
        """Return the provenance of a job."""
        return run.layout.record(self.key(place), self.shared(run))

    def digests(self, run: Run, place: Place) -> dict[str, str]:
        """Return the digest of every module that a job depends on."""
        return code_digests(self.step.partition(":")[0], *self.code(run, place))


def reduced(stage: Stage, *, kept: bool) -> Stage:
    """Return a stage that has no places in a run of indices alone, unless it is `kept` there."""
    if kept:
        return stage
    places = stage.places
    return replace(stage, places=lambda run: [] if run.settings.indices_only else places(run))


@dataclass(frozen=True)
class Job:
    """One job of a run."""

    stage: Stage
    run: Run
    place: Place

    @property
    def key(self) -> str:
        """Its name, as a path."""
        return self.stage.key(self.place)

    @property
    def reads(self) -> Reads:
        """Files that it reads, by name."""
        return self.stage.reads(self.run, self.place)

    @property
    def writes(self) -> Writes:
        """Files that it writes, by name."""
        return self.stage.writes(self.run, self.place)

    @property
    def parts(self) -> list[Job]:
        """The jobs of the parts that its files are gathered of; none if they are made at once."""
        if self.stage.part is None:
            return []
        count = self.run.settings.parts_of(self.place["network"], self.place["layer"])
        places = [{**self.place, "part": part} for part in part_names(count)]
        return [Job(self.stage.part, self.run, place) for place in places]

    @property
    def gathered(self) -> Reads:
        """The files of its parts and their records, in their order; nothing if it has none."""
        parts = self.parts
        if not parts:
            return {}
        # The first file of each job is what the others are made of.
        files = [next(iter(part.writes.values())) for part in parts]
        return {"parts": files, "records": [part.record for part in parts]}

    @property
    def settings(self) -> dict[str, Any]:
        """What its files are made with."""
        return self.stage.settings(self.run, self.place)

    @property
    def digests(self) -> dict[str, str]:
        """The digest of every module that it depends on."""
        return self.stage.digests(self.run, self.place)

    @property
    def record(self) -> Path:
        """Its provenance."""
        return self.stage.record(self.run, self.place)


def jobs(stages: Iterable[Stage], run: Run) -> list[Job]:
    """Return all jobs of a run in an order in which each finds what it reads.

    Jobs that read nothing of others keep the order of `stages`; files that no job writes are taken
    as there.
    """
    found = [Job(stage, run, place) for stage in stages for place in stage.places(run)]
    writers = {
        path: number
        for number, job in enumerate(found)
        for path in (*job.writes.values(), job.record)
    }
    needs = {
        number: {
            writers[path] for path in (*paths(job.reads), *paths(job.gathered)) if path in writers
        }
        for number, job in enumerate(found)
    }
    sorter = graphlib.TopologicalSorter(needs)
    sorter.prepare()
    ordered: list[int] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        ordered += ready
        sorter.done(*ready)
    return [found[number] for number in ordered]


def of_part(ordered: Sequence[Job], part: str) -> list[Job]:
    """Return the jobs of a part, and those of whole layers that they read of, in their order."""
    return leading_to(ordered, lambda job: job.place.get("part") == part)


def leading_to(ordered: Sequence[Job], is_wanted: Callable[[Job], bool]) -> list[Job]:
    """Return the jobs that are wanted, and those that they read of, in their order."""
    wanted: list[Job] = []
    needed: set[Path] = set()
    for job in reversed(ordered):
        if is_wanted(job) or needed & {*job.writes.values(), job.record}:
            needed |= {*paths(job.reads)}
            wanted.append(job)
    return wanted[::-1]


def records_of(found: Iterable[Job]) -> dict[Path, Path]:
    """Return the record of every file that jobs write."""
    return {path: job.record for job in found for path in job.writes.values()}


def paths(files: Reads) -> list[Path]:
    """Return all files, one after the other."""
    found: list[Path] = []
    for entry in files.values():
        found += [entry] if isinstance(entry, Path) else list(entry)
    return found
