"""Networks and units that somebody gives: by a library's name, from a script or from a plugin.

PyTorch is imported when it is used: what only asks for names does without it.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from diversevis.errors import UserError
from diversevis.networks.base import NULL_MARK, Network
from diversevis.networks.registry import NETWORKS
from diversevis.networks.registry import register_network as register_entry

if TYPE_CHECKING:
    from torch import nn

    from diversevis.units.contract import Units

MARK = ":"
"""Between the name of a library and that of one of its networks."""

LIBRARIES = ("torchvision", "timm")
RANDOM = "random"
"""In place of a file of weights: those that the network is built with."""


@dataclass(frozen=True, kw_only=True)
class ModuleNetwork:
    """A network that is a module of somebody's own; its units are those of `from_module`.

    Parameters
    ----------
    name
        What to call it on the command line, in configurations and tables.
    build
        Returns the module, a `torch.nn.Module`. It is called after ``torch.manual_seed(0)``.
    mean, std, white, channel_order
        How it wants its input, as for `from_module`.
    title
        What to call it in figures; its name by default.
    licence, reference
        Of its weights.
    """

    name: str
    build: Callable[[], nn.Module]
    mean: Sequence[float] | float | None = None
    std: Sequence[float] | float | None = None
    white: float = 1.0
    channel_order: str = "RGB"
    title: str = ""
    licence: str = "not stated"
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class GivenUnits:
    """Layers of units that are no network.

    Parameters
    ----------
    name
        What to call them where networks are named.
    load
        Returns a layer by its name: anything that satisfies `diversevis.Units`.
    layers
        Names of the layers.
    title, licence, reference
        As for `ModuleNetwork`.
    """

    name: str
    load: Callable[[str], Units]
    layers: tuple[str, ...]
    title: str = ""
    licence: str = "not stated"
    reference: str = ""


Given: TypeAlias = "ModuleNetwork | GivenUnits"

GIVEN: dict[str, Given] = {}
"""By name, what was registered."""

FILES: dict[str, Path] = {}
"""What results depend on beside modules that can be imported, by what records call it: files of
plugins and of weights."""

_WEIGHTS: dict[str, str] = {}
"""By the name of a network, the file of weights that was asked for, or `RANDOM`."""

KNOWN: dict[tuple[str, ...], Any] = {}
"""What was found out of a network, by its name and what else: forgotten when it is changed."""

_DECLARED: dict[str, str] = {}
"""By the name of a network, the plugin that registered it."""

_AT_WORK: list[str] = []
"""The plugin that is being loaded."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def register_network(network: Network | ModuleNetwork) -> Network | ModuleNetwork:
    """Let a network be called by its name, in place of one of the same name, and return it.

    Parameters
    ----------
    network
        A `ModuleNetwork`; or a `diversevis.networks.base.Network`, one that is like VGG or ResNet
        and says where its weights are fetched.

    Raises
    ------
    UserError
        For something else, a name that is none, or that of a built-in network.

    Examples
    --------
    >>> import diversevis as dv
    >>> from torchvision.models import mobilenet_v2
    >>> dv.register_network(dv.ModuleNetwork(name="mine", build=mobilenet_v2, std=0.25)).name
    'mine'
    """
    if isinstance(network, Network):
        return register_entry(network)
    if not isinstance(network, ModuleNetwork) or not callable(network.build):
        raise UserError(
            "a ModuleNetwork or a Network to register",
            type(network).__name__,
            "diversevis.ModuleNetwork(name=..., build=a function that returns the module)",
        )
    _register(network)
    return network


def register_units(units: GivenUnits) -> GivenUnits:
    """Let layers of units that are no network be called by name, and return them.

    Raises
    ------
    UserError
        For something else, without layers, or for a name that is none or a built-in network's.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.controls.units import Controls
    >>> dv.register_units(dv.GivenUnits(name="cells", load=Controls, layers=("simple",))).name
    'cells'
    """
    if not isinstance(units, GivenUnits) or not callable(units.load):
        raise UserError(
            "GivenUnits to register",
            type(units).__name__,
            "diversevis.GivenUnits(name=..., load=a function of a layer's name, layers=...)",
        )
    named = not isinstance(units.layers, str) and all(isinstance(n, str) for n in units.layers)
    if not named or not units.layers:
        wanted = f"a tuple of the names of layers of {units.name}"
        raise UserError(wanted, repr(units.layers), "give one")
    _register(units)
    return units


def _register(given: Given) -> None:
    if not isinstance(given.name, str) or not _NAME.fullmatch(given.name):
        wanted = "a name of up to 64 letters, digits, dots, - and _"
        raise UserError(wanted, repr(given.name)[:80], "choose another")
    if given.name in (*NETWORKS, *LIBRARIES, "controls"):
        raise UserError("a name of its own for a network", repr(given.name), "choose another")
    GIVEN[given.name] = given
    _forget(given.name)
    _DECLARED.pop(given.name, None)
    if _AT_WORK:
        _DECLARED[given.name] = _AT_WORK[-1]


@contextlib.contextmanager
def registering(plugin: str) -> Iterator[None]:
    """Take note that what is registered in the block comes from a plugin."""
    _AT_WORK.append(plugin)
    try:
        yield
    finally:
        _AT_WORK.pop()


def is_given(name: str) -> bool:
    """Tell whether a name is not one of a built-in network, or of a null of one."""
    base = str(name).partition(NULL_MARK)[0]
    return MARK in base or base in GIVEN or base in _entry_points()


def find_given(name: str) -> Given:
    """Return what is called by a name for which `is_given` holds.

    Raises
    ------
    UserError
        For an unknown library or network of it, a library that is not installed, a null, or an
        entry point that cannot be loaded.
    """
    if NULL_MARK in name:
        raise UserError("nulls of built-in networks alone", repr(name), "choose one of these")
    if name in GIVEN:
        return GIVEN[name]
    if MARK in name:
        from diversevis.networks.libraries import library_network

        return library_network(name)
    entry = _entry_points()[name]
    with registering(entry.module):
        found = loaded(entry, (ModuleNetwork, GivenUnits))
        if found.name != name:
            raise entry_error(entry, f"{found.name!r} as its name")
        _register(found)
    return GIVEN[name]


@functools.cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    groups = ("diversevis.networks", "diversevis.units")
    return {entry.name: entry for group in groups for entry in metadata.entry_points(group=group)}


def loaded(entry: metadata.EntryPoint, kinds: tuple[type, ...]) -> Any:
    """Return what an entry point of an installed package names.

    Raises
    ------
    UserError
        If it cannot be loaded, or is none of some kinds.
    """
    try:
        found = entry.load()
    except Exception as error:
        raise entry_error(entry, f"{type(error).__name__}: {error}") from error
    if not isinstance(found, kinds):
        raise entry_error(entry, f"a {type(found).__name__}")
    return found


def entry_error(entry: metadata.EntryPoint, received: str) -> UserError:
    """Return what to say of an entry point of an installed package that is of no use."""
    wanted = f"what the entry point {entry.name} = {entry.value} ({entry.group}) is to name"
    received = " ".join(received.split())[:300]
    return UserError(wanted, received, "mend or uninstall the package that has it")


def give_weights(name: str, file: str | Path) -> None:
    """Let a network be loaded with the weights of a file from now on.

    Parameters
    ----------
    name
        Of a network by a library's name, or a registered one.
    file
        A checkpoint, or `RANDOM` for the weights that the network is built with, after
        ``torch.manual_seed(0)``.

    Raises
    ------
    UserError
        If there is no such network, or it takes no weights.
    """
    if not is_given(name) or not isinstance(find_given(name), ModuleNetwork):
        base = name.partition(NULL_MARK)[0].partition("-")[0]
        remedy = "name the network as torchvision:NAME or timm:NAME, or register it"
        if base in NETWORKS:
            remedy = f"{base} has weights of its own: name torchvision:{base}, for example"
        raise UserError("a network that takes a file of weights", repr(name), remedy)
    _WEIGHTS[name] = str(file)
    _forget(name)


def _forget(name: str) -> None:
    for key in [key for key in KNOWN if key[0] == name]:
        del KNOWN[key]


def weights_of(given: ModuleNetwork) -> Path | None:
    """Return the file with a network's weights, None if it is used as it is built.

    Raises
    ------
    UserError
        If a file that was asked for is not there.
    """
    asked = _WEIGHTS.get(given.name)
    if asked == RANDOM:
        return None
    if asked is None:
        from diversevis.networks.libraries import weights_at_hand

        return weights_at_hand(given.name) if MARK in given.name else None
    path = Path(asked).expanduser()
    if not path.is_file():
        wanted = f"a file of weights for {given.name}"
        raise UserError(wanted, f"no file {path}", f"name one, or {RANDOM}")
    return path


def is_asked_for(given: Given) -> bool:
    """Tell whether somebody has named the weights of a network."""
    return given.name in _WEIGHTS


def depends_on(name: str) -> list[str]:
    """Return the modules and `FILES` that say what a given network is, beside what loads it."""
    given = find_given(name)
    found = [_DECLARED[name]] if name in _DECLARED else []
    if MARK in name:
        found.append("diversevis.networks.libraries")
    if isinstance(given, ModuleNetwork) and (path := weights_of(given)) is not None:
        label = f"weights of {name}"
        FILES[label] = path
        found.append(label)
    return found
