"""Measure the relative stability of a layer's diverse sets to deformations."""

import numpy as np
import torch

from diversevis.devices import choose_device
from diversevis.invariance.stability import relative_stability, rows
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
        chosen, selected = sweep["channels"].tolist(), sweep["selected"]
        images = torch.from_numpy(sweep["images"][selected, np.arange(len(chosen))])
    table = []
    for delta in snakemake.params.delta:
        seed = snakemake.params.seed
        result = relative_stability(units, chosen, images, delta=delta, seed=seed)
        table += rows(units, chosen, delta, result)
    write_table(snakemake.output[0], table)
