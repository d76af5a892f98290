"""Invariance of units, measured: families of transformations, gratings, relative stability.

Called, `diversevis.invariance` measures as the command of that name does:
`diversevis.study.invariances.invariance`.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class _Command(ModuleType):
    """The package, which the command shares its name with."""

    @property
    def __signature__(self) -> Any:
        return importlib.import_module("inspect").signature(self._function)

    @property
    def _function(self) -> Any:
        # By name: what measures does not depend on what calls it.
        return importlib.import_module("diversevis.study.invariances").invariance

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """Measure what units are invariant to."""
        return self._function(*arguments, **settings)


sys.modules[__name__].__class__ = _Command
