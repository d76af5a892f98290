"""Files are whole or absent."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile

import pytest

from diversevis.errors import UserError, nearest, unknown_name
from diversevis.fetching import files
from diversevis.fetching.files import (
    CACHE_VARIABLE,
    atomic_path,
    cache_directory,
    make_directory,
    workspace,
    write_text,
)


def test_atomic_path_replaces_only_on_success(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    write_text(target, "first")

    def interrupted():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "first"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some disk"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "folder you may write"),
    ],
)
def test_failed_writes_say_what_to_do(tmp_path, number, remedy):
    with pytest.raises(UserError, match=remedy), atomic_path(tmp_path / "file"):
        raise OSError(number, "no")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", [atomic_path, workspace])
def test_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, writer):
    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(UserError, match="Read-only file system") as caught, writer(tmp_path / "a"):
        pass
    assert str(tmp_path / "a") in caught.value.expected


WRITER = """
import sys, time
from pathlib import Path
from diversevis.fetching.files import atomic_path, workspace

with atomic_path(sys.argv[1] + "/file.npz") as path, workspace(Path(sys.argv[1])) as folder:
    path.write_text("half")
    (folder / "download").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_leaves_goes_and_what_another_writes_stays(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout.readline() == "writing\n"
        both = {path.name for path in tmp_path.iterdir()}
        assert len(both) == 4
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        assert {path.name for path in tmp_path.iterdir()} == both
        write_text(tmp_path / "another.txt", "")
        left = {path.name for path in tmp_path.iterdir()} - {"another.txt"}
        assert left < both
        assert len(left) == 2
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    write_text(tmp_path / "another.txt", "")
    assert [path.name for path in tmp_path.iterdir()] == ["another.txt"]


def test_hidden_files_of_others_stay(tmp_path):
    for name in (".file-12345678.txt", ".gitkeep", ".diversevis-making"):
        (tmp_path / name).write_text("")
    write_text(tmp_path / "file.txt", "")
    assert len(list(tmp_path.iterdir())) == 4


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    seen = []
    fsync = os.fsync

    def watched(handle):
        fsync(handle)
        seen.append((os.fstat(handle).st_size, (tmp_path / "file").exists()))

    monkeypatch.setattr(files.os, "fsync", watched)
    write_text(tmp_path / "file", "content")
    assert seen == [(7, False)]


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="to be able to write"):
        make_directory(tmp_path / "file" / "below")


def test_cache_can_be_set(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "diversevis"


def test_relative_cache_is_below_the_working_directory(monkeypatch, tmp_path):
    """pip and npm run in other folders."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, "mine")
    assert cache_directory() == tmp_path / "mine"
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "mine")
    assert cache_directory() == tmp_path / "mine" / "diversevis"
    monkeypatch.setenv(CACHE_VARIABLE, "~/mine")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_directory() == tmp_path / "home" / "mine"


@pytest.mark.parametrize("variable", [CACHE_VARIABLE, "XDG_CACHE_HOME"])
def test_cache_of_nobody_is_an_error(monkeypatch, variable):
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    monkeypatch.setenv(variable, "~no-such-user/x")
    with pytest.raises(UserError, match="~no-such-user/x") as caught:
        cache_directory()
    assert variable in caught.value.expected
    assert CACHE_VARIABLE in caught.value.remedy


def test_nearest_names():
    assert nearest("conv31", ["conv1_1", "conv3_1", "pool"])[0] == "conv3_1"
    assert nearest("zzz", ["conv1_1"]) == []
    error = unknown_name("layer", "zzz", ["conv1_1", "conv1_2"])
    assert "conv1_1, conv1_2" in error.remedy
