"""Folders that change as one set: what is ours, what is the user's, and what a kill leaves."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diversevis.errors import UserError
from diversevis.study import folder as folders
from diversevis.study.folder import RECORD, alone_in, renewed
from diversevis.study.freshness import damaged


def make(folder: Path, **contents: str) -> None:
    """Make files with a record, as a command does."""
    with alone_in(folder), renewed(folder, [*contents, RECORD]) as making:
        for name, content in contents.items():
            (making / name).write_text(content)
        record = {"settings": {}, "code": {}, "reads": {}, "files": {}}
        (making / RECORD).write_text(json.dumps(record))


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != RECORD}


def test_a_set_takes_the_place_of_the_one_before_and_of_nothing_else(tmp_path):
    (tmp_path / "sweep.py").write_text("mine")
    (tmp_path / "unit_7.png").write_text("mine, too")
    make(tmp_path, **{"sweep.npz": "1", "unit_1.png": "1"})
    make(tmp_path, **{"sweep.npz": "2", "unit_2.png": "2"})
    mine = {"sweep.py": "mine", "unit_7.png": "mine, too"}
    assert content(tmp_path) == {**mine, "sweep.npz": "2", "unit_2.png": "2"}
    assert damaged(tmp_path / RECORD, [tmp_path / "sweep.npz", tmp_path / "unit_2.png"]) == []


@pytest.mark.parametrize("name", ["sweep.npz", RECORD])
def test_files_of_the_same_name_are_refused_before_anything_is_made(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with (
        pytest.raises(UserError, match=rf"to make {name}"),
        alone_in(tmp_path),
        renewed(tmp_path, ["sweep.npz", RECORD]),
    ):
        pytest.fail("nothing may be made")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}


def test_a_file_that_was_changed_since_is_the_user_s(tmp_path):
    make(tmp_path, a="1", b="1")
    (tmp_path / "a").write_text("1, with notes")
    with pytest.raises(UserError, match="changed since"):
        make(tmp_path, a="2")
    make(tmp_path, c="3")
    assert content(tmp_path) == {"a": "1, with notes", "c": "3"}


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path):
    def late() -> None:
        with alone_in(tmp_path), renewed(tmp_path, []) as making:
            (making / "late").write_text("new")
            (making / RECORD).write_text("{}")
            (tmp_path / "late").write_text("mine")

    with pytest.raises(UserError, match="to make late"):
        late()
    assert content(tmp_path) == {"late": "mine"}


def failing(folder: Path) -> None:
    with alone_in(folder), renewed(folder, ["a"]) as making:
        (making / "a").write_text("2")
        raise ZeroDivisionError


def test_a_command_that_fails_leaves_the_set_before(tmp_path):
    make(tmp_path, a="1", b="1")
    with pytest.raises(ZeroDivisionError):
        failing(tmp_path)
    assert content(tmp_path) == {"a": "1", "b": "1"}


def test_a_command_that_fails_leaves_no_folder_that_it_made(tmp_path):
    with pytest.raises(ZeroDivisionError):
        failing(tmp_path / "a/b/c")
    assert list(tmp_path.iterdir()) == []


def test_names_in_a_record_stay_within_its_folder(tmp_path):
    """A record is a file like any other: it may come from anybody."""
    inside = tmp_path / "inside"
    make(inside, a="1")
    (tmp_path / "outside").write_text("mine")
    record = json.loads((inside / RECORD).read_text())
    record["files"] |= {"../outside": "", str(tmp_path / "outside"): "", "..": "", "": ""}
    (inside / RECORD).write_text(json.dumps(record))
    make(inside, b="2")
    assert content(inside) == {"b": "2"}
    assert (tmp_path / "outside").read_text() == "mine"


@pytest.mark.parametrize("moves", range(5))
def test_a_move_that_was_interrupted_is_gone_on_with(tmp_path, monkeypatch, moves):
    """After any number of its moves: of three files and a record, after the removal of one."""
    make(tmp_path, a="1", b="1", old="1")

    class Killed(BaseException):
        pass

    left, move = [moves], Path.replace

    def replace(self, target):
        if self.parent.name == folders._COMPLETE:
            if not left[0]:
                raise Killed
            left[0] -= 1
        return move(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(Killed) if moves < 4 else contextlib.nullcontext():
            make(tmp_path, a="2", b="2", c="2")
    if moves < 4:
        assert not (tmp_path / RECORD).exists(), "what is mixed has no record"
    make(tmp_path, d="3")
    assert content(tmp_path) == {"d": "3"}


CHILD = """
import sys
from pathlib import Path
from diversevis.study.folder import alone_in, renewed
folder = Path(sys.argv[1])
with alone_in(folder), renewed(folder, []) as making:
    (making / "half").write_text("done")
    print("at it", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    """Another process that is at the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "at it\n"
    yield process
    process.kill()
    process.communicate()


def test_two_processes_are_not_at_one_folder(tmp_path, other):
    with pytest.raises(UserError, match=f"process {other.pid} on "):
        make(tmp_path, a="1")


def test_what_a_killed_process_left_is_in_nobody_s_way(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    make(tmp_path, a="1")
    assert content(tmp_path) == {"a": "1"}
