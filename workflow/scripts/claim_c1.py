"""Judge claim C1: diverse sets show what restarts miss."""

import pandas as pd

from diversevis.analysis.claims import diversity_claim
from diversevis.analysis.tables import write_frame
from diversevis.workflow import job

with job(snakemake):
    claim = diversity_claim(
        pd.read_csv(snakemake.input[0]),
        fraction=snakemake.params.fraction,
        seed=snakemake.params.seed,
    )
    write_frame(snakemake.output[0], claim)
