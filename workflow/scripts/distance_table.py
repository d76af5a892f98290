"""Measure both distances of sets that were made with one of them."""

import torch

from diversevis.analysis.distances import distance_rows
from diversevis.devices import choose_device
from diversevis.figures.data import load_sets
from diversevis.layers import load_units
from diversevis.synthesis.output import write_table
from diversevis.workflow import job

with job(snakemake):
    name, files = snakemake.params.name, snakemake.input
    features, pixels = (load_sets(*name, path) for path in (files.features, files.pixels))
    both = [channel for channel in features.channels.tolist() if channel in pixels.channels]
    features, pixels = features.take(both), pixels.take(both)
    units = load_units(*name, device=choose_device(snakemake.params.device))
    rows = distance_rows(
        units,
        both,
        {
            "restarts": torch.from_numpy(features.restarts),
            "pixels": torch.from_numpy(pixels.diverse),
            "features": torch.from_numpy(features.diverse),
        },
        {
            "restarts": torch.zeros(len(both)),
            "pixels": torch.from_numpy(pixels.relative_diversity),
            "features": torch.from_numpy(features.relative_diversity),
        },
    )
    write_table(snakemake.output[0], rows)
