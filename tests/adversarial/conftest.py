"""Bad inputs: each runs in a process of its own, in a folder that it has to leave as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 5.0
"""Of processor time before a refusal: two on an idle machine, more where other work shares it."""


@dataclass(frozen=True)
class Answer:
    """What came of an input."""

    code: int
    output: str
    messages: str
    seconds: float


class Sandbox:
    """A folder to work in, a home and a cache, all of them empty, and a way to run things there."""

    def __init__(self, root: Path, server: subprocess.Popen) -> None:
        self.root, self.server = root, server
        self.folder, self.home, self.cache = (root / name for name in ("work", "home", "cache"))
        self.folder.mkdir()
        self.home.mkdir()
        self.environment = {
            "HOME": str(self.home),
            "DIVERSEVIS_CACHE": str(self.cache),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
        }

    def run(
        self, kind: str, *arguments: str, environment: Mapping[str, str | None] | None = None
    ) -> Answer:
        """Run an input; variables that are None are not set."""
        changed = {**self.environment, **(environment or {})}
        request = {
            "kind": kind,
            "arguments": arguments,
            "folder": str(self.folder),
            "environment": {name: value for name, value in changed.items() if value is not None},
        }
        assert self.server.stdin
        assert self.server.stdout
        print(json.dumps(request), file=self.server.stdin, flush=True)
        return Answer(**json.loads(self.server.stdout.readline()))

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Return all that lies in the sandbox: mode and content by path."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            found[str(path.relative_to(self.root))] = (path.lstat().st_mode, content)
        return found

    def refused(
        self,
        fragment: str,
        kind: str,
        *arguments: str,
        environment: Mapping | None = None,
        leaves: Collection[str] = (),
    ) -> None:
        """Check that an input is refused as it should be, with `fragment` in the message.

        `leaves` are empty folders that it may leave behind.
        """
        before = self.files()
        answer = self.run(kind, *arguments, environment=environment)
        assert "Traceback" not in answer.messages, answer.messages
        assert answer.code == 2, answer
        for part in ("expected", "got", "remedy"):
            assert re.search(rf"(^|[: ]){part} \S", answer.messages, re.M), answer.messages
        assert fragment in answer.messages
        assert answer.output == ""
        after = self.files()
        new = {name: after.pop(name) for name in set(after) - set(before)}
        assert {name for name in new if new[name][1] or name not in leaves} == set()
        assert after == before, "it changed something"
        assert answer.seconds < MOST_SECONDS, "it was refused too late"


@pytest.fixture(scope="session")
def server():
    """The process whose children are the inputs."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("forker.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    yield process
    assert process.stdin
    process.stdin.close()
    process.wait(timeout=30)


@pytest.fixture
def sandbox(tmp_path: Path, server: subprocess.Popen) -> Sandbox:
    return Sandbox(tmp_path, server)
