"""Fetch the photographs, and record what was fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diversevis.fetching.tensors import tensor_digest
from diversevis.results.formats import write_json
from diversevis.stimuli.photographs import SOURCES, load_photographs

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(_reads: Reads, writes: Writes) -> None:
    """Write ``record``: how many photographs there are, their digest, source and licence."""
    photographs = load_photographs()
    write_json(
        writes["record"],
        {
            "photographs": list(photographs.shape),
            "tensor_digest": tensor_digest({"photographs": photographs}),
            "source": SOURCES[0].requirement,
            "licence": "CC BY 2.0",
        },
    )
