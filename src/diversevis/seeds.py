"""One random stream per purpose: the same on every device, whatever runs beside it."""

from __future__ import annotations

import hashlib

import torch

from diversevis.errors import whole_number


def check_seed(seed: object) -> int:
    """Return a seed as an int; raise `UserError` if it is none that can be written everywhere."""
    return whole_number("a seed", seed, least=0, most=2**63 - 1)


def generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator that depends on `seed` and `names` alone.

    Hashing, unlike adding numbers to a seed, keeps the streams of neighbouring units apart.

    Raises
    ------
    UserError
        If the seed is no whole number from 0 to 2^63 - 1.
    """
    text = "\0".join(map(str, (check_seed(seed), *names)))
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
