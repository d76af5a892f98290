"""One random stream per purpose: the same on every device, whatever runs beside it."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator that depends on `seed` and `names` alone.

    Hashing, unlike adding numbers to a seed, keeps the streams of neighbouring units apart.
    """
    text = "\0".join(map(str, (seed, *names)))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
