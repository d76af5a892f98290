"""All networks by name: those of the files in `entries`, and those that a user registers."""

from __future__ import annotations

from diversevis.discovery import modules_of
from diversevis.errors import unknown_name
from diversevis.networks import entries
from diversevis.networks.base import Network

_ENTRIES: list[tuple[Network, str]] = [
    (network, module.__name__) for module in modules_of(entries) for network in module.NETWORKS
]
NETWORKS = {network.name: network for network, _ in sorted(_ENTRIES, key=lambda e: e[0].name)}


def get_network(name: str) -> Network:
    """Return the network of that name; raise `UserError` with the nearest names if unknown."""
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return NETWORKS[name]


def register_network(network: Network) -> Network:
    """Add `network` to those known, in place of one of the same name, and return it."""
    NETWORKS[network.name] = network
    return network


def declared_in(name: str) -> str:
    """Return the module in `entries` that declares a network, "" for one that was registered.

    Raises
    ------
    UserError
        If there is no such network.
    """
    network = get_network(name)
    return next((module for entry, module in _ENTRIES if entry is network), "")
