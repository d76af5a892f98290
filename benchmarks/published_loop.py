"""The loop of the paper's published code, for one unit: the reference that the engine is held to.

Written as a user of PyTorch would write it from the paper (Cadena et al. 2018, eq. 1): nothing is
batched over units, and the distances are taken pair by pair.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from diversevis.units.contract import Units
from diversevis.units.patches import patch_norm


@dataclass(frozen=True)
class Loop:
    """What the loop ended with.

    Attributes
    ----------
    images : Tensor
        ``[n, 3, s, s]``, patch units.
    seconds, losses, activations, distances : list of float
        Before each step: time since the start, loss, mean activation, smallest distance.
    """

    images: Tensor
    seconds: list[float]
    losses: list[float]
    activations: list[float]
    distances: list[float]


def gradient_filter(size: int) -> Tensor:
    """Return ``F(k) = 1 / max(1, sqrt(|k|))`` over its mean, ``[size, size]`` float64."""
    k = torch.arange(size, dtype=torch.float64)
    k = torch.minimum(k, size - k)
    transfer = 1 / torch.clamp((k[:, None] ** 2 + k[None, :] ** 2) ** 0.25, min=1)
    return transfer / transfer.mean()


def published_loop(
    units: Units,
    channel: int,
    start: Tensor,
    *,
    diversity: float,
    distance: str,
    steps: int = 2000,
    patience: int = 100,
    learning_rate: float = 1.0,
    decay: float = 0.9,
    filter_last: bool = False,
) -> Loop:
    """Optimise a diverse set of images for one unit.

    Parameters
    ----------
    units
        A trunk; `start` has to be on its device, in its dtype.
    channel
        The unit.
    start
        ``r ~ N(0, 1)``, ``[n, 3, s, s]``.
    diversity
        Lambda.
    distance
        ``"pixels"`` or the layer in which distances are taken.
    steps, learning_rate
        Of Adam.
    patience, decay
        Stop when the exponential average of the loss has not fallen for as many steps.
    filter_last
        Filter the gradient with respect to ``r`` in place of that with respect to the images: the
        engine's default, not what was published.
    """
    norm = patch_norm(units.size)
    transfer = gradient_filter(units.size).to(start)

    def filtered(gradient: Tensor) -> Tensor:
        return torch.fft.ifft2(torch.fft.fft2(gradient) * transfer).real

    def images() -> Tensor:
        return torch.stack([norm * patch / patch.norm() for patch in r])

    r = start.clone().requires_grad_()
    adam = torch.optim.Adam([r], lr=learning_rate)
    trace: list[list[float]] = []
    average, lowest, since = None, float("inf"), 0
    begin = time.perf_counter()
    for _ in range(steps):
        adam.zero_grad()
        x = images()
        if not filter_last:
            x.register_hook(filtered)
        responses, phi = units.respond(x, distance)
        activation = responses[:, channel].mean()
        distances = [
            (phi[i] - phi[j]).square().mean().sqrt() for i in range(len(phi)) for j in range(i)
        ]
        nearest = torch.stack(distances).min()
        loss = -activation - diversity * nearest
        loss.backward()
        if filter_last:
            r.grad = filtered(r.grad)
        adam.step()

        trace.append(torch.stack([loss, activation, nearest]).tolist())
        trace[-1].insert(0, time.perf_counter() - begin)
        value = trace[-1][1]
        average = value if average is None else decay * average + (1 - decay) * value
        since = 0 if average < lowest else since + 1
        lowest = min(lowest, average)
        if since >= patience:
            break
    columns = [list(column) for column in zip(*trace, strict=True)]
    return Loop(images().detach(), *columns)
