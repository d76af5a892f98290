"""Draw indices of shifts and deformations against displacement, with examples."""

import pandas as pd

from diversevis.figures.deformations import draw
from diversevis.figures.invariance_data import load_layers
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layers = load_layers(snakemake.params.layers, snakemake.input.canvases)
    figure = draw(layers, pd.read_csv(snakemake.input.table))
    save(figure, snakemake.output.png, snakemake.output.pdf)
