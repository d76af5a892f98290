"""The kinds of control units, by name. Needs no torch."""

from __future__ import annotations

NETWORK = "controls"
"""Stands where a network's name does."""

KINDS = ("simple", "rectified", "complex", "rigid", "deformable")

SHOWN = ("simple", "complex", "deformable")
"""Kinds whose sets are synthesised to be shown beside those of a network's units."""
