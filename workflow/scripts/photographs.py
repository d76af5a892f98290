"""Fetch the photographs and record what was fetched."""

from diversevis.stages import fetch_photographs
from diversevis.workflow import job

with job(snakemake):
    fetch_photographs(snakemake.output[0])
