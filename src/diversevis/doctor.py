"""What is here and what is wrong with it: environment, machine, cache, results, on one screen."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import diversevis
from diversevis.errors import UserError
from diversevis.fetching.files import cache_directory
from diversevis.networks import store
from diversevis.networks.registry import NETWORKS
from diversevis.stimuli import photographs
from diversevis.study.folder import RECORD
from diversevis.study.freshness import code_digests, damaged, read_record
from diversevis.study.job import settled, stale
from diversevis.study.plugins import bring
from diversevis.study.provenance import checkout, versions
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Job, Run, jobs
from diversevis.study.stages import COMPUTING
from diversevis.units.memory import CPU, free_bytes

OK, NOTE, WRONG = "ok", "note", "WRONG"

_GIB = 2**30
_LITTLE_DISK, _LITTLE_MEMORY = 6, 2
"""GiB: what all networks and photographs take as they are fetched, and what a quick run does."""

_OPTIONAL = {
    "snakemake": "no workflow here, only visualize, invariance and run",
    "pandas": "no tables of a whole run",
    "matplotlib": "no figures",
    "yaml": "configurations in JSON only",
    "h5py": "ResNet-50 not from its Keras copy",
}
"""Packages without which something cannot be done."""


@dataclass(frozen=True)
class Finding:
    """One line: how it is, in what words, and what to do about it."""

    level: str
    text: str
    remedy: str = ""


def examine(folders: Sequence[Path] = ()) -> Iterator[tuple[str, list[Finding]]]:
    """Yield sections with their findings.

    Parameters
    ----------
    folders
        Of results; by default those in the current folder.
    """
    yield "environment", list(environment())
    yield "machine", list(machine())
    yield f"cache: {cache_directory()}", list(cache())
    yield "results", list(results(folders or found_here(Path())))


def environment() -> Iterator[Finding]:
    """Yield what is said of Python, the package and what it needs."""
    state = checkout()
    commit = ""
    if state:
        commit = f", commit {state['commit'][:10]}" + ("" if state["clean"] else " and changes")
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(OK, f"{python}, diversevis {diversevis.__version__}{commit}")
    needs = dict(_needs())
    there = versions(tuple(needs))
    yield Finding(OK, ", ".join(f"{name} {version}" for name, version in there.items()))
    for name, least in needs.items():
        if name not in there:
            yield Finding(WRONG, f"no {name}", f"install {name}>={least}")
        elif _numbers(there[name]) < _numbers(least):
            yield Finding(WRONG, f"{name} {there[name]}", f"install {name}>={least}")
    for name, lacking in _OPTIONAL.items():
        if importlib.util.find_spec(name) is None:
            yield Finding(NOTE, f"no {name}: {lacking}", "make setup installs it")


def machine() -> Iterator[Finding]:
    """Yield what is said of cores, memory, GPUs and disks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = torch.get_num_threads()
    text = f"{cores} cores, of which PyTorch takes {threads}"
    if threads > (cores or threads):
        yield Finding(NOTE, text, "set OMP_NUM_THREADS to the cores that there are")
    else:
        yield Finding(OK, text)
    free = free_bytes(CPU) / _GIB
    enough = free >= _LITTLE_MEMORY
    yield Finding(
        OK if enough else NOTE,
        f"{free:.1f} GiB of memory free",
        _if(not enough, "end other programs"),
    )
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            device = torch.device("cuda", number)
            room = f"{free_bytes(device) / _GIB:.1f} GiB free"
            yield Finding(OK, f"cuda:{number}: {torch.cuda.get_device_name(device)}, {room}")
    else:
        yield Finding(OK, "no GPU that PyTorch can use: everything runs on the CPU")
    for name, path in (("the cache", cache_directory()), ("this folder", Path.cwd())):
        yield _disk(name, path)


def _disk(name: str, path: Path) -> Finding:
    try:
        there = next(folder for folder in (path, *path.parents) if folder.exists())
    except OSError as error:
        return Finding(WRONG, f"{path}, for {name}: {error.strerror}", "choose another folder")
    if not there.is_dir():
        return Finding(WRONG, f"{there} is no folder, for {name}", "choose another folder")
    free = shutil.disk_usage(there).free / _GIB
    text = f"{free:.1f} GiB of disk free for {name}"
    if not os.access(there, os.W_OK):
        return Finding(WRONG, f"{there} cannot be written, for {name}", "choose another folder")
    if free < _LITTLE_DISK:
        return Finding(NOTE, text, f"{_LITTLE_DISK} GiB hold all networks as they are fetched")
    return Finding(OK, text)


def cache() -> Iterator[Finding]:
    """Yield what is said of every network and of the photographs, each compared by its digest."""
    entries: list[tuple[str, Callable[[], bool], Callable[[], str | None]]] = [
        (
            name,
            lambda name=name: store.status(name) is not None,  # type: ignore[misc]
            lambda name=name: store.problem(name, thorough=True),  # type: ignore[misc]
        )
        for name in NETWORKS
    ]
    entries.append(("photographs", photographs.stored, lambda: photographs.problem(thorough=True)))
    for name, is_there, problem in entries:
        try:
            wrong, there = problem(), is_there()
        except UserError as error:
            wrong, there = f"{error.expected}: {error.received}", True
        except OSError as error:
            wrong, there = error.strerror or str(error), True
        if wrong:
            yield Finding(WRONG, f"{name}: {wrong}", f"diversevis fetch {name}")
        elif there:
            yield Finding(OK, f"{name}: whole")
        else:
            yield Finding(NOTE, f"{name}: not fetched yet", f"diversevis fetch {name}")


def found_here(folder: Path) -> list[Path]:
    """Return the folders of results in a folder: of scales, and made by hand."""
    scales = sorted(path.parent for path in folder.glob("results/*/provenance"))
    return scales + sorted(
        path.parent
        for kind in ("visualizations", "invariance")
        for path in folder.glob(f"{kind}/*/*/{RECORD}")
    )


def results(folders: Iterable[Path]) -> Iterator[Finding]:
    """Yield what is said of folders of results: whose, complete, fresh, damaged."""
    for folder in folders:
        if (folder / "provenance").is_dir():
            yield from _scale(folder)
        elif (folder / RECORD).exists():
            yield _by_hand(folder)
        else:
            yield Finding(
                WRONG, f"{folder}: nothing tells what it holds", "name a folder of results"
            )


def _by_hand(folder: Path) -> Finding:
    made = read_record(folder / RECORD)
    if not made:
        return Finding(WRONG, f"{folder}: its {RECORD} is damaged", "make the folder anew")
    settings = made["settings"]
    names = " ".join(str(settings.get(name)) for name in ("network", "layer", "channels"))
    text = f"{folder}: {names}, seed {settings.get('seed')}, of {made.get('created')}"
    if broken := damaged(folder / RECORD, [folder / name for name in made["files"]]):
        return Finding(WRONG, f"{text}: not as made: {', '.join(broken)}", "make the folder anew")
    if _changed(made["code"]):
        return Finding(
            NOTE, f"{text}: whole, made by other code", "remove it: the same command makes it anew"
        )
    return Finding(OK, f"{text}: whole and fresh")


def _changed(code: dict[str, str]) -> bool:
    try:
        return code_digests(*code) != code
    except ModuleNotFoundError:
        return True


def _scale(folder: Path) -> Iterator[Finding]:
    try:
        run = _run_of(folder)
    except UserError as error:
        yield Finding(NOTE, f"{folder}: {error.received}", error.remedy)
        return
    every = _all_jobs(run)
    of_no_use = settled(every)
    every = [job for job in every if job.key not in of_no_use]
    there = [job for job in every if read_record(job.record)]
    broken = {
        job.key: names for job in there if (names := damaged(job.record, job.writes.values()))
    }
    missing = {
        job.key: names
        for job in there
        if (names := [path.name for path in job.writes.values() if not path.exists()])
    }
    for key, names in broken.items():
        if key not in missing:
            remedy = "make reproduce and diversevis run make it anew"
            yield Finding(WRONG, f"{folder}: {key} is not as made: {', '.join(names)}", remedy)
    whole = [job for job in there if job.key not in broken]
    fresh = [job for job in whole if not stale(job)]
    text = f"{folder}: {len(whole)} of {len(every)} jobs complete, {len(fresh)} of them fresh"
    complete = len(fresh) == len(every)
    yield Finding(
        OK if complete else NOTE, text, _if(not complete, f"make reproduce SCALE={folder.name}")
    )


def _run_of(folder: Path) -> Run:
    """Return the run whose results a folder holds, by the configurations in the current one."""
    paths = [path for place in (Path("config"), Path()) for path in sorted(place.glob("*.*"))]
    for path in paths:
        if path.suffix not in (".yaml", ".json"):
            continue
        try:
            settings = read_settings(path)
        except UserError:
            continue
        if settings.scale == folder.name:
            bring(settings.plugins, settings.checkpoints)
            criteria = path.parent / "criteria.yaml"
            judged = read_criteria(criteria) if criteria.exists() else {}
            return Run.of(settings, judged, results=folder.parent)
    raise UserError(
        f"the configuration of {folder.name}",
        "no configuration in this folder names it",
        "call doctor where its configuration is",
    )


def _all_jobs(run: Run) -> list[Job]:
    """Return the jobs of a run, where there is only PyTorch those that compute."""
    if not run.criteria:
        return jobs(COMPUTING, run)
    try:
        from diversevis.pipeline import all_jobs
    except ImportError:
        return jobs(COMPUTING, run)
    return all_jobs(run)


def show(sections: Iterable[tuple[str, list[Finding]]], write: Callable[[str], Any]) -> bool:
    """Write sections, a line a finding; return whether nothing is wrong."""
    fine = True
    for title, findings in sections:
        write(title)
        for finding in findings:
            fine &= finding.level != WRONG
            remedy = f" -> {finding.remedy}" if finding.remedy else ""
            write(f"  {finding.level:<6}{finding.text}{remedy}")
    return fine


def _needs() -> Iterator[tuple[str, str]]:
    """Yield the packages that the package needs at least, and their versions."""
    for entry in metadata.requires("diversevis") or []:
        if "extra ==" not in entry and (found := re.match(r"([\w-]+)>=([\d.]+)", entry)):
            yield found[1], found[2]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.split("+")[0])[:3])


def _if(condition: bool, text: str) -> str:
    return text if condition else ""
