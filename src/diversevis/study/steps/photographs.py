"""Fetch the photographs, and record what was fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from diversevis.fetching.tensors import tensor_digest
from diversevis.results.formats import write_json
from diversevis.stimuli.photographs import SOURCES
from diversevis.stimuli.pictures import about_pictures, shown_photographs

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(_reads: Reads, writes: Writes, *, photographs: Mapping[str, str] | None = None) -> None:
    """Write ``record``: how many photographs there are, their digest, source and licence.

    Of a user's own also the names of the files, in the order in which places count them.
    """
    pictures = shown_photographs(photographs)
    about: dict[str, Any] = {"source": SOURCES[0].requirement, "licence": "CC BY 2.0"}
    if photographs is not None:
        names = json.loads(about_pictures(photographs)["names"])
        about = {"source": photographs["folder"], "licence": "not stated", "files": names}
    write_json(
        writes["record"],
        {
            "photographs": list(pictures.shape),
            "tensor_digest": tensor_digest({"photographs": pictures}),
            **about,
        },
    )
