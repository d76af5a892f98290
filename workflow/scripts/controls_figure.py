"""Draw units of known invariance, and what the tests say of them."""

import pandas as pd

from diversevis.figures.controls import draw
from diversevis.figures.invariance_data import load_layers
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layers = load_layers(snakemake.params.layers, snakemake.input.canvases)
    tests = pd.read_csv(snakemake.input.table)
    criteria = snakemake.params.criteria["controls"]
    figure = draw({layer.layer: layer for layer in layers}, tests, criteria=criteria)
    save(figure, snakemake.output.png, snakemake.output.pdf)
