"""The gradient filter against its formula, frequency by frequency."""

from __future__ import annotations

import math

import pytest
import torch

from diversevis.stimuli.filters import smooth, transfer_function


@pytest.mark.parametrize("size", [3, 7, 24])
def test_transfer_function_is_the_published_formula(size):
    transfer = transfer_function(size, dtype=torch.float64)
    folded = [min(k, size - k) for k in range(size)]
    raw = [[1 / max(1.0, math.hypot(a, b) ** 0.5) for b in folded] for a in folded]
    mean = sum(map(sum, raw)) / size**2
    expected = torch.tensor(raw, dtype=torch.float64) / mean
    torch.testing.assert_close(transfer, expected, rtol=1e-12, atol=0)  # algebra


@pytest.mark.parametrize("size", [3, 14, 27])  # odd sizes have no Nyquist frequency
def test_a_grating_is_scaled_by_its_own_frequency(size):
    transfer = transfer_function(size, dtype=torch.float64)
    k, j = 1, size // 2
    y, x = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="ij")
    grating = torch.cos(2 * math.pi * (k * y + j * x) / size + 0.3)
    torch.testing.assert_close(
        smooth(grating[None], transfer)[0], transfer[k, j] * grating, rtol=0, atol=1e-12
    )


def test_equals_the_full_complex_transform():
    gradient = torch.randn(2, 3, 24, 24, dtype=torch.float64)
    transfer = transfer_function(24, dtype=torch.float64)
    full = torch.fft.ifft2(torch.fft.fft2(gradient) * transfer).real
    torch.testing.assert_close(smooth(gradient, transfer), full, rtol=0, atol=1e-12)
