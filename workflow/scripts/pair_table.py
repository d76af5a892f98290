"""Compare corresponding layers of two networks."""

from diversevis.analysis.pairs import pair_table
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.workflow import job

with job(snakemake):
    table = pair_table(
        read_frame(snakemake.input[0]), snakemake.params.pairs, snakemake.params.criteria["C4"]
    )
    write_frame(snakemake.output[0], table)
