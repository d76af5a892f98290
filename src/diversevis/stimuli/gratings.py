"""Sinusoidal gratings under the fixed mask."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from diversevis.errors import UserError
from diversevis.stimuli.masks import window
from diversevis.units.patches import patch_norm

_FAINTEST = 1e-3
"""A wave whose norm is below this part of its mask's has vanished: nothing to rescale."""


def gratings(
    size: int, orientation: Tensor, frequency: Tensor, colour: Tensor, phase: Tensor
) -> Tensor:
    """Return masked gratings ``B g / |g|``, ``g = colour cos(2 pi k . r + phase) m(r)``.

    ``r`` is the offset (x right, y down) from the patch centre in pixels, ``k = frequency
    (cos(orientation), sin(orientation))`` the wave vector, ``m`` the fixed mask and ``B`` the norm
    budget. Differentiable in all parameters but the size.

    Parameters
    ----------
    size
        Side of the patches, in pixels.
    orientation
        ``[n]``, direction of the wave vector in radians.
    frequency
        ``[n]``, cycles per pixel.
    colour
        ``[n, 3]``, direction in RGB; its length has no influence.
    phase
        ``[n]``, radians at the patch centre.

    Returns
    -------
    Tensor
        ``[n, 3, size, size]``, patch units, of norm ``B = patch_norm(size)``. Where the wave
        vanishes (frequency 0, phase pi / 2) the norm is lower, and zero where the colour is zero.

    Raises
    ------
    UserError
        If the parameters are not as many of each.
    """
    shapes = [tuple(value.shape) for value in (orientation, frequency, colour, phase)]
    n = len(phase) if phase.ndim else 0
    if shapes != [(n,), (n,), (n, 3), (n,)]:
        raise UserError(
            "orientation [n], frequency [n], colour [n, 3] and phase [n] of gratings",
            ", ".join(str(list(shape)) for shape in shapes),
            "give one value of each, and one colour, per grating",
        )
    at = torch.arange(size).to(phase) - (size - 1) / 2
    along_x, along_y = (
        2 * math.pi * (frequency * part)[:, None] * at
        for part in (orientation.cos(), orientation.sin())
    )
    mask = window(size, dtype=torch.float64).to(phase)
    wave = mask * torch.cos(along_y[:, :, None] + along_x[:, None, :] + phase[:, None, None])
    norm = wave.flatten(1).norm(dim=1).clamp(min=_FAINTEST * mask.norm())
    wave = wave * (patch_norm(size) / norm)[:, None, None]
    return F.normalize(colour, dim=1)[:, :, None, None].mul(wave[:, None])
