"""Measure what a layer's chosen units, or the controls, are invariant to."""

import numpy as np
import torch

from diversevis import provenance
from diversevis.devices import DTYPES, choose_device
from diversevis.invariance.families import build_families
from diversevis.invariance.indices import COLUMNS, arrays, measure_invariance, rows
from diversevis.invariance.transformation import Sampling
from diversevis.layers import CONTROLS, load_units
from diversevis.networks.store import status
from diversevis.stimuli.natural import load_natural
from diversevis.synthesis.engine import Schedule
from diversevis.synthesis.output import write_arrays, write_table
from diversevis.synthesis.targets import channels
from diversevis.workflow import job

with job(snakemake):
    network, layer = snakemake.wildcards.network, snakemake.wildcards.layer
    settings = snakemake.params.settings
    first = int(snakemake.wildcards.repeat) == 0
    seed = snakemake.params.seed + int(snakemake.wildcards.repeat)
    device = choose_device(snakemake.params.device)
    units = load_units(network, layer, device=device)
    if network == CONTROLS:
        chosen, natural = list(range(units.channels)), None
    else:
        with np.load(snakemake.input.sweep) as sweep:
            chosen = sweep["channels"].tolist()
        natural = load_natural(snakemake.input.natural).best[torch.tensor(chosen)]
    delta = settings["delta"] if first else settings["repeat_delta"]
    rate = settings["learning_rate"]
    steps = settings["control_steps" if network == CONTROLS else "steps"]
    result = measure_invariance(
        units,
        channels(units, chosen),
        build_families(settings["families"], delta, units.size),
        natural=natural,
        learn_masks=settings["learn_masks"] and first,
        sampling=Sampling(settings["per_step"], settings["training"], settings["held_out"]),
        schedule=Schedule(rate, steps, patience=steps, anneal=True),
        peak_schedule=Schedule(steps=settings["peak_steps"]),
        compute_dtype=DTYPES[settings["precision"]],
        seed=seed,
        progress=True,
    )
    write_arrays(snakemake.output.arrays, arrays(result))
    write_table(snakemake.output.table, rows(result), COLUMNS)
    origin = provenance.record(
        None if network == CONTROLS else status(network),
        device,
        layer=layer,
        channels=chosen,
        seed=seed,
        **settings,
    )
    provenance.write(snakemake.output.provenance, origin)
