"""Patches as pictures."""

from __future__ import annotations

import torch
from torch import Tensor


def to_picture(patches: Tensor) -> Tensor:
    """Return patches as pictures: 128 added, clipped to 0..255.

    Parameters
    ----------
    patches
        ``[..., 3, h, w]``, patch units.

    Returns
    -------
    Tensor
        ``[..., h, w, 3]`` uint8.
    """
    return (patches + 128).clamp(0, 255).round().to(torch.uint8).movedim(-3, -1)
