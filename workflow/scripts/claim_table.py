"""Judge the claims by their criteria."""

from diversevis.analysis.claims import claim_table
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.workflow import job

with job(snakemake):
    table = claim_table(
        read_frame(snakemake.input.units),
        read_frame(snakemake.input.pairs),
        snakemake.params.criteria,
        seed=snakemake.params.seed,
    )
    write_frame(snakemake.output[0], table)
