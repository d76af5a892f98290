"""What surrounds every job, in the workflow and out of it: its step, its provenance, its log."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diversevis.errors import NonFiniteLossError, UserError
from diversevis.results.formats import write_json
from diversevis.study.freshness import code_digests, content_digests, reasons
from diversevis.study.provenance import record
from diversevis.study.stage import Job, Reads, Writes


def make(
    step: str,
    reads: Reads,
    writes: Writes,
    settings: Mapping[str, Any],
    *,
    code: Mapping[str, str],
    provenance: Path,
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
    **machine
        ``device`` for steps that compute: by name, as it has no say in what comes out.
    """
    module, _, function = step.partition(":")
    provenance.unlink(missing_ok=True)
    for path in writes.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    more = getattr(importlib.import_module(module), function)(reads, writes, **machine, **settings)
    origin = record(settings, code, reads=content_digests(reads), **(more or {}))
    write_json(provenance, origin)


def make_job(job: Job) -> None:
    """Make the files of a job outside the workflow."""
    device = {"device": job.run.settings.device} if job.stage.on_device else {}
    make(
        job.stage.step,
        job.reads,
        job.writes,
        job.settings,
        code=job.digests,
        provenance=job.record,
        **device,
    )


def stale(job: Job) -> list[str]:
    """Return why a job has to be done, in words; nothing if its files are there and fresh."""
    files = [*job.writes.values(), job.record]
    if missing := [path.name for path in files if not path.exists()]:
        return ["new" if len(missing) == len(files) else f"no {', '.join(missing)}"]
    return reasons(job.record, job.settings, job.digests, job.reads)


def run_rule(snakemake: Any) -> None:
    """Make the files of one of Snakemake's jobs, with its output in the rule's log.

    An error that the user can put right ends the job with its message, not a traceback.
    """
    params = snakemake.params
    machine = {}
    with _logged(snakemake):
        if params.on_device:
            machine["device"] = snakemake.config["device"]
        if params.torch:
            _prepare(snakemake.threads)
        make(
            params.step,
            {name: _paths(value) for name, value in snakemake.input.items()},
            {name: Path(path) for name, path in snakemake.output.items() if name != "provenance"},
            params.settings,
            code=code_digests(params.step.partition(":")[0], *params.modules),
            provenance=Path(snakemake.output.provenance),
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
