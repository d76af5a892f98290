"""The low-pass filter through which gradients reach a patch."""

from __future__ import annotations

import torch
from torch import Tensor


def transfer_function(size: int, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return ``F(k) = 1 / max(1, sqrt(|k|))`` over its mean, ``[size, size]``.

    ``k`` is the frequency in cycles per patch with the usual fold-over of the FFT, and the mean is
    taken over the whole grid, as in the authors' published code.
    """
    k = torch.fft.fftfreq(size, 1 / size, dtype=dtype)
    radius = torch.hypot(k[:, None], k[None, :])
    transfer = radius.sqrt().clamp(min=1).reciprocal()
    return transfer / transfer.mean()


def smooth(gradient: Tensor, transfer: Tensor) -> Tensor:
    """Return `gradient` ``[..., size, size]`` filtered by a real, even `transfer` function."""
    size = gradient.shape[-1]
    half = transfer[:, : size // 2 + 1]  # the rest of a real image's spectrum is redundant
    smoothed: Tensor = torch.fft.irfft2(torch.fft.rfft2(gradient) * half, s=(size, size))
    return smoothed
