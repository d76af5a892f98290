"""What surrounds every job, in the workflow and out of it: its step, its provenance, its log."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast

from diversevis.errors import NonFiniteLossError, UserError
from diversevis.fetching.files import make_directory
from diversevis.results.formats import write_json
from diversevis.study.cards import own_card
from diversevis.study.freshness import (
    check_parts,
    check_whole,
    code_digests,
    content_digests,
    file_digests,
    reasons,
)
from diversevis.study.locks import held
from diversevis.study.plugins import bring
from diversevis.study.provenance import record
from diversevis.study.stage import Job, Reads, Writes, paths


def make(
    step: str,
    reads: Reads,
    writes: Writes,
    settings: Mapping[str, Any],
    *,
    code: Mapping[str, str],
    provenance: Path,
    sources: Mapping[Path, Path] | None = None,
    gather: str = "",
    gathered: Reads | None = None,
    **machine: Any,
) -> None:
    """Make the files of one job, then write its provenance.

    Parameters
    ----------
    step
        ``module:function``.
    reads, writes, settings
        What the function is given.
    code
        Digests of the modules that it depends on.
    provenance
        Where to write it: last, so that a job without it was not finished.
    sources
        Records of the files that are read, by file: what is not as its record says is refused.
    gather, gathered
        The function that gathers the files of their parts, in place of `step`, and what it reads:
        both are left out of the record.
    **machine
        ``device`` for steps that compute: by name, as it has no say in what comes out.

    Raises
    ------
    UserError
        If a file that is read was damaged, or a part was made otherwise.
    """
    module, _, function = (gather or step).partition(":")
    check_whole(sources or {})
    if gathered:
        check_parts(cast(Sequence[Path], gathered["records"]), settings, code)
    provenance.unlink(missing_ok=True)
    for path in writes.values():
        make_directory(path.parent)
    do = getattr(importlib.import_module(module), function)
    more = do(gathered, writes) if gather else do(reads, writes, **machine, **settings)
    contents = {"reads": content_digests(reads), "files": file_digests(writes.values())}
    write_json(provenance, record(settings, code, **contents, **(more or {})))


def make_job(job: Job, sources: Mapping[Path, Path]) -> None:
    """Make the files of a job outside the workflow; `sources` as `records_of`."""
    device = {"device": job.run.settings.device} if job.stage.on_device else {}
    make(
        job.stage.step,
        job.reads,
        job.writes,
        job.settings,
        code=job.digests,
        provenance=job.record,
        sources={
            path: sources[path]
            for path in (*paths(job.reads), *paths(job.gathered))
            if path in sources
        },
        gather=job.stage.gather,
        gathered=job.gathered,
        **device,
    )


def settled(found: Sequence[Job]) -> set[str]:
    """Return the keys of parts that nothing asks for: all that is gathered of them is fresh.

    They may be gone, or be of before. Parts are asked for by parts that are made of them, too.
    """
    writers = {path: job for job in found for path in job.writes.values()}
    readers = defaultdict(list)
    for job in found:
        for path in (*paths(job.reads), *paths(job.gathered)):
            readers[path].append(job)
    known: dict[str, bool] = {}

    def is_due(job: Job) -> bool:
        if job.key not in known:
            before = [writers[path] for path in paths(job.reads) if path in writers]
            known[job.key] = bool(stale(job)) or any(map(is_due, before))
        return known[job.key]

    def is_asked_for(part: Job) -> bool:
        made_of_it = [job for path in part.writes.values() for job in readers[path]]
        return any(is_asked_for(job) if "part" in job.place else is_due(job) for job in made_of_it)

    return {job.key for job in found if "part" in job.place and not is_asked_for(job)}


def alone(record: Path) -> AbstractContextManager[None]:
    """Return what keeps other processes from making the same files, known by their record."""
    return held(record.with_suffix(".lock"), f"what {record} tells of", wait=True)


def stale(job: Job) -> list[str]:
    """Return why a job has to be done, in words; nothing if its files are there and fresh."""
    files = [*job.writes.values(), job.record]
    if missing := [path.name for path in files if not path.exists()]:
        return ["new" if len(missing) == len(files) else f"no {', '.join(missing)}"]
    if missing := [path.name for path in paths(job.reads) if not path.exists()]:
        return [f"no {', '.join(missing)} to make it of"]
    return reasons(job.record, job.settings, job.digests, job.reads, job.writes)


def run_rule(snakemake: Any) -> None:
    """Make the files of one of Snakemake's jobs, with its output in the rule's log.

    An error that the user can put right ends the job with its message, not a traceback.
    """
    params = snakemake.params
    machine = {}
    with (
        _logged(snakemake),
        alone(Path(snakemake.output.provenance)),
        contextlib.ExitStack() as until_done,
    ):
        if params.on_device:
            card = own_card(snakemake.config["device"])
            machine["device"] = until_done.enter_context(card)
        if params.torch:
            _prepare(snakemake.threads)
        if params.modules:
            bring(snakemake.config["plugins"], snakemake.config["checkpoints"])
        reads = {name: _paths(value) for name, value in snakemake.input.items()}
        make(
            params.step,
            {name: entry for name, entry in reads.items() if name not in params.gathers},
            {name: Path(path) for name, path in snakemake.output.items() if name != "provenance"},
            params.settings,
            code=code_digests(params.step.partition(":")[0], *params.modules),
            provenance=Path(snakemake.output.provenance),
            sources={Path(path): Path(record) for path, record in params.sources.items()},
            gather=params.gather,
            gathered={name: reads[name] for name in params.gathers if name in reads},
            **machine,
        )


def _prepare(threads: int) -> None:
    """Set PyTorch up for a program of its own."""
    import torch

    from diversevis.devices import keep_memory

    torch.set_num_threads(threads)
    keep_memory()


def _paths(value: Any) -> Path | list[Path]:
    return Path(value) if isinstance(value, str) else [Path(path) for path in value]


@contextlib.contextmanager
def _logged(snakemake: Any) -> Iterator[None]:
    log = Path(snakemake.log[0])
    with (
        log.open("w", encoding="utf-8", buffering=1) as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            yield
        except (UserError, NonFiniteLossError) as error:
            message = f"{snakemake.rule}: {error}"
            print(message, file=file)
            print(message, file=sys.__stderr__)
            sys.exit(2 if isinstance(error, UserError) else 1)
        except Exception as error:
            traceback.print_exc(file=file)
            print(f"{snakemake.rule}: {type(error).__name__}: {error}", file=sys.__stderr__)
            sys.exit(1)
