"""Adapter: the atlas of a scale's results."""

import sys
from pathlib import Path

from diversevis.atlas.site import make_atlas
from diversevis.errors import UserError

try:
    make_atlas(Path(snakemake.params.results), Path(snakemake.output[0]))
except UserError as error:
    sys.exit(f"diversevis: {error}")
