"""Draw best natural patches beside restarts and diverse sets, with what all of them drive."""

from diversevis.figures.data import load_layers
from diversevis.figures.natural import draw
from diversevis.figures.style import save
from diversevis.workflow import job

with job(snakemake):
    layers = load_layers(snakemake.params.layers, snakemake.input.sweeps, snakemake.input.natural)
    figure = draw(layers, fraction=snakemake.params.fraction)
    save(figure, snakemake.output.png, snakemake.output.pdf)
