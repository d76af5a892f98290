"""Draw restarts against diverse sets of a layer's units."""

from diversevis.figures.data import load_layer
from diversevis.figures.restarts import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layer = load_layer(
        snakemake.wildcards.network,
        snakemake.wildcards.layer,
        snakemake.input.sweep,
        snakemake.input.natural,
    )
    figure = draw(layer, fraction=snakemake.config["synthesis"]["fraction"])
    save(figure, snakemake.output.png, snakemake.output.pdf)
