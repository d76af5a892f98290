"""Draw all units of a network's layers, natural patch and diverse set."""

from diversevis.figures.data import load_layer
from diversevis.figures.gallery import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layers = [
        load_layer(snakemake.wildcards.network, *paths)
        for paths in zip(
            snakemake.params.layers,
            snakemake.input.sweeps,
            snakemake.input.natural,
            strict=True,
        )
    ]
    figure = draw(layers, fraction=snakemake.config["synthesis"]["fraction"])
    save(figure, snakemake.output.png, snakemake.output.pdf)
