"""Typed settings from plain ones: closed, checked, every fault named with its remedy.

A settings class is a frozen dataclass whose fields are made by `knob`. What it says of a field, its
type, limits and help, serves configurations and the command line alike.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import reprlib
import types
import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from diversevis.errors import UserError, nearest

T = TypeVar("T")
_REQUIRED = dataclasses.MISSING


def knob(default: Any = _REQUIRED, help: str = "", **limits: Any) -> Any:  # noqa: A002
    """Return a field of a settings class.

    Parameters
    ----------
    default
        Without one, configurations have to give a value.
    help
        What it is, in a few words, with its unit.
    **limits
        ``minimum``, ``above``, ``maximum`` of numbers and of entries; ``choices``;
        ``pattern`` of texts, with its words; ``least`` entries; ``rising``: entries rise, and
        differ in six digits, as names of files and columns show them; ``once``: no entry comes
        twice.
    """
    metadata = {"help": help, **limits}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def read(cls: type[T], content: Any, where: str = "the configuration") -> T:
    """Return settings of a class from plain values, as YAML and JSON give them.

    Raises
    ------
    UserError
        For a key that the class does not know (with the nearest ones), one that is missing, a value
        of the wrong type, or one beyond its limits.
    """
    if not isinstance(content, Mapping):
        raise UserError(f"keys and values in {where}", _shown(content), "see config/README.md")
    known = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in content:
        if key not in known:
            close = nearest(str(key), known)
            remedy = f"did you mean {' or '.join(close)}?" if close else "take it out"
            keys = ", ".join(known)
            raise UserError(f"in {where} only the keys {keys}", _shown(key), remedy)
    hints = typing.get_type_hints(cls)
    values = {}
    for name, field in known.items():
        at = name if " " in where else f"{where}.{name}"  # a phrase stands for the whole
        if name in content:
            values[name] = _value(hints[name], content[name], at, field.metadata)
        elif field.default is _REQUIRED and field.default_factory is _REQUIRED:
            raise UserError(f"a value for {name!r} in {where}", "none", "add it")
    return cls(**values)


def read_one(cls: type[Any], name: str, value: Any) -> Any:
    """Return the value of one field of a settings class, checked as `read` does."""
    (field,) = (field for field in dataclasses.fields(cls) if field.name == name)
    return _value(typing.get_type_hints(cls)[name], value, name, field.metadata)


def plain(settings: Any) -> Any:
    """Return settings as plain values, ready for YAML and JSON."""
    if dataclasses.is_dataclass(settings):
        return {f.name: plain(getattr(settings, f.name)) for f in dataclasses.fields(settings)}
    if isinstance(settings, Mapping):
        return {key: plain(value) for key, value in settings.items()}
    if isinstance(settings, (tuple, list)):
        return [plain(value) for value in settings]
    return settings


def _value(kind: Any, value: Any, where: str, limits: Mapping[str, Any]) -> Any:
    """Return a value as its type wants it; raise `UserError` where it does not fit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of(arguments, value, where, limits)
    if dataclasses.is_dataclass(kind):
        return read(typing.cast(type, kind), value, where)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise _wrong(where, "names and their values", value)
        _check_count(value, where, limits)
        for key in value:
            if type(key) is not str:
                raise UserError(f"texts as names in {where}", _shown(key), "put it in quotes")
        return {
            key: _value(arguments[1], entry, f"{where}.{_named(key)}", limits)
            for key, entry in value.items()
        }
    if origin is tuple:
        return _entries(arguments, value, where, limits)
    if kind is float and type(value) is int:
        value = _as_float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise _wrong(where, _NAMES[kind], value)
    _check_limits(value, where, limits)
    return value


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _one_of(kinds: tuple[Any, ...], value: Any, where: str, limits: Mapping[str, Any]) -> Any:
    """Return a value that may be of several types, None among them."""
    if value is None and types.NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not types.NoneType]
    for kind in others:
        if type(value) is kind or len(others) == 1:
            return _value(kind, value, where, limits)
    raise _wrong(where, " or ".join(_NAMES[kind] for kind in others), value)


def _entries(
    kinds: tuple[Any, ...], value: Any, where: str, limits: Mapping[str, Any]
) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise _wrong(where, "a list", value)
    many = kinds[-1] is Ellipsis
    if not many and len(value) != len(kinds):
        raise _wrong(where, f"a list of {len(kinds)}", value)
    of_entries = kinds[:1] * len(value) if many else kinds
    single = {name: limits[name] for name in limits if name not in ("least", "rising", "once")}
    entries = tuple(
        _value(kind, entry, where, single) for kind, entry in zip(of_entries, value, strict=True)
    )
    _check_count(entries, where, limits)
    if limits.get("once"):
        _check_once(entries, where)
    if limits.get("rising"):
        _check_once([float(f"{entry:g}") for entry in entries], where)
        if list(entries) != sorted(entries):
            raise UserError(f"entries of {where} that rise", _shown(value), "sort them")
    return entries


def _check_once(entries: Sequence[Any], where: str) -> None:
    if repeated := [entry for entry, count in Counter(entries).items() if count > 1]:
        raise UserError(f"each entry of {where} once", f"{_shown(repeated[0])} twice", "drop it")


def _check_count(value: Any, where: str, limits: Mapping[str, Any]) -> None:
    if len(value) < limits.get("least", 0):
        raise UserError(f"at least {limits['least']} for {where}", str(len(value)), "add one")


def _check_limits(value: Any, where: str, limits: Mapping[str, Any]) -> None:
    for name, words, holds in (
        ("minimum", "at least", operator.ge),
        ("maximum", "at most", operator.le),
        ("above", "a number above", operator.gt),
    ):
        if isinstance(value, (int, float)) and name in limits and not holds(value, limits[name]):
            raise UserError(f"{words} {limits[name]:g} for {where}", _shown(value), "change it")
    choices, pattern = limits.get("choices"), limits.get("pattern")
    if isinstance(value, str) and choices and value not in choices:
        close = nearest(value, choices)
        remedy = f"did you mean {' or '.join(close)}?" if close else "choose one of these"
        raise UserError(f"one of {', '.join(choices)} for {where}", repr(value), remedy)
    if isinstance(value, str) and pattern and not pattern[0].fullmatch(value):
        raise UserError(f"{pattern[1]} for {where}", repr(value), "change it")


def _wrong(where: str, wanted: str, value: Any) -> UserError:
    remedy = "see config/README.md"
    if "number" in wanted and isinstance(value, str) and _is_number(value):
        remedy = "write it without quotes; in YAML as 1.0e-1, not 1e-1"
    return UserError(f"{wanted} for {where}", _shown(value), remedy)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 76
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = 8
_REPR.maxlevel = 3  # a few lines of YAML can name a list of a billion entries


def _shown(value: Any) -> str:
    try:
        return _REPR.repr(value)
    except ValueError:  # Python writes no whole numbers of more than 4300 digits
        return "a number of too many digits"


def _named(key: str) -> str:
    """Return a key as part of a dotted name, in quotes if it is an odd one."""
    return key if key.replace(".", "_").replace("-", "_").isidentifier() else _shown(key)
