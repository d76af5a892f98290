"""Summarise the units of each layer."""

from diversevis.analysis.layers import layer_table
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.workflow import job

with job(snakemake):
    table = layer_table(
        read_frame(snakemake.input[0]), snakemake.params.criteria, seed=snakemake.params.seed
    )
    write_frame(snakemake.output[0], table)
