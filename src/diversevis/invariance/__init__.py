"""Invariance of units, measured: families of transformations, gratings, relative stability."""
