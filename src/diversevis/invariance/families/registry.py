"""All families by name: those of the files beside this one."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

from diversevis.discovery import modules_of
from diversevis.errors import UserError, unknown_name
from diversevis.invariance import families
from diversevis.invariance.families.base import Family, Warps


def _find() -> dict[str, type[Family]]:
    found = {}
    for module in modules_of(families, but=("base", "registry")):
        for _, entry in inspect.getmembers(module, inspect.isclass):
            if issubclass(entry, Family) and entry.__module__ == module.__name__:
                found[entry.name] = entry
    return found


FAMILIES: dict[str, type[Family]] = _find()


def build_families(
    names: Sequence[str | type[Family]], deltas: Sequence[float], size: int
) -> list[Family]:
    """Return the families called `names` for patches of side `size`, once for each displacement.

    A class that is not registered stands for itself.

    Raises
    ------
    UserError
        For an unknown name, no name, a patch that is too small, or a displacement not above zero.
    """
    for what, given in (("families", names), ("displacements", deltas)):
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise UserError(f"a list of {what}", repr(given), "put it into a list")
    names, deltas = list(names), list(deltas)
    if not names or not deltas:
        missing = "displacement" if names else "family"
        known = f"choose from {', '.join(FAMILIES)}, and displacements such as 1,2,3"
        raise UserError(f"at least one {missing}", "none", known)
    for given in (names, deltas):
        # Tables name displacements by six digits.
        shown = [f"{entry:g}" if isinstance(entry, float) else str(entry) for entry in given]
        if repeated := [entry for entry in shown if shown.count(entry) > 1]:
            raise UserError("each family and displacement once", f"{repeated[0]} twice", "drop it")
    return [
        get_family(name)(size, delta)
        for name in names
        for delta in (deltas if issubclass(get_family(name), Warps) else (None,))
    ]


def fitting_families(
    names: Sequence[str], deltas: Sequence[float], size: int
) -> tuple[list[Family], dict[str, str]]:
    """Return the families that fit patches of side `size`, and why others do not, by name."""
    left_out = {}
    for name in names:
        family = get_family(name)
        try:
            family.check_size(size)
        except UserError as error:
            left_out[name] = str(error)
    fitting = [name for name in names if name not in left_out]
    return build_families(fitting, deltas, size) if fitting else [], left_out


def get_family(name: str | type[Family]) -> type[Family]:
    """Return the family called `name`; raise `UserError` with the nearest names otherwise."""
    if isinstance(name, type) and issubclass(name, Family):
        return name
    if not isinstance(name, str) or name not in FAMILIES:
        raise unknown_name("family of transformations", name, FAMILIES)
    return FAMILIES[name]
