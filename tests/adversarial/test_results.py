"""Damaged and foreign result files: whoever reads one is told which, and what to do."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from diversevis.results.formats import VERSION

KINDS = {
    "sweep": "SweepResult.load",
    "sets": "ImageSets.load",
    "tests": "LayerTests.load",
    "natural": "NaturalResult.load",
}


def npz(
    kind: object, version: object = VERSION, /, *, arrays: dict | None = None, **about
) -> bytes:
    """Return the bytes of a result file with a few arrays in it."""
    text = json.dumps({"kind": kind, "version": version, "network": "a", "layer": "b", **about})
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(text), **({"channels": np.arange(2)} | (arrays or {})))
    return buffer.getvalue()


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


class Harm:
    """What a pickle can do when it is read."""

    def __reduce__(self) -> tuple[Callable, tuple[str]]:
        return os.mkdir, ("harmed",)


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Harm()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


DAMAGES: dict[str, Callable[[str], bytes | None]] = {
    "missing": lambda kind: None,
    "empty": lambda kind: b"",
    "garbage": lambda kind: os.urandom(2000),
    "text": lambda kind: b"network,layer\nvgg19,conv3_1\n",
    "cut": lambda kind: npz(kind)[:-300],
    "cut in half": lambda kind: npz(kind)[: len(npz(kind)) // 2],
    "changed": lambda kind: npz(kind)[:200] + b"\xff" * 40 + npz(kind)[240:],
    "one array, no archive": lambda kind: npz(kind)[30:],
    "an archive of nothing": lambda kind: zipped(),
    "an archive of text": lambda kind: zipped(about=b"no array"),
    "a pickle": lambda kind: pickled(),
    "a pickle among the arrays": lambda kind: zipped(about=pickled(), channels=pickled()),
    "nothing about it": lambda kind: zipped(channels=pickled()),
    "another kind": lambda kind: npz("other"),
    "no kind": lambda kind: npz(None),
    "an older version": lambda kind: npz(kind, VERSION - 1),
    "a later version": lambda kind: npz(kind, VERSION + 1),
    "a version in words": lambda kind: npz(kind, "two"),
    "arrays missing": lambda kind: npz(kind),
    "arrays of other shapes": lambda kind: npz(kind, arrays={"selected": np.zeros((9, 9))}),
    "unknown arrays": lambda kind: npz(kind, arrays={"bogus": np.zeros(3)}),
    "unknown names": lambda kind: npz(kind, bogus=1),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_arrays(sandbox, kind, damage):
    content = DAMAGES[damage](kind)
    if content is not None:
        (sandbox.folder / "made.npz").write_bytes(content)
    sandbox.refused("made.npz", "python", f"{KINDS[kind]}('made.npz')")


TEXTS = [
    ("read_json", None),
    ("read_json", b""),
    ("read_json", b"{"),
    ("read_json", b"\xff\xfe\x00"),
    ("read_json", b"[" * 200_000),
    ("read_rows", None),
    ("read_rows", b"\xff\xfe\x00"),
    ("read_rows", b"a,b\n1\0,2\n"),
    ("read_rows", b"a,b\n" + b"x" * 200_000),
    ("read_rows", b"a,b\n1\n"),
    ("read_rows", b"a,b\n1,2,3\n"),
]


@pytest.mark.parametrize(("reader", "content"), TEXTS, ids=lambda value: ascii(value)[:30])
def test_damaged_texts(sandbox, reader, content):
    if content is not None:
        (sandbox.folder / "made.txt").write_bytes(content)
    sandbox.refused("made.txt", "python", f"{reader}('made.txt')")


@pytest.mark.parametrize("reader", [*KINDS.values(), "read_json", "read_rows"])
def test_folder_in_place_of_a_file(sandbox, reader):
    (sandbox.folder / "made.npz").mkdir()
    sandbox.refused("made.npz", "python", f"{reader}('made.npz')")


def test_what_is_damaged_was_good(sandbox):
    content = npz("other")
    (sandbox.folder / "made.npz").write_bytes(content)
    answer = sandbox.run("python", "read_arrays('made.npz', 'other')")
    assert answer.code == 0, answer
    assert Path(sandbox.folder / "made.npz").read_bytes() == content
