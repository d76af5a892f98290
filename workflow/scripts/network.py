"""Fetch a network and record what was fetched."""

import json

from diversevis.files import write_text
from diversevis.networks.store import ensure
from diversevis.workflow import job

with job(snakemake):
    stored = ensure(snakemake.wildcards.network)
    about = {name: value for name, value in vars(stored).items() if name != "path"}
    write_text(snakemake.output[0], json.dumps(about, indent=2) + "\n")
