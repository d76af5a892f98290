"""Files are whole or absent."""

from __future__ import annotations

import errno

import pytest

from diversevis.errors import UserError, nearest, unknown_name
from diversevis.fetching.files import (
    CACHE_VARIABLE,
    atomic_path,
    cache_directory,
    make_directory,
    output_directory,
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
    ("number", "remedy"), [(errno.ENOSPC, "free some disk"), (errno.EROFS, "folder you may write")]
)
def test_failed_writes_say_what_to_do(tmp_path, number, remedy):
    with pytest.raises(UserError, match=remedy), atomic_path(tmp_path / "file"):
        raise OSError(number, "no")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="to be able to write"):
        make_directory(tmp_path / "file" / "below")


def test_output_directory_goes_again_only_if_empty_and_failed(tmp_path):
    def fail(folder, *files):
        with output_directory(folder):
            for name in files:
                (folder / name).write_text("")
            raise KeyboardInterrupt

    for files in ((), ("kept",)):
        with pytest.raises(KeyboardInterrupt):
            fail(tmp_path / "out", *files)
        assert (tmp_path / "out").exists() == bool(files)


def test_cache_can_be_set(monkeypatch, tmp_path):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "diversevis"


def test_nearest_names():
    assert nearest("conv31", ["conv1_1", "conv3_1", "pool"])[0] == "conv3_1"
    assert nearest("zzz", ["conv1_1"]) == []
    error = unknown_name("layer", "zzz", ["conv1_1", "conv1_2"])
    assert "conv1_1, conv1_2" in error.remedy
