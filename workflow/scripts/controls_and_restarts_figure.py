"""Draw restarts beside diverse sets, of units whose invariance is known and of a network's."""

import pandas as pd

from diversevis.figures.controls_and_restarts import draw
from diversevis.figures.data import load_sets
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    controls, layers = (
        [load_sets(*name, path) for name, path in zip(names, paths, strict=True)]
        for names, paths in (
            (snakemake.params.controls, snakemake.input.controls),
            (snakemake.params.layers, snakemake.input.sweeps),
        )
    )
    figure = draw(
        {sets.layer: sets for sets in controls},
        pd.read_csv(snakemake.input.tests),
        layers,
        pd.read_csv(snakemake.input.table),
        fraction=snakemake.params.fraction,
    )
    save(figure, snakemake.output.png, snakemake.output.pdf)
