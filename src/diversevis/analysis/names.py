"""What the names of networks say. Needs neither torch nor pandas."""

from __future__ import annotations

MARK = "+"
"""Between a network's name and its null's."""


def parts_of(network: str) -> tuple[str, str, int]:
    """Return the network that a network is a null of, the null's name and its seed.

    For a trained network the null's name is empty, the seed 0.
    """
    base, _, rest = network.partition(MARK)
    null, _, seed = rest.partition(".")
    return base, null, int(seed or 0)
