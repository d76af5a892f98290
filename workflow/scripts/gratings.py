"""Find the best grating of a layer's chosen units, and their modulation by its phase."""

from diversevis.stages import measure_gratings
from diversevis.workflow import job

with job(snakemake):
    measure_gratings(
        *snakemake.wildcards,
        snakemake.output[0],
        sweep=snakemake.input.sweep,
        **snakemake.params.arguments,
    )
