"""Draw textures of the most and the least phase invariant units, and all phase indices."""

import pandas as pd

from diversevis.figures.invariance_data import load_layers
from diversevis.figures.phase import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layers = load_layers(snakemake.params.layers, snakemake.input.canvases)
    units, medians = pd.read_csv(snakemake.input.table), pd.read_csv(snakemake.input.medians)
    figure = draw(layers, units, medians, criteria=snakemake.params.criteria)
    save(figure, snakemake.output.png, snakemake.output.pdf)
