"""Draw what diversity costs in activation."""

import pandas as pd

from diversevis.figures.style import save
from diversevis.figures.tradeoff import draw
from diversevis.workflow import job

with job(snakemake):
    figure = draw(pd.read_csv(snakemake.input[0]), fraction=snakemake.params.fraction)
    save(figure, snakemake.output.png, snakemake.output.pdf)
