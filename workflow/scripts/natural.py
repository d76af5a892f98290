"""Show natural patches to all units of a layer."""

from diversevis.stages import show_natural
from diversevis.workflow import job

with job(snakemake):
    show_natural(*snakemake.wildcards, snakemake.output[0], **snakemake.params.arguments)
