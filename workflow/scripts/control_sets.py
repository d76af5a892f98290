"""Synthesise restarts and diverse sets of the first unit of a kind of control."""

from diversevis.controls.sets import control_sets
from diversevis.controls.units import Controls
from diversevis.stages import schedule
from diversevis.synthesis.output import sweep_arrays, write_arrays
from diversevis.workflow import job

with job(snakemake):
    settings = snakemake.params.settings
    result = control_sets(
        Controls(snakemake.wildcards.kind),
        [0],
        images=settings["images"],
        fraction=settings["fraction"],
        seed=snakemake.params.seed,
        schedule=schedule(settings),
    )
    write_arrays(snakemake.output[0], sweep_arrays(result))
