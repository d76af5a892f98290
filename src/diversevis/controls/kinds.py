"""The kinds of control units, by name. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("simple", "rectified", "complex", "rigid", "deformable")
"""The plain kinds, whose responses are homogeneous in contrast."""

SHOWN = ("simple", "complex", "deformable")
"""Kinds whose sets are synthesised to be shown beside those of a network's units."""


@dataclass(frozen=True)
class Variant:
    """A plain kind with one thing changed that its indices are not to depend on.

    Attributes
    ----------
    plain : str
        The one of `KINDS` that it is made of, and measured against.
    nonlinearity : str or None
        What its responses go through, by its name in `diversevis.controls.nonlinearities`.
    envelope : int or None
        How many envelopes of its filters fit into a patch side ``s``: Gaussians whose standard
        deviation, and whose root mean square radius, is ``s / envelope``. None where they are as
        wide as the mask.
    """

    plain: str
    nonlinearity: str | None = None
    envelope: int | None = None


EXTENDED = {
    f"{plain}-{nonlinearity}": Variant(plain, nonlinearity=nonlinearity)
    for plain in ("simple", "complex", "rigid", "deformable")
    for nonlinearity in ("squared", "soft", "offset")
} | {f"complex-s{envelope}": Variant("complex", envelope=envelope) for envelope in (5, 6, 8)}
"""What each further kind is made of, by name: ``complex-squared``, ``rigid-soft``, ``complex-s6``.

A hard rectification is none of them: it does not increase strictly, and is a kind of its own.
"""
