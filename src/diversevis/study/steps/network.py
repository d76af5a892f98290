"""Fetch a network, and record what was fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diversevis.results.formats import write_json
from diversevis.study.named import about

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(_reads: Reads, writes: Writes, *, network: str) -> dict[str, Any]:
    """Write ``record``: name, title, digest of the weights and licence.

    Where they came from is in the provenance: it has no say in what is made of them.
    """
    found = about(network)
    write_json(
        writes["record"],
        {
            "name": network,
            "title": found.title,
            "weights_sha256": found.digest,
            "licence": found.licence,
            "reference": found.reference,
        },
    )
    return {"source": found.source, "source_sha256": found.source_sha256}
