"""Find the best grating of a layer's chosen units, and their modulation by its phase."""

import numpy as np

from diversevis.devices import choose_device
from diversevis.invariance.grating_response import best_gratings, rows
from diversevis.layers import load_units
from diversevis.synthesis.output import write_table
from diversevis.workflow import job

with job(snakemake):
    units = load_units(
        snakemake.wildcards.network,
        snakemake.wildcards.layer,
        device=choose_device(snakemake.params.device),
    )
    with np.load(snakemake.input.sweep) as sweep:
        chosen = sweep["channels"].tolist()
    result = best_gratings(units, chosen, seed=snakemake.params.seed)
    write_table(snakemake.output[0], rows(result))
