"""What a set of images is to drive: a channel, a direction in channel space, or its cosine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from diversevis.errors import UserError
from diversevis.units.contract import Units

COSINE_OFFSET = 0.01
"""Added to the sum of squares under the cosine's root, as in the authors' published code."""


@dataclass(frozen=True)
class Targets:
    """Directions in the channel space of one layer, scored by projection or by cosine.

    Parameters
    ----------
    names
        One name per target, used for seeds, messages and tables; a channel's is its number.
    directions
        ``[targets, channels]``, unit length.
    cosine
        Score by ``w.f / sqrt(|f|^2 + 0.01)`` in place of ``w.f``.
    """

    names: tuple[str, ...]
    directions: Tensor
    cosine: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device, dtype: torch.dtype) -> Targets:
        """Return the targets with their directions there, which spares a copy in every step."""
        return replace(self, directions=self.directions.to(device, dtype))

    def repeated(self, times: int) -> Targets:
        """Return all targets, `times` over."""
        return Targets(self.names * times, self.directions.repeat(times, 1), self.cosine)

    def score(self, responses: Tensor, which: Tensor | slice = slice(None)) -> Tensor:
        """Return the scores ``[k, n]`` of `responses` ``[k, n, channels]``.

        `which` picks the ``k`` targets that the first axis stands for.
        """
        directions = self.directions.to(responses)[which]
        score = torch.einsum("knc,kc->kn", responses, directions)
        if self.cosine:
            score = score / (responses.square().sum(-1) + COSINE_OFFSET).sqrt()
        return score


def channels(units: Units, numbers: Sequence[int]) -> Targets:
    """Return the targets that are single channels of a layer.

    Raises
    ------
    UserError
        If there is none, one is out of range, or one comes twice.
    """
    numbers = list(numbers)
    check_channels(numbers, units.channels, f"{units.network} {units.layer}")
    return Targets(tuple(map(str, numbers)), torch.eye(units.channels)[numbers])


def check_channels(numbers: Sequence[int], total: int, where: str) -> None:
    """Raise `UserError` unless `numbers` are different channels of the `total` there are."""
    valid = f"channel numbers from 0 to {total - 1} ({where})"
    if not numbers:
        raise UserError(valid, "none", "name at least one")
    for number in numbers:
        if not 0 <= number < total:
            raise UserError(valid, str(number), "choose channels within the range")
    if repeated := [n for n in numbers if numbers.count(n) > 1]:
        raise UserError("each channel once", f"{repeated[0]} twice", "leave out the repetition")


def directions(
    units: Units, vectors: Tensor, *, names: Sequence[str] | None = None, cosine: bool = False
) -> Targets:
    """Return the targets that are directions in channel space, scaled to unit length.

    Parameters
    ----------
    units
        The layer whose channels span the space.
    vectors
        ``[targets, channels]``, none of them zero.
    names
        One per target; by default ``direction-0`` and so on.
    cosine
        Score by the cosine instead of the projection.

    Raises
    ------
    UserError
        If the shape does not fit the layer or a vector has no direction.
    """
    vectors = torch.atleast_2d(torch.as_tensor(vectors, dtype=torch.float32))
    if vectors.ndim != 2 or vectors.shape[1] != units.channels:
        raise UserError(
            f"vectors of shape [targets, {units.channels}]",
            str(list(vectors.shape)),
            f"give one number for each channel of {units.network} {units.layer}",
        )
    norms = vectors.norm(dim=1, keepdim=True)
    if not (norms.isfinite() & (norms > 0)).all():
        raise UserError("finite vectors that are not zero", "one that is", "leave it out")
    names = [f"direction-{i}" for i in range(len(vectors))] if names is None else names
    if len(names) != len(vectors) or len(set(names)) != len(names):
        raise UserError(f"{len(vectors)} different names", ", ".join(names), "name each once")
    return Targets(tuple(names), vectors / norms, cosine)
