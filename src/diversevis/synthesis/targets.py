"""What a set of images is to drive: a channel, a direction in channel space, or its cosine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from diversevis.errors import UserError, whole_number
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

    def __getitem__(self, which: Tensor) -> Targets:
        """Return some of the targets, by their places ``[k]``."""
        names = tuple(self.names[place] for place in which.tolist())
        return replace(self, names=names, directions=self.directions[which])

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


def channels(units: Units, numbers: Iterable[int] | int) -> Targets:
    """Return the targets that are single channels of a layer: several, or one.

    Raises
    ------
    UserError
        If there is none, one is out of range or no whole number, or one comes twice.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.controls.units import Controls
    >>> dv.channels(Controls("simple"), [2, 0]).names
    ('2', '0')
    """
    chosen = check_channels(numbers, units.channels, f"{units.network} {units.layer}")
    return Targets(tuple(map(str, chosen)), torch.eye(units.channels)[chosen])


def check_channels(numbers: Iterable[int] | int, total: int, where: str) -> list[int]:
    """Return `numbers` as ints, whatever whole numbers they are: names and seeds are made of them.

    Raises
    ------
    UserError
        Unless they are different channels of the `total` there are.
    """
    valid = f"channel numbers from 0 to {total - 1} ({where})"
    try:
        given: list[Any] = list(numbers)  # type: ignore[arg-type]
    except TypeError:  # a number, or a tensor that is one
        given = [numbers]
    if not given:
        raise UserError(valid, "none", "name at least one")
    chosen = []
    for number in given:
        try:
            chosen.append(whole_number("a channel", number, least=0, most=total - 1))
        except UserError as error:
            raise UserError(valid, error.received, "choose channels within the range") from None
    if len(set(chosen)) < len(chosen):
        repeated = next(n for n in chosen if chosen.count(n) > 1)
        raise UserError("each channel once", f"{repeated} twice", "leave out the repetition")
    return chosen


def as_targets(units: Units, targets: Targets | Iterable[int] | int) -> Targets:
    """Return targets, given themselves or as channel numbers, or one of these.

    Raises
    ------
    UserError
        As `channels`, or for targets of another number of channels.
    """
    if not isinstance(targets, Targets):
        return channels(units, targets)
    if targets.directions.shape != (expected := (len(targets), units.channels)) or not len(targets):
        raise UserError(
            f"directions of shape {list(expected)}, one or more",
            str(list(targets.directions.shape)),
            f"make targets of {units.network} {units.layer}",
        )
    return targets


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
        If there is none, the shape does not fit the layer or a vector has no direction.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.controls.units import Controls
    >>> dv.directions(Controls("simple"), [[1.0, 1.0, 0.0, 0.0]]).directions.shape
    torch.Size([1, 4])
    """
    try:
        vectors = torch.atleast_2d(torch.as_tensor(vectors, dtype=torch.float32))
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError("vectors of numbers", str(error), "give a tensor") from None
    if vectors.ndim != 2 or vectors.shape[1] != units.channels:
        raise UserError(
            f"vectors of shape [targets, {units.channels}]",
            str(list(vectors.shape)),
            f"give one number for each channel of {units.network} {units.layer}",
        )
    if not len(vectors):
        raise UserError("at least one vector", "0", "give one")
    norms = vectors.norm(dim=1, keepdim=True)
    if not (norms.isfinite() & (norms > 0)).all():
        raise UserError("finite vectors that are not zero", "one that is", "leave it out")
    names = [f"direction-{i}" for i in range(len(vectors))] if names is None else list(names)
    if len(names) != len(vectors) or len(set(names)) != len(names):
        raise UserError(
            f"{len(vectors)} different names", ", ".join(map(str, names)), "name each once"
        )
    return Targets(tuple(names), vectors / norms, cosine)
