"""Whether a trunk responds as the whole padded network does: asked of every trunk, once."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diversevis.errors import UserError
from diversevis.fetching.files import cache_directory, write_text
from diversevis.fetching.tensors import tensor_digest
from diversevis.networks.conventions import Convention
from diversevis.networks.fields import Field, Region
from diversevis.networks.layouts import IMAGES, Layout, UntraceableError
from diversevis.networks.recording import IMAGES_SHOWN, Recording, record
from diversevis.networks.traced import TracedTrunk
from diversevis.seeds import generator

TOLERANCE = 1e-9
"""Relative to the largest number of a map: float64 rounds to 1e-13 at most through a deep network,
and a misplaced pixel changes the first digits."""

SMALLEST = torch.finfo(torch.float64).tiny
"""What differences are relative to where all numbers are zero."""

CONTRAST = 50.0
"""Standard deviation of the random images, on the scale of patches: that of photographs."""


def random_images(side: int, field: Field) -> Tensor:
    """Return two images ``[2, 3, side, side]`` in float64 that differ outside a field alone."""
    stream = generator(0, "self-check", side)
    images = CONTRAST * torch.randn(2, 3, side, side, generator=stream, dtype=torch.float64)
    field.crop(images)[1] = field.crop(images)[0]
    return images


def largest_error(
    trunk: TracedTrunk,
    module: nn.Module,
    layer: str,
    convention: Convention,
    recording: Recording,
    field: Field,
) -> float:
    """Return how far a trunk is from the whole network, relative to its largest response.

    Every map that both compute is compared, at one interior position, and once more with all that
    lies outside the receptive field drawn again.

    Parameters
    ----------
    trunk
        In float64.
    module
        The whole network in evaluation mode, any floating type.
    layer
        The layer's name in the recording.
    convention
        How the network wants its input.
    recording, field
        Of images of some side, not of the trunk's own need be.

    Raises
    ------
    UserError
        If they part, naming the operation.
    UntraceableError
        If the module runs other operations on real images.
    """
    side = recording.nodes[0].layouts[0].shape[-1]
    images = random_images(side, field)
    with torch.no_grad():
        # Copies: a ReLU may change what it takes.
        ours = {n: copy.deepcopy(value) for n, value in trunk.values(field.crop(images[:1])) if n}
    errors: dict[int, float] = {}

    def compare(number: int, theirs: Any) -> None:
        if number in ours:
            layouts, region = recording.nodes[number].layouts, field.regions[number]
            errors[number] = _difference(ours[number], theirs, layouts, region)

    run = record(module, convention(images), until=layer, seen=compare)
    if run.ended is not None:
        raise UntraceableError(f"ends with {run.ended!r}")
    theirs, meant = ([node.kind for node in some.nodes] for some in (run, recording))
    if theirs != meant:
        raise UntraceableError("runs other operations on real images")
    for number, error in errors.items():
        if not error <= TOLERANCE:
            raise UserError(
                f"units of {trunk.network} {trunk.layer} that respond as in the whole network",
                f"a relative difference of {error:.2g} from {recording.nodes[number].name} on",
                "choose a layer before it",
            )
    return max(errors.values())


def _difference(ours: Any, theirs: Any, layouts: tuple[Layout, ...], region: Region) -> float:
    if isinstance(ours, Tensor):
        ours, theirs = [ours], [theirs[0] if isinstance(theirs, tuple | list) else theirs]
    worst = 0.0
    for own, other, layout in zip(ours, theirs, layouts, strict=False):
        # By single axes, even where some were made one dimension.
        factors = [factor for dimension in layout.dimensions for factor in dimension]
        where = [slice(*region.get(f.axis, (None, None))) for f in factors]
        where = [slice(w.start, None if w.stop is None else w.stop + 1) for w in where]
        found = other.double().reshape([f.size for f in factors])[tuple(where)]
        if found.numel() != own.numel() * IMAGES_SHOWN:
            return torch.inf  # the field is another one here
        sides = [-1 if f.axis == IMAGES else n for f, n in zip(factors, found.shape, strict=True)]
        size = own.double().abs().max().clamp(min=SMALLEST)
        apart = (found - own.double().reshape(sides)).abs().max() / size
        # NaN is larger than nothing, and must not pass.
        worst = max(worst, apart.nan_to_num(torch.inf).item())
    return worst


def digest(trunk: TracedTrunk, recording: Recording, field: Field) -> str:
    """Return a digest of all that decides what a self-check finds."""
    done = [
        (recording.nodes[number].kind, recording.nodes[number].arguments, sorted(region.items()))
        for number, region in sorted(field.regions.items())
    ]
    code = [path.read_text() for path in sorted(Path(__file__).parent.glob("*.py"))]
    parts = [torch.__version__, str(done), tensor_digest(dict(trunk.named_buffers())), *code]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def remembered(digest: str, cache: Path | None) -> bool:
    """Tell whether a check with that digest was passed before."""
    return _path(digest, cache).is_file()


def remember(digest: str, cache: Path | None, found: dict[str, Any]) -> None:
    """Write down that a check was passed, and what it found."""
    with contextlib.suppress(UserError):  # where nothing can be written, the next one is made too
        write_text(_path(digest, cache), json.dumps(found, indent=1) + "\n")


def _path(digest: str, cache: Path | None) -> Path:
    return (cache or cache_directory()) / "checked" / f"{digest}.json"
