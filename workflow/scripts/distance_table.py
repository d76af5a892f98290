"""Measure both distances of sets that were made with one of them."""

from diversevis.analysis.distances import compared_sets
from diversevis.devices import choose_device
from diversevis.figures.data import load_sets
from diversevis.layers import load_units
from diversevis.synthesis.output import write_table
from diversevis.workflow import job

with job(snakemake):
    name, files = snakemake.params.name, snakemake.input
    units = load_units(*name, device=choose_device(snakemake.params.device))
    features, pixels = (load_sets(*name, path) for path in (files.features, files.pixels))
    write_table(snakemake.output[0], compared_sets(units, features, pixels))
