"""Draw restarts beside sets that are distinct in pixels and in features."""

import pandas as pd

from diversevis.figures.data import load_sets
from diversevis.figures.distances import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    features, pixels = (
        load_sets(*snakemake.params.name, snakemake.input[kind]) for kind in ("features", "pixels")
    )
    table = pd.read_csv(snakemake.input.table)
    figure = draw(features, pixels, table, fraction=snakemake.params.fraction)
    save(figure, snakemake.output.png, snakemake.output.pdf)
