"""The networks of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from diversevis.analysis.tables import write_frame
from diversevis.results.formats import read_json


def run(reads: Mapping[str, Any], writes: Mapping[str, Path]) -> None:
    """Tabulate the networks, one row per network: name, title, digest, licence, reference."""
    table = pd.DataFrame([read_json(path) for path in reads["networks"]])
    write_frame(writes["networks"], table)
