"""What is known of a network by its name: built-in, a null, or given by somebody."""

from __future__ import annotations

from dataclasses import dataclass

from diversevis.errors import UserError, unknown_name
from diversevis.networks.base import NULL_MARK
from diversevis.networks.given import (
    GIVEN,
    KNOWN,
    LIBRARIES,
    MARK,
    depends_on,
    find_given,
    is_given,
)
from diversevis.networks.loading import About, about_given, load_given
from diversevis.networks.registry import NETWORKS, get_network
from diversevis.networks.store import ensure
from diversevis.networks.trunk import find_layer, layers, walk


@dataclass(frozen=True)
class Shape:
    """A layer, as far as it can be told before anything is computed.

    Attributes
    ----------
    size
        Side of the receptive field, in pixels.
    units
        How many there are.
    before
        Layers before it that `diversevis.Units.respond` can tell of, input side first.
    """

    size: int
    units: int
    before: tuple[str, ...]


def shape_of(network: str, layer: str) -> Shape:
    """Return the shape of a layer.

    Built-in networks are looked at without weights. Others are loaded, once by a process: what is
    wrong with them is found before anything is fetched or computed.

    Raises
    ------
    UserError
        If there is no such network or layer, with the nearest names; or if it cannot be loaded.
    """
    check_name(network)
    if is_given(network):
        key = (network, layer, *depends_on(network))
        if key not in KNOWN:
            units = load_given(network, layer)
            KNOWN[key] = Shape(units.size, units.channels, tuple(units.earlier_layers))
        found: Shape = KNOWN[key]
        return found
    known = get_network(network)
    try:
        step = find_layer(known, layer)
    except UserError as error:
        raise _not_kept(network, layer) or error from None
    names = [found.layer for found in layers(known)]
    return Shape(step.geometry.size, step.units, tuple(names[: names.index(layer)]))


def _not_kept(network: str, layer: str) -> UserError | None:
    """Return what to say of a layer that a built-in network has, but not its weights."""
    known = get_network(network)
    if layer not in [step.layer for step in walk(known.build()) if step.layer]:
        return None
    architecture = known.name.partition(NULL_MARK)[0].partition("-")[0]
    return UserError(
        f"a layer of {network} up to {known.last_layer}: of built-in networks no more is kept",
        repr(layer),
        f"name torchvision:{architecture} {layer}, with --weights FILE for trained ones",
    )


def check_name(network: str) -> None:
    """Raise `UserError` with the nearest names if there is no network of that name."""
    if is_given(network):
        find_given(network)
        return
    try:
        get_network(network)
    except UserError as error:
        if NULL_MARK in network:
            raise
        from torchvision import models  # slow to import

        also = " or ".join(f"{library}{MARK}NAME" for library in LIBRARIES)
        if network in models.list_models(module=models):
            also = f"torchvision{MARK}{network}"
        found = unknown_name("network", network, [*NETWORKS, *GIVEN])
        raise UserError(found.expected, found.received, f"{found.remedy}; or {also}") from error


def title_of(network: str) -> str:
    """Return what figures call a network."""
    return about_given(network).title if is_given(network) else get_network(network).title


def about(network: str) -> About:
    """Return what records say of a network, whose weights are fetched if need be.

    Raises
    ------
    UserError
        If there is no such network, or its weights cannot be had.
    """
    if is_given(network):
        return about_given(network)
    stored, known = ensure(network), get_network(network)
    return About(
        known.title,
        known.licence,
        known.reference,
        stored.digest,
        stored.source,
        stored.source_sha256,
    )
