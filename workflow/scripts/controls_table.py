"""Judge the controls: may the indices be reported?"""

import pandas as pd

from diversevis.analysis.invariance import controls_table
from diversevis.analysis.tables import write_frame
from diversevis.workflow import job

with job(snakemake):
    tests = pd.concat([pd.read_csv(path) for path in snakemake.input], ignore_index=True)
    write_frame(snakemake.output.controls, controls_table(tests))
    write_frame(snakemake.output.tests, tests)
