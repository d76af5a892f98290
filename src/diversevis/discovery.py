"""Modules that are known because they lie in a package: to add one, add a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterator
from types import ModuleType


def modules_of(package: ModuleType, *, but: Collection[str] = ()) -> Iterator[ModuleType]:
    """Yield the modules of a package, imported, by rising name; those called `but` are left out."""
    for entry in sorted(pkgutil.iter_modules(package.__path__), key=lambda entry: entry.name):
        if entry.name not in but:
            yield importlib.import_module(f"{package.__name__}.{entry.name}")
