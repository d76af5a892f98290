import io
import tarfile
import zipfile

import pytest

from diversevis.errors import UserError
from diversevis.fetching import archives
from diversevis.fetching.archives import read_members, zip_members

MEMBERS = {"a/one": b"1", "a/two": b"22", "../outside": b"333"}


@pytest.fixture(params=["tar.gz", "zip"])
def archive(request, tmp_path):
    path = tmp_path / f"archive.{request.param}"
    if request.param == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, content in MEMBERS.items():
                file.writestr(name, content)
    else:
        with tarfile.open(path, "w:gz") as file:
            for name, content in MEMBERS.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return path


def test_members_are_read_by_exact_name_and_nothing_is_unpacked(archive):
    assert read_members(archive, ["a/two", "a/one"]) == {"a/one": b"1", "a/two": b"22"}
    assert list(archive.parent.rglob("*")) == [archive]


def test_unknown_member_is_an_error_with_the_nearest_name(archive):
    with pytest.raises(UserError, match="did you mean a/one"):
        read_members(archive, ["a/two", "a/ones"])


def test_members_too_large_for_memory_are_refused(archive, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 2)
    assert read_members(archive, ["a/two"]) == {"a/two": b"22"}
    with pytest.raises(UserError, match="at most 2 bytes"):
        read_members(archive, ["a/two", "a/one"])


def test_members_of_a_zip_are_listed_by_pattern(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("p/s2.jpg", "p/s1.jpg", "p/demo.jpg", "p/s3.txt"):
            file.writestr(name, "")
    assert zip_members(path, "p/s*.jpg") == ["p/s1.jpg", "p/s2.jpg"]
