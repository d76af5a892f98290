"""Synthesise restarts and diverse sets of a layer's chosen units."""

from diversevis import provenance
from diversevis.analysis.selection import choose_units
from diversevis.devices import DTYPES, choose_device
from diversevis.networks.store import status
from diversevis.networks.trunk import load_trunk
from diversevis.synthesis.engine import Schedule
from diversevis.synthesis.output import sweep_arrays, sweep_metrics, write_arrays, write_table
from diversevis.synthesis.sweep import sweep
from diversevis.units import default_distance
from diversevis.workflow import job

with job(snakemake):
    network, layer = snakemake.wildcards.network, snakemake.wildcards.layer
    settings, seed = snakemake.params.settings, snakemake.params.seed
    device = choose_device(snakemake.params.device)
    trunk = load_trunk(network, layer, device=device)
    channels = choose_units(
        trunk.channels,
        snakemake.params.units,
        include=snakemake.params.include,
        seed=seed,
        name=f"{network}/{layer}",
    )
    result = sweep(
        trunk,
        channels,
        images=settings["images"],
        grid=settings["grid"],
        fraction=settings["fraction"],
        schedule=Schedule(steps=settings["steps"]),
        compute_dtype=DTYPES[settings["precision"]],
        seed=seed,
        progress=True,
    )
    write_arrays(snakemake.output.arrays, sweep_arrays(result))
    write_table(snakemake.output.table, sweep_metrics(result))
    origin = provenance.record(
        status(network),
        device,
        layer=layer,
        channels=channels,
        distance=default_distance(trunk),
        seed=seed,
        **settings,
    )
    provenance.write(snakemake.output.provenance, origin)
