"""Families of transformations, one file each: a file put here is known by its family's name."""
