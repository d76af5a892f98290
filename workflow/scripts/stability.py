"""Measure the relative stability of a layer's diverse sets to deformations."""

from diversevis.stages import measure_stability
from diversevis.workflow import job

with job(snakemake):
    measure_stability(
        *snakemake.wildcards,
        snakemake.output[0],
        sweep=snakemake.input.sweep,
        **snakemake.params.arguments,
    )
