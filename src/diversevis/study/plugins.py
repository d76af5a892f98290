"""What a user brings along for a run: plugins, families, weights of networks."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from diversevis.errors import UserError
from diversevis.fetching.files import known_sha256
from diversevis.networks.given import (
    FILES,
    GIVEN,
    entry_error,
    give_weights,
    loaded,
    registering,
)

if TYPE_CHECKING:
    from diversevis.invariance.families.base import Family

_LOADED: dict[str, str] = {}
"""By the label of a plugin, the SHA-256 of the file that was loaded."""

_FAMILIES: dict[str, type[Family]] = {}
"""Families that were registered, by name."""

_GROUP = "diversevis.families"
_COLOUR = re.compile("#[0-9A-Fa-f]{6}")
_INDEX = re.compile("[a-z][a-z0-9_]{0,31}")
_SIDE, _DELTA = 24, 2.0
"""Of the patches that a family is tried on, and its displacement."""


def bring(plugins: Iterable[str | Path] = (), checkpoints: Mapping[str, str] | None = None) -> None:
    """Load plugins, and families of installed packages, and say which weights networks have.

    Parameters
    ----------
    plugins
        Files.
    checkpoints
        Files of weights by the name of a network; see `give_weights`.

    Raises
    ------
    UserError
        If one cannot be loaded or registers nothing, or if a network takes no weights.
    """
    for plugin in plugins:
        load_plugin(Path(plugin))
    for entry in metadata.entry_points(group=_GROUP):
        if entry.name not in _FAMILIES:
            family = loaded(entry, (type,))
            register_family(family)
            if family.name != entry.name:
                raise entry_error(entry, f"{family.name!r} as its name")
    for network, file in (checkpoints or {}).items():
        give_weights(network, file)


def load_plugin(path: Path) -> str:
    """Run a file that registers networks, units or families, once; return what records call it.

    Parameters
    ----------
    path
        A Python file. It calls `register_network`, `register_units` or `register_family`.

    Raises
    ------
    UserError
        If it is not there, cannot be run or registers nothing, or if another file of the same name
        was loaded.
    """
    path = path.expanduser().absolute()
    label = f"plugin {path.name}"
    if path.suffix != ".py" or not path.is_file():
        raise UserError("a Python file as a plugin", f"{path}", "name one that is there")
    if FILES.get(label, path) != path:
        wanted = "plugins of different file names"
        raise UserError(wanted, f"{path} beside {FILES[label]}", "rename one of them")
    digest = known_sha256(path)
    if _LOADED.get(label) == digest:
        return label
    FILES[label] = path
    spec = importlib.util.spec_from_file_location(label, path)
    if spec is None or spec.loader is None:
        raise UserError("a Python file as a plugin", f"{path}", "name one")
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module
    before = {**GIVEN, **_FAMILIES}
    try:
        with registering(label):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[label]
        raise _failed(path, error) from error
    if before == {**GIVEN, **_FAMILIES}:
        raise UserError(
            f"a network, units or a family registered by the plugin {path}",
            "none",
            "call diversevis.register_network, register_units or register_family in it",
        )
    _LOADED[label] = digest
    return label


def _failed(path: Path, error: BaseException) -> UserError:
    """Return what to say of a plugin that cannot be run, with the line where it ended."""
    if isinstance(error, SyntaxError):
        line = error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == str(path)), None)
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, UserError):
        said = f"{error.received}, not {error.expected}"
    where = f"{path}, line {line}" if line else str(path)
    received = " ".join(said.split())[:300]
    return UserError(f"to run the plugin {where}", received, "correct it, or leave it out")


def register_family(family: type[Family]) -> type[Family]:
    """Let a family of transformations be called by its name, and return it: a decorator, too.

    Parameters
    ----------
    family
        Subclass of `diversevis.Family` or `diversevis.Warps`.

    Raises
    ------
    UserError
        If it is none, has the name or the index of another, or breaks the contract when it is tried
        on small canvases: wrong shapes, or members that are not linear in the canvas.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.invariance.families.shifts import Shifts
    >>> class Further(Shifts):
    ...     name, index, title, colour = "further", "further", "further shifts", "#333333"
    >>> dv.register_family(Further).name
    'further'
    """
    from diversevis.invariance.families.base import Family
    from diversevis.invariance.families.registry import FAMILIES

    if not (isinstance(family, type) and issubclass(family, Family)):
        received = getattr(family, "__name__", repr(family))
        raise UserError("a subclass of diversevis.Family", received, "derive it from one")
    others = {known.index: name for name, known in FAMILIES.items() if name not in _FAMILIES}
    texts = {name: getattr(family, name, None) for name in ("name", "index", "title", "colour")}
    for name, text in texts.items():
        if not isinstance(text, str) or not text:
            raise _broken(family, f"a text as {name}", repr(text))
    if family.name in others.values() or family.index in others:
        taken = f"{family.name} with the index {family.index}, as a built-in one"
        raise _broken(family, "a name and an index of its own", taken)
    if not _INDEX.fullmatch(family.index) or not _COLOUR.fullmatch(family.colour):
        received = f"{family.index!r} and {family.colour!r}"
        raise _broken(family, "an index of small letters and a colour such as #6B6B6B", received)
    _try(family)
    FAMILIES[family.name] = family
    _FAMILIES[family.name] = family
    return family


def _try(family: type[Family]) -> None:
    """Raise `UserError` unless a family does to small canvases what the contract says."""
    import torch

    from diversevis.invariance.families.base import Warps
    from diversevis.seeds import generator

    try:
        tried = family(_SIDE, _DELTA if issubclass(family, Warps) else None)
        members = tried.draw(3, generator(0, "probe", family.name))
        canvases = torch.randn(
            2, 3, tried.side, tried.side, generator=generator(0, "probe"), dtype=torch.float64
        )
        found = tried.act(canvases, members)
        combined = tried.act(canvases[:1] - 2 * canvases[1:], members)
    except Exception as error:  # whatever a user's class raises
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise _broken(family, "members of small canvases", said) from error
    shape = (2, 3, 3, _SIDE, _SIDE)
    if found.shape != shape:
        wanted = f"patches {list(shape)} of 2 canvases and 3 members"
        raise _broken(family, wanted, str(list(found.shape)))
    expected = found[:1] - 2 * found[1:]
    if not (combined - expected).abs().max() <= _LINEAR * expected.abs().max():
        raise _broken(family, "members that are linear in the canvas", "others")


_LINEAR = 1e-6
"""Relative difference: members may be made in float32."""


def _broken(family: type[Family], expected: str, received: str) -> UserError:
    where = f"{family.__name__} in {family.__module__}"
    return UserError(f"the family {where} to have {expected}", received, "see diversevis.Family")
