"""Diverse feature visualizations: see what a unit of a neural network is invariant to."""

__version__ = "0.1.0"
