"""Join all measures of invariance into one row a unit, and say how well they agree."""

import pandas as pd

from diversevis.analysis.invariance import agreement_table, invariance_table, kinds_table
from diversevis.analysis.tables import write_frame
from diversevis.workflow import job


def read(paths):
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)


with job(snakemake):
    tests = read(snakemake.input.tests)
    units = invariance_table(
        tests,
        read(snakemake.input.gratings),
        read(snakemake.input.stability),
        pd.read_csv(snakemake.input.controls),
    )
    write_frame(snakemake.output.tests, tests)
    write_frame(snakemake.output.units, units)
    write_frame(snakemake.output.agreement, agreement_table(units, tests))
    write_frame(snakemake.output.kinds, kinds_table(units))
