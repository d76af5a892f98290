"""Join the layers' sweeps and natural responses into one row a unit."""

import pandas as pd

from diversevis.analysis.tables import unit_table, write_frame
from diversevis.stimuli.natural import load_natural
from diversevis.workflow import job

with job(snakemake):
    sweeps = pd.concat([pd.read_csv(path) for path in snakemake.input.sweeps], ignore_index=True)
    natural = {
        tuple(names): load_natural(path)
        for names, path in zip(snakemake.params.layers, snakemake.input.natural, strict=True)
    }
    write_frame(snakemake.output.sweeps, sweeps)
    write_frame(snakemake.output.units, unit_table(sweeps, natural))
