"""Measure the norm of natural patches at the sizes of the run and the published ones."""

from diversevis.analysis.tables import norm_table, write_frame
from diversevis.networks.registry import get_network
from diversevis.networks.trunk import find_layer
from diversevis.stimuli.norm import PUBLISHED_NORMS
from diversevis.stimuli.photographs import load_photographs
from diversevis.workflow import job

with job(snakemake):
    photographs = load_photographs()
    used = {
        find_layer(get_network(network), layer).geometry.size
        for network, layer in snakemake.params.layers
    }
    largest = min(photographs.shape[-2:])
    sizes = {size for size in used | set(PUBLISHED_NORMS) if size <= largest}
    write_frame(snakemake.output[0], norm_table(photographs, sizes, seed=snakemake.params.seed))
