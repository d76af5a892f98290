"""All networks by name: those of the files in `entries`, and those that a user registers."""

from __future__ import annotations

import importlib

from diversevis.discovery import modules_of
from diversevis.errors import UserError, unknown_name
from diversevis.networks import entries
from diversevis.networks.base import NULL_MARK, Network

_ENTRIES: list[tuple[Network, str]] = [
    (network, module.__name__) for module in modules_of(entries) for network in module.NETWORKS
]
NETWORKS = {network.name: network for network, _ in sorted(_ENTRIES, key=lambda e: e[0].name)}


_NULLS = "diversevis.networks.nulls"
"""By name: what is made of a trained network does not depend on the code of nulls."""


def get_network(name: str) -> Network:
    """Return the network of that name, or the null of one, ``vgg19+positions`` for instance.

    Raises
    ------
    UserError
        With the nearest names if there is none, or no such null.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    if NULL_MARK in name:
        null: Network = importlib.import_module(_NULLS).null_network(name)
        return null
    raise unknown_name("network", name, NETWORKS)


def register_network(network: Network) -> Network:
    """Add `network` to those known, in place of one of the same name, and return it.

    Raises
    ------
    UserError
        If its name would be that of a null.
    """
    if NULL_MARK in network.name:
        wanted = f"a name without {NULL_MARK}, which marks nulls"
        raise UserError(wanted, repr(network.name), "choose another")
    NETWORKS[network.name] = network
    return network


def declared_in(name: str) -> list[str]:
    """Return the modules that say what a network is, beside those that load all networks.

    That is its file in `entries`, none for one that was registered, and for nulls their own module.

    Raises
    ------
    UserError
        If there is no such network.
    """
    network = get_network(name)
    if network.derivation is not None:
        return [*declared_in(network.derivation.base.name), _NULLS]
    return [module for entry, module in _ENTRIES if entry is network]
