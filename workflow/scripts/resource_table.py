"""Tabulate what the jobs of the run took."""

from pathlib import Path

from diversevis.analysis.resources import Job, machine, resource_table
from diversevis.analysis.tables import write_frame
from diversevis.devices import choose_device
from diversevis.workflow import job

with job(snakemake):
    jobs = {
        rule: [Job(*(path and Path(path) for path in paths)) for paths in of_rule]
        for rule, of_rule in snakemake.params.jobs.items()
    }
    described = machine(choose_device(snakemake.params.device).type)
    write_frame(snakemake.output[0], resource_table(jobs, described))
