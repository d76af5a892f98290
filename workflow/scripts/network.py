"""Fetch a network and record what was fetched."""

from diversevis.stages import fetch_network
from diversevis.workflow import job

with job(snakemake):
    fetch_network(snakemake.wildcards.network, snakemake.output[0])
