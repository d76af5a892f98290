"""Files of weights that a user gives: read without running anything, fitted to a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from diversevis.errors import UserError
from diversevis.fetching.files import cache_directory, known_sha256, read_error
from diversevis.fetching.tensors import Expected, Stored, stored_tensors
from diversevis.networks.base import Tensors

_FORM = "tensors of a checkpoint 1"
"""What is kept in the cache: to be raised when it changes."""

_DEPTH = 4
"""Mappings in mappings that are looked into; in a file that was made up they may go round."""

_SHOWN = 3
"""Names in a message; of others it tells the number."""


def read_checkpoint(path: Path, cache: Path | None = None) -> Tensors:
    """Return the tensors of a file of weights, by the file's own names, in float32.

    They are kept in the cache by the file's SHA-256: a large file is read once.

    Parameters
    ----------
    path
        A safetensors file, or one of `torch.save` that holds tensors by name, or such a mapping
        under a name such as ``state_dict`` or ``model``.
    cache
        Folder to keep them in; `diversevis.fetching.files.cache_directory` by default.

    Raises
    ------
    UserError
        If it cannot be read, holds code or no tensors.
    """
    try:
        digest = known_sha256(path)
    except OSError as error:
        raise read_error(path, error) from error

    def make() -> Stored:
        found = {
            # A copy for each: some share their memory.
            name: tensor.detach().float().clone()
            for name, tensor in _tensors_in(path).items()
            if tensor.is_floating_point()
        }
        if not found:
            remedy = "give the file with the network's weights"
            raise UserError(f"tensors by name in {path}", "none", remedy)
        return found, {"source_sha256": digest}

    kept = (cache or cache_directory()) / "checkpoints" / f"{digest}.safetensors"
    # What cannot be read leaves no folder behind.
    made = None if kept.exists() else make()
    expected = Expected(declared=_FORM, keys=("source_sha256",))
    return stored_tensors(kept, lambda: made or make(), expected)[0]


def _tensors_in(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            found: Mapping[str, Tensor] = safetensors.torch.load_file(path)
            return found
        return max(_mappings(torch.load(path, map_location="cpu", weights_only=True)), key=len)
    except OSError as error:
        raise read_error(path, error) from error
    except Exception as error:  # parsers raise more than they say
        if type(error).__name__ != "UnpicklingError":
            raise _unreadable(path, error) from error
        said = " ".join(str(error).split()).rpartition("WeightsUnpickler error: ")[2][:120]
        kind = "code" if "GLOBAL" in said else "no checkpoint, or code"
        raise UserError(
            f"tensors alone in {path}",
            f"{kind}, of which nothing was run: {said}",
            "where you trust it, load it and save its tensors with safetensors.torch.save_file",
        ) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    wanted = f"a file of torch.save or of safetensors in {path}"
    return UserError(wanted, said, "give another, or fetch it again")


def _mappings(content: Any, depth: int = _DEPTH) -> list[dict[str, Tensor]]:
    """Return the tensors by name of a mapping, and of the mappings in it."""
    if not isinstance(content, Mapping) or not depth:
        return [{}]
    own = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    return [own, *(some for value in content.values() for some in _mappings(value, depth - 1))]


@dataclass(frozen=True)
class Fitted:
    """Tensors under a network's own names.

    Parameters
    ----------
    tensors
        What fits.
    said
        What was done to the names, and what was left out, in words; empty if nothing.
    """

    tensors: Tensors
    said: str


def fitted(
    tensors: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    needed: Collection[str],
    *,
    path: Path,
    what: str,
) -> Fitted:
    """Return the tensors of a checkpoint that a network has, with what stands before names removed.

    Parameters
    ----------
    tensors
        Of the file, by its names: ``module.model.conv1.weight``, for instance.
    own
        Of the network, floating ones, by its names.
    needed
        Names that have to be there: others may be missing, or of other shapes, as those of a
        classifier of other classes.
    path, what
        The file, and what its weights are for, for messages.

    Raises
    ------
    UserError
        If some that are needed are missing or of other shapes.
    """
    prefix = _prefix(tensors, own)
    named = {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
    found = {name: t for name, t in named.items() if name in own and t.shape == own[name].shape}
    other = [name for name in named if name in own and name not in found]
    if lacking := [name for name in own if name in needed and name not in found]:
        shapes = [
            f"{name} {list(named[name].shape)}, not {list(own[name].shape)}"
            for name in lacking
            if name in named
        ]
        missing = [name for name in lacking if name not in named]
        received = [f"{path.name}, with {len(found)} of {len(own)} of its tensors"]
        received += [f"others of other shapes: {_some(shapes)}"] if shapes else []
        received += [f"none called {_some(missing)}"] if missing else []
        strange = [name for name in named if name not in own]
        received += [f"and instead {_some(strange)}"] if strange else []
        raise UserError(
            f"a checkpoint with all weights of {what}",
            "; ".join(received),
            "name the architecture that it was trained with",
        )
    said = [f"{prefix} left out before all names"] if prefix else []
    if strange := [name for name in tensors if name.removeprefix(prefix) not in own]:
        said.append(f"not used, as the network has no such tensors: {_some(strange)}")
    said += [f"not used, of other shapes: {_some(other)}"] if other else []
    absent = [name for name in own if name not in named]
    said += [f"not in the file, and not needed up to this layer: {_some(absent)}"] if absent else []
    return Fitted(found, "; ".join(said))


def _prefix(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """Return what stands before the names of most tensors that fit; of several, the shortest."""
    fitting: Counter[str] = Counter({"": 0})
    for name, tensor in tensors.items():
        parts = name.split(".")
        for cut in range(len(parts)):
            rest = ".".join(parts[cut:])
            if rest in own and tensor.shape == own[rest].shape:
                fitting[name.removesuffix(rest)] += 1
    return max(fitting, key=lambda prefix: (fitting[prefix], -len(prefix)))


def _some(names: list[str]) -> str:
    shown = ", ".join(name[:80] for name in sorted(names)[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
