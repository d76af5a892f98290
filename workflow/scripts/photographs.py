"""Fetch the photographs and record what was fetched."""

import json

from diversevis.files import write_text
from diversevis.stimuli.photographs import SOURCES, load_photographs
from diversevis.tensors import tensor_digest
from diversevis.workflow import job

with job(snakemake):
    photographs = load_photographs()
    about = {
        "photographs": list(photographs.shape),
        "tensor_digest": tensor_digest({"photographs": photographs}),
        "source": SOURCES[0].requirement,
        "licence": "CC BY 2.0",
    }
    write_text(snakemake.output[0], json.dumps(about, indent=2) + "\n")
