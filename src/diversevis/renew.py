"""What has to be made anew although Snakemake cannot know: results that it did not make itself.

Snakemake compares settings and code of what it made in this folder. Of results that came from
elsewhere, from `diversevis run` or from an earlier checkout, the records tell. A record that no
longer fits is removed; the workflow misses it then, and does its job.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from diversevis.errors import UserError
from diversevis.pipeline import all_jobs
from diversevis.study.freshness import reasons
from diversevis.study.settings import read_criteria, read_settings
from diversevis.study.stage import Job, Run


def outdated(run: Run) -> list[tuple[Job, list[str]]]:
    """Return the jobs of a run whose records name other settings or other code, and why.

    Inputs are left to Snakemake, which goes by their times, and so are jobs that lack a file.
    """
    recorded = [
        job
        for job in all_jobs(run)
        if all(path.exists() for path in (job.record, *job.writes.values()))
    ]
    found = [(job, reasons(job.record, job.settings, job.digests)) for job in recorded]
    return [(job, why) for job, why in found if why]


def main(arguments: Sequence[str] | None = None) -> int:
    """Remove the records that no longer fit a configuration, with a line for each."""
    (path,) = sys.argv[1:] if arguments is None else arguments
    try:
        settings = read_settings(path)
        run = Run.of(settings, read_criteria(Path(path).parent / "criteria.yaml"))
        for job, why in outdated(run):
            print(f"{job.key}: made anew ({'; '.join(why)})", file=sys.stderr)
            job.record.unlink()
    except UserError as error:
        print(f"configuration: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
