"""Networks and their layers, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diversevis.fetching.files import cache_directory
from diversevis.networks.base import NULL_MARK, Network
from diversevis.networks.given import GIVEN, LIBRARIES, MARK, GivenUnits, find_given, is_given
from diversevis.networks.loading import about_given, built_fields
from diversevis.networks.nulls import NULLS
from diversevis.networks.registry import NETWORKS, get_network
from diversevis.networks.store import problem, status
from diversevis.networks.trunk import layers
from diversevis.study.named import check_name, shape_of

_HEAD = f"  {'layer':<12}{'receptive field':>15}{'units':>8}"


def listed(names: Sequence[str] = ()) -> Iterator[str]:
    """Yield lines that list networks and their layers.

    Parameters
    ----------
    names
        Of networks; by default the built-in and the registered ones.

    Raises
    ------
    UserError
        If there is no network of some name.
    """
    for name in names:
        check_name(name)
    for name in names or [*NETWORKS, *GIVEN]:
        yield from _given(name) if is_given(name) else _built_in(get_network(name))
        yield ""
    if names:
        return
    nulls, seeded = (
        ", ".join(f"{NULL_MARK}{name}" for name in NULLS),
        f"vgg19{NULL_MARK}positions.1",
    )
    yield f"nulls of each built-in one: {nulls}, with a seed {seeded}, for example"
    others = " and ".join(f"{library}{MARK}NAME" for library in LIBRARIES)
    yield f"others: {others}; diversevis networks torchvision{MARK}convnext_tiny lists its layers"
    yield f"cache: {cache_directory()}"


def _built_in(network: Network) -> Iterator[str]:
    stored = status(network)
    held = f"cached, from {stored.source}" if stored else problem(network) or "not fetched yet"
    yield f"{network.name}: {network.title}"
    yield f"  {held}"
    yield f"  licence: {network.licence}"
    yield _HEAD
    for step in layers(network):
        yield f"  {step.layer:<12}{step.geometry.size:>12} px{step.units:>8}"


def _given(name: str) -> Iterator[str]:
    given, about = find_given(name), about_given(name)
    yield f"{name}: {about.title}"
    yield f"  {about.source}"
    yield f"  licence: {about.licence}"
    if isinstance(given, GivenUnits):
        yield _HEAD
        for layer in given.layers:
            shape = shape_of(name, layer)
            yield f"  {layer:<12}{shape.size:>12} px{shape.units:>8}"
        return
    fields = built_fields(given)
    width = max(map(len, fields), default=0) + 2
    yield f"  {'layer':<{width}}{'receptive field':>15}"
    for layer, size in fields.items():
        yield f"  {layer:<{width}}{size:>12} px"
