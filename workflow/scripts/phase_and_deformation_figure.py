"""Draw phase against deformation index, one point a unit."""

import pandas as pd

from diversevis.figures.phase_and_deformation import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    figure = draw(pd.read_csv(snakemake.input.table))
    save(figure, snakemake.output.png, snakemake.output.pdf)
