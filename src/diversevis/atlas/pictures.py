"""Patches as PNG files: sheets of equal cells, exact to the grey level."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from diversevis.figures.style import to_picture
from diversevis.results.formats import Array

GREY = 128
"""What a patch of zeros looks like."""


def sheet(patches: Array, columns: int) -> Array:
    """Return patches ``[n, 3, s, s]`` side by side in rows of `columns`: ``[h, w, 3]`` bytes.

    Cells that are left over are grey.
    """
    cells = to_picture(patches)
    count, side = len(cells), cells.shape[1]
    rows = -(-count // columns)
    full = np.full((rows * columns, *cells.shape[1:]), GREY, np.uint8)
    full[:count] = cells
    grid = full.reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    return grid.reshape(rows * side, columns * side, 3)


def png(picture: Array) -> bytes:
    """Return a picture ``[h, w]``, ``[h, w, 2]`` or ``[h, w, 3]`` of bytes as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def fading(mask: Array) -> Array:
    """Return a mask ``[s, s]``, 0 to 1, as a grey veil that has its effect: ``[s, s, 2]`` bytes."""
    veil = np.rint(255 * (1 - np.clip(mask, 0, 1))).astype(np.uint8)
    return np.stack([np.full_like(veil, GREY), veil], -1)
