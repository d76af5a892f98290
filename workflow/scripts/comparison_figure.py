"""Draw the networks' layers beside each other, and phase against deformation index."""

import pandas as pd

from diversevis.figures.comparison import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    tables = [pd.read_csv(snakemake.input[name]) for name in ("table", "medians", "pairs")]
    figure = draw(*tables, criteria=snakemake.params.criteria)
    save(figure, snakemake.output.png, snakemake.output.pdf)
