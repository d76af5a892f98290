"""The early layers of each network, fetched and converted once, then read from the cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from diversevis.errors import UserError
from diversevis.fetching.files import cache_directory, file_sha256
from diversevis.fetching.sources import Fetched, SourceError, fetch
from diversevis.fetching.tensors import (
    DamagedFileError,
    Expected,
    Stored,
    read_about,
    stored_tensors,
    tensor_digest,
)
from diversevis.fetching.tensors import problem as problem_of
from diversevis.networks.base import Converter, Derivation, Network, Tensors
from diversevis.networks.registry import get_network


@dataclass(frozen=True)
class StoredNetwork:
    """Weights in the cache.

    Parameters
    ----------
    name
        The network's name.
    path
        The safetensors file.
    digest
        `diversevis.fetching.tensors.tensor_digest` of its tensors; of a null, of those derived.
    source
        Where they came from, in words; of a null, also the digest of its network's, null and seed.
    source_sha256
        SHA-256 of the file they were converted from.
    licence
        Of the weights.
    """

    name: str
    path: Path
    digest: str
    source: str
    source_sha256: str
    licence: str


def load_weights(
    network: str | Network, *, cache: Path | None = None, progress: bool = True
) -> tuple[Tensors, StoredNetwork]:
    """Return the weights of a network's early layers, fetched and converted if need be.

    Those of a null are derived from its network's.

    Parameters
    ----------
    network
        A network or its name.
    cache
        Folder to keep it in; `diversevis.fetching.files.cache_directory` by default.
    progress
        Whether to report downloads on stderr.

    Returns
    -------
    tensors
        float32 tensors under torchvision's names.
    stored
        The file that holds them, or of a null, those they are derived from.

    Raises
    ------
    UserError
        If the network is unknown, the cache not usable, or no source can serve the weights.
    """
    network = _network(network)
    if network.derivation is not None:
        return _derived(network, network.derivation, cache, progress)
    cache = _cache(cache)

    def make() -> Stored:
        converters = dict(network.sources)
        return fetch(
            list(converters),
            cache / "downloads",
            what=f"the weights of {network.name}",
            use=lambda fetched: _convert(network, fetched, converters[fetched.source]),
            progress=progress,
        )

    path = _path(network, cache)
    tensors, about = stored_tensors(path, make, _expected(network))
    return tensors, _stored(path, about)


def ensure(
    network: str | Network, *, cache: Path | None = None, progress: bool = True
) -> StoredNetwork:
    """Fetch and convert a network unless it is in the cache, whole; see `load_weights`."""
    return load_weights(network, cache=cache, progress=progress)[1]


def status(network: str | Network, *, cache: Path | None = None) -> StoredNetwork | None:
    """Return what the cache says it holds of a network, or None if that is nothing usable.

    Fetches nothing, and reads no tensors but those that nulls are derived from. `problem` says why
    it is not usable.
    """
    network = _network(network)
    if (derivation := network.derivation) is not None:
        there = status(derivation.base, cache=cache) and derivation.ready(cache)
        return _derived(network, derivation, cache, progress=False)[1] if there else None
    path = _path(network, _cache(cache))
    try:
        about = read_about(path, _expected(network))
    except (DamagedFileError, UserError):
        return None
    return None if about is None else _stored(path, about)


def problem(
    network: str | Network, *, cache: Path | None = None, thorough: bool = False
) -> str | None:
    """Return in words what is wrong with what the cache holds of a network.

    Parameters
    ----------
    network
        A network or its name.
    cache
        As for `load_weights`.
    thorough
        Whether to read the tensors, and compare their digest.

    Returns
    -------
    str or None
        None if nothing is wrong, or if the cache holds nothing.
    """
    network = _network(network)
    if network.derivation is not None:
        return problem(network.derivation.base, cache=cache, thorough=thorough)
    return problem_of(_path(network, _cache(cache)), _expected(network), thorough=thorough)


def _network(network: str | Network) -> Network:
    return network if isinstance(network, Network) else get_network(network)


def _derived(
    network: Network, derivation: Derivation, cache: Path | None, progress: bool
) -> tuple[Tensors, StoredNetwork]:
    weights, stored = load_weights(derivation.base, cache=cache, progress=progress)
    tensors, said = derivation.derive(weights, cache, progress)
    source = f"{said}; they came from {stored.source}"
    digest = tensor_digest(tensors)
    return tensors, replace(stored, name=network.name, digest=digest, source=source)


def _cache(cache: Path | None) -> Path:
    return cache_directory() if cache is None else Path(cache)


def _path(network: Network, cache: Path) -> Path:
    return cache / "networks" / f"{network.name}.safetensors"


_CONVERSION = 1
"""Of all converters: to be raised with a change of what one of them makes."""


_KEYS = ("network", "source", "source_sha256", "licence")


def _expected(network: Network) -> Expected:
    return Expected(declared=_declaration(network), digest=network.digest, keys=_KEYS)


def _declaration(network: Network) -> str:
    """Return a digest of what decides a network's weights: files, converters, expected tensors."""
    sources = [(source.checksum, _described(converter)) for source, converter in network.sources]
    content = json.dumps([_CONVERSION, sources, network.architecture, network.digest])
    return hashlib.sha256(content.encode()).hexdigest()


def _described(converter: Converter) -> str:
    """Return the full name of a function, with the arguments of a partial one."""
    if isinstance(converter, partial):
        return f"{_described(converter.func)} {converter.args} {sorted(converter.keywords.items())}"
    if hasattr(converter, "__qualname__"):
        return f"{converter.__module__}.{converter.__qualname__}"
    return repr(converter)


def _stored(path: Path, about: Mapping[str, str]) -> StoredNetwork:
    return StoredNetwork(
        name=about["network"],
        path=path,
        digest=about["tensor_digest"],
        source=about["source"],
        source_sha256=about["source_sha256"],
        licence=about["licence"],
    )


def _convert(network: Network, fetched: Fetched, converter: Converter) -> Stored:
    tensors = converter(fetched.path)
    if network.digest is not None and (digest := tensor_digest(tensors)) != network.digest:
        raise SourceError(f"its tensors have digest {digest}, not {network.digest}")
    _check_fit(network, tensors)
    return tensors, {
        "network": network.name,
        "source": fetched.origin,
        "source_sha256": file_sha256(fetched.path),
        "licence": network.licence,
    }


def _check_fit(network: Network, tensors: Tensors) -> None:
    expected = network.build().state_dict()
    for name, tensor in tensors.items():
        if name not in expected or tensor.shape != expected[name].shape:
            raise SourceError(
                f"its {name} {tuple(tensor.shape)} does not fit {network.architecture}"
            )
