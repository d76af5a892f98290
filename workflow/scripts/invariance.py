"""Measure what a layer's chosen units, or the controls, are invariant to."""

from diversevis.stages import probe_invariance
from diversevis.workflow import job

with job(snakemake):
    names = snakemake.wildcards
    probe_invariance(
        names.network,
        names.layer,
        int(names.repeat),
        snakemake.output,
        **dict(snakemake.input.items()),
        **snakemake.params.arguments,
    )
