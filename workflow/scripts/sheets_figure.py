"""Draw contact sheets of every unit of a layer."""

import pandas as pd

from diversevis.figures.data import load_sets
from diversevis.figures.sheets import pages
from diversevis.figures.style import save_pages
from diversevis.workflow import job

with job(snakemake):
    network, layer = snakemake.wildcards.network, snakemake.wildcards.layer
    sets = load_sets(network, layer, snakemake.input.sweep)
    save_pages(pages(sets, pd.read_csv(snakemake.input.table)), snakemake.output[0])
