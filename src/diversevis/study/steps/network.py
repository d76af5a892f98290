"""Fetch a network, and record what was fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diversevis.networks.registry import get_network
from diversevis.networks.store import ensure
from diversevis.results.formats import write_json

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(_reads: Reads, writes: Writes, *, network: str) -> dict[str, Any]:
    """Write ``record``: name, title, digest of the weights and licence.

    Where they came from is in the provenance: it has no say in what is made of them.
    """
    stored, about = ensure(network), get_network(network)
    write_json(
        writes["record"],
        {
            "name": about.name,
            "title": about.title,
            "weights_sha256": stored.digest,
            "licence": about.licence,
            "reference": about.reference,
        },
    )
    return {"source": stored.source, "source_sha256": stored.source_sha256}
