"""The kinds of control units, by name. Needs no torch."""

from __future__ import annotations

KINDS = ("simple", "rectified", "complex", "rigid", "deformable")

SHOWN = ("simple", "complex", "deformable")
"""Kinds whose sets are synthesised to be shown beside those of a network's units."""
