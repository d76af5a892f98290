"""Synthesise restarts and diverse sets of a layer's chosen units."""

from diversevis.stages import synthesise
from diversevis.workflow import job

with job(snakemake):
    synthesise(*snakemake.params.name, snakemake.output, **snakemake.params.arguments)
