import errno
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from diversevis.errors import UserError
from diversevis.fetching.tensors import (
    DamagedFileError,
    Expected,
    problem,
    read_about,
    read_tensors,
    stored_tensors,
    tensor_digest,
    write_tensors,
)

TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, 2], dtype=torch.uint8)}


def test_digest_is_that_of_the_content():
    digest = tensor_digest(TENSORS)
    assert digest == tensor_digest(dict(reversed(TENSORS.items())))
    assert digest == tensor_digest({**TENSORS, "b": TENSORS["b"].t().contiguous().t()})


@pytest.mark.parametrize(
    "changed",
    [
        {"b": TENSORS["b"]},
        {**TENSORS, "c": torch.zeros(0)},
        {"a": TENSORS["a"], "c": TENSORS["b"]},
        {**TENSORS, "b": TENSORS["b"].reshape(3, 2)},
        {**TENSORS, "b": TENSORS["b"].double()},
        {**TENSORS, "b": TENSORS["b"].nextafter(torch.tensor(9.0))},
    ],
    ids=["fewer", "more", "renamed", "other shape", "other type", "other value"],
)
def test_digest_notices(changed):
    assert tensor_digest(changed) != tensor_digest(TENSORS)


def test_digest_stays_what_it_is():
    """Files in caches and digests in the registry rely on it."""
    assert tensor_digest(TENSORS) == (
        "79e7659c0090744544cbf2a134e5fe87a49e9f5bdc4c0759c87d115db0147a77"
    )


def test_written_is_read(tmp_path):
    path = tmp_path / "folder" / "file.safetensors"
    assert read_tensors(path) is None
    write_tensors(path, TENSORS, {"source": "here"})
    tensors, about = read_tensors(path)
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert about == read_about(path)
    assert about["source"] == "here"
    assert about["tensor_digest"] == tensor_digest(TENSORS)
    assert list(path.parent.iterdir()) == [path]


def damage_value(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def empty(path):
    path.write_bytes(b"")


def other_version(path):
    tensors, about = read_tensors(path)
    safetensors.torch.save_file(tensors, path, {**about, "format_version": "0"})


def foreign(path):
    safetensors.torch.save_file(TENSORS, path)


def without_digest(path):
    about = {"format_version": "1"}
    safetensors.torch.save_file(TENSORS, path, about)


DAMAGES = [damage_value, cut, empty, other_version, foreign, without_digest]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_noticed_and_made_again(tmp_path, damage):
    path = tmp_path / "file.safetensors"
    assert problem(path, thorough=True) is None
    write_tensors(path, TENSORS, {})
    assert problem(path, thorough=True) is None
    damage(path)
    with pytest.raises(DamagedFileError, match=r"file\.safetensors"):
        read_tensors(path)
    said = problem(path, thorough=True)
    assert str(path) in said
    assert "is made again when it is used" in said
    with pytest.warns(UserWarning, match="made again"):
        stored_tensors(path, lambda: (TENSORS, {}))
    assert tensor_digest(read_tensors(path)[0]) == tensor_digest(TENSORS)


@pytest.mark.parametrize(
    "expected",
    [Expected(digest="0" * 64), Expected(keys=("licence",))],
    ids=["of other tensors", "without a record"],
)
def test_whole_file_that_is_not_the_expected_one_is_made_again(tmp_path, expected):
    path = tmp_path / "file.safetensors"
    write_tensors(path, {"a": torch.zeros(1)}, {})
    with pytest.raises(DamagedFileError, match=r"0{64}|licence"):
        read_about(path, expected)
    with pytest.warns(UserWarning, match="made again"):
        assert stored_tensors(path, lambda: (TENSORS, {}), expected)[0] == TENSORS


def test_folder_in_its_place_is_named_and_left_alone(tmp_path):
    path = tmp_path / "file.safetensors"
    path.mkdir()
    assert "move it out of the way" in problem(path)
    with pytest.raises(UserError, match=r"read .*file\.safetensors\n.*[Dd]irectory"):
        stored_tensors(path, lambda: (TENSORS, {}))


def test_stored_tensors_are_made_once(tmp_path):
    path = tmp_path / "file.safetensors"
    made = []

    def make():
        made.append(1)
        return TENSORS, {}

    first, second = stored_tensors(path, make), stored_tensors(path, make)
    assert len(made) == 1
    assert tensor_digest(first[0]) == tensor_digest(second[0])
    assert first[1] == second[1]


@pytest.mark.parametrize("before", [None, "this"])
def test_what_was_made_for_something_else_is_made_again(tmp_path, before):
    path = tmp_path / "file.safetensors"
    stored_tensors(path, lambda: ({"old": torch.zeros(1)}, {}), Expected(declared=before))
    with pytest.raises(DamagedFileError, match="another declaration"):
        read_about(path, Expected(declared="that"))
    with pytest.warns(UserWarning, match=r"another declaration.*; it is made again"):
        stored = stored_tensors(path, lambda: (TENSORS, {}), Expected(declared="that"))
    assert stored[0].keys() == TENSORS.keys()
    assert read_about(path, Expected(declared="that")) == read_about(path) == stored[1]


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file.safetensors"
    write_tensors(path, TENSORS, {})
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="free some disk space"):
        write_tensors(path, {"new": torch.zeros(1)}, {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
