"""Check the run against the committed reference."""

from diversevis.analysis.reproduction import reproduction_table, summary_text
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.workflow import job

with job(snakemake):
    units = read_frame(snakemake.input.units)
    if snakemake.input.reference:
        expected = read_frame(snakemake.input.reference[0])
    else:
        expected = units.iloc[:0]
    table = reproduction_table(units, expected, snakemake.params.criteria["reproduction"])
    write_frame(snakemake.output[0], table)
    print(summary_text(table, snakemake.params.reference))
