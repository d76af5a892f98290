"""Draw units of known invariance, and what the tests say of them."""

import pandas as pd

from diversevis.figures.controls import draw
from diversevis.figures.invariance_data import load_invariance
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layers = [
        load_invariance(network, layer, path)
        for (network, layer), path in zip(
            snakemake.params.layers, snakemake.input.canvases, strict=True
        )
    ]
    tests = pd.read_csv(snakemake.input.table)
    figure = draw({layer.layer: layer for layer in layers}, tests)
    save(figure, snakemake.output.png, snakemake.output.pdf)
