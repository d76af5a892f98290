"""Draw textures of the most and the least phase invariant units."""

import pandas as pd

from diversevis.figures.invariance_data import load_invariance
from diversevis.figures.phase import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layers = [
        load_invariance(network, layer, path)
        for (network, layer), path in zip(
            snakemake.params.layers, snakemake.input.canvases, strict=True
        )
    ]
    units = pd.read_csv(snakemake.input.table)
    save(draw(layers, units), snakemake.output.png, snakemake.output.pdf)
