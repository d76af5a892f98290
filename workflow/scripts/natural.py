"""Show natural patches to all units of a layer."""

from diversevis.devices import choose_device
from diversevis.networks.trunk import load_trunk
from diversevis.stimuli.natural import natural_arrays, natural_responses
from diversevis.stimuli.photographs import load_photographs
from diversevis.synthesis.output import write_arrays
from diversevis.workflow import job

with job(snakemake):
    device = choose_device(snakemake.params.device)
    responses = natural_responses(
        load_trunk(snakemake.wildcards.network, snakemake.wildcards.layer, device=device),
        load_photographs(),
        count=snakemake.params.patches,
        seed=snakemake.params.seed,
    )
    write_arrays(snakemake.output[0], natural_arrays(responses))
