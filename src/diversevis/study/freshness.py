"""What a result depends on and holds, as digests; and why it is no longer fresh, or not whole.

A module's digest is that of its syntax tree without docstrings: formatting and comments do not
count. A job depends on the module of its step and on all modules of the package that these import,
one by one; not on the package as a whole, so that a change in a figure makes no image anew.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diversevis.errors import UserError
from diversevis.fetching.files import known_sha256, read_error

PACKAGE = "diversevis"
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_VERIFIED = f"{PACKAGE}.fetching."
"""How files come here says nothing of what is made of them: each is verified by its digest."""

_IGNORED = ("ctx", "kind", "type_comment", "type_ignores")


def code_digests(*modules: str) -> dict[str, str]:
    """Return the digests of modules and of all that they import inside the package, by name."""
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            ours = name.partition(".")[0] == PACKAGE
            digest, imports = _module(name) if ours else _given(name)
            found[name] = digest
            waiting += imports
    return dict(sorted(found.items()))


def syntax_digest(source: str) -> str:
    """Return the digest of a source: equal for sources that differ in form or in words alone."""
    return hashlib.sha256(repr(_plain(ast.parse(source))).encode()).hexdigest()[:16]


@functools.cache
def _module(name: str) -> tuple[str, list[str]]:
    """Return a module's digest, and the modules of the package that it imports."""
    path = _path(name)
    if path is None:
        raise ModuleNotFoundError(f"no module {name}")
    source = path.read_text(encoding="utf-8")
    return syntax_digest(source), sorted(set(_imports(ast.parse(source))))


def _given(name: str) -> tuple[str, list[str]]:
    """Return the same of a file that a user gives, or of a module of another package."""
    # By name: what has no such files does not depend on how they are found.
    files = importlib.import_module(f"{PACKAGE}.networks.given").FILES
    path = files.get(name)
    if path is None and (spec := importlib.util.find_spec(name)) and spec.origin:
        path = Path(spec.origin)
    if path is None:
        raise ModuleNotFoundError(f"no module {name}")
    try:
        if path.suffix != ".py":
            return known_sha256(path)[:16], []
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise read_error(path, error) from error
    return syntax_digest(source), sorted(set(_imports(ast.parse(source))))


@functools.cache
def _path(name: str) -> Path | None:
    """Return the file of a module of the package without importing it, None if there is none."""
    root = importlib.util.find_spec(PACKAGE)
    if root is None or root.origin is None:
        return None
    at = Path(root.origin).parent.joinpath(*name.split(".")[1:])
    for path in (at.with_suffix(".py"), at / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield the package's modules that a module imports when it runs, anywhere in it."""
    hidden = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if _path(name) else node.module for name in names]
        else:
            continue
        # The package's own __init__ names things, and makes none.
        yield from (n for n in names if n.startswith(f"{PACKAGE}.") and not n.startswith(_VERIFIED))


def _plain(node: Any) -> Any:
    """Return a syntax tree as nested tuples, alike in all versions of Python."""
    if isinstance(node, list):
        return tuple(map(_plain, node))
    if not isinstance(node, ast.AST):
        return node
    content = {name: value for name, value in ast.iter_fields(node) if name not in _IGNORED}
    if isinstance(node, _DOCUMENTED):
        content["body"] = _without_docstring(node.body)
    # Fields that a version adds are empty where the source does not use them.
    named = tuple((n, _plain(v)) for n, v in content.items() if v is not None and v != [])
    return (type(node).__name__, named)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements without texts that stand alone: docstrings of whatever stands above."""
    return [
        statement
        for statement in body
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
    ]


def content_digests(reads: Mapping[str, Path | Sequence[Path]]) -> dict[str, str]:
    """Return a digest of the content of what a job reads, by name."""
    found = {}
    for name, entry in reads.items():
        paths = [entry] if isinstance(entry, Path) else entry
        content = "".join(file_digests(paths).values())
        found[name] = hashlib.sha256(content.encode()).hexdigest()[:16]
    return found


def file_digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files by their names, as a record keeps them of what a job wrote.

    Raises
    ------
    UserError
        If one cannot be read.
    """
    try:
        return {path.name: known_sha256(path) for path in paths}
    except OSError as error:
        raise read_error(Path(error.filename), error) from None


def damaged(record: Path, paths: Iterable[Path]) -> list[str]:
    """Return the names of files that are not, or not what their record says was written."""
    made = read_record(record).get("files", {})
    found = []
    for path in paths:
        try:
            whole = file_digests([path]) == {path.name: made.get(path.name)}
        except UserError:
            whole = False
        found += [] if whole else [path.name]
    return found


def check_whole(sources: Mapping[Path, Path]) -> None:
    """Check files, by their records, before anything is made of them.

    Raises
    ------
    UserError
        Naming the first that is not what its record says was written.
    """
    for path, record in sources.items():
        if damaged(record, [path]):
            raise UserError(
                f"{path} as it was made",
                f"another content than {record} tells",
                "make it anew: make reproduce and diversevis run do",
            )


def check_parts(
    records: Iterable[Path], settings: Mapping[str, Any], code: Mapping[str, str]
) -> None:
    """Check parts, by their records, before they are gathered.

    Raises
    ------
    UserError
        Naming what one of them was made with, and what the whole is to be made with.
    """
    for record in records:
        made = read_record(record)
        for what, asked, found in (
            ("", as_recorded(settings), made.get("settings", {})),
            ("the digest of ", code, made.get("code", {})),
        ):
            for name, value in asked.items():
                if found.get(name) != value:
                    raise UserError(
                        f"parts that are made alike: {what}{name} {_short(value)}",
                        f"{_short(found.get(name))} in {record}",
                        "run the same command again: it makes this part anew",
                    )


def as_recorded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a record holds them."""
    found: dict[str, Any] = json.loads(json.dumps(settings))
    return found


def read_record(record: Path) -> dict[str, Any]:
    """Return a record of what a result was made with; nothing if there is none to be read."""
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(content, dict) and all(isinstance(content.get(n), dict) for n in _KEPT)
    return content if whole else {}


_KEPT = ("settings", "code", "reads", "files")


def reasons(
    record: Path,
    settings: Mapping[str, Any],
    digests: Mapping[str, str],
    reads: Mapping[str, Path | Sequence[Path]],
    writes: Mapping[str, Path],
) -> list[str]:
    """Return why a result is not fresh, in words; nothing if it is.

    Parameters
    ----------
    record
        Its provenance.
    settings, digests, reads
        What it would be made with, by and of now.
    writes
        Its files.
    """
    made = read_record(record)
    if not made:
        return ["nothing tells what it was made with"]
    found = differences(made["settings"], as_recorded(settings))
    for what, old, new in (
        ("code", made["code"], digests),
        ("input", made["reads"], content_digests(reads)),
    ):
        others = changed(old, new)
        found += [f"changed {what}: {', '.join(others)}"] if others else []
    if broken := damaged(record, writes.values()):
        found += [f"not as it was made: {', '.join(broken)}"]
    return found


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the names whose digests differ."""
    return [name for name in {**then, **now} if then.get(name) != now.get(name)]


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return in which settings two results differ, in words."""
    return [
        f"{name} was {_short(then.get(name))}, is {_short(now.get(name))}"
        for name in dict.fromkeys([*then, *now])
        if then.get(name) != now.get(name)
    ]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
