import errno
import hashlib
import json
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from diversevis.errors import UserError
from diversevis.fetching import downloads, web
from diversevis.fetching.archives import read_members
from diversevis.fetching.first_fetch import RECORD
from diversevis.fetching.sources import (
    NpmPackage,
    SourceError,
    TorchHubCheckpoint,
    Url,
    fetch,
)

# Several chunks long, so that a download can stop between two.
CONTENT = random.Random(0).randbytes(1_500_000)


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def url(site, name="weights.bin", content=CONTENT, **changes):
    fields = {"checksum": sha256(content), "size": len(content), "url": site.url(name)}
    return Url(**{"filename": name, **fields, **changes})


def get(sources, folder):
    return fetch(sources, folder, what="a test file", use=lambda fetched: fetched, progress=False)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Web addresses


def test_url_is_downloaded_once_and_then_found_in_the_cache(site, tmp_path):
    site.files["weights.bin"] = CONTENT
    first = get([url(site)], tmp_path)
    assert first.path.read_bytes() == CONTENT
    assert first.origin == site.url("weights.bin")
    second = get([url(site)], tmp_path)
    assert second.origin == "weights.bin found in the cache"
    assert len(site.requests) == 1
    assert names(tmp_path) == ["weights.bin"]


@pytest.mark.parametrize("ranges", [True, False], ids=["server resumes", "server starts anew"])
def test_interrupted_download_goes_on(site, tmp_path, ranges):
    site.files["weights.bin"] = CONTENT
    site.ranges = ranges
    (tmp_path / "weights.bin.part").write_bytes(CONTENT[:1_000_000])
    assert get([url(site)], tmp_path).path.read_bytes() == CONTENT
    assert site.requests == [("weights.bin", "bytes=1000000-")]
    assert names(tmp_path) == ["weights.bin"]


def test_offline_what_lies_there_counts_and_nothing_is_asked_for(site, tmp_path, monkeypatch):
    site.files["weights.bin"] = site.files["other.bin"] = CONTENT
    monkeypatch.setenv("DIVERSEVIS_OFFLINE", "1")
    with pytest.raises(UserError, match=r"(?s)a test file in the cache .*DIVERSEVIS_OFFLINE"):
        get([url(site)], tmp_path)
    (tmp_path / "weights.bin").write_bytes(CONTENT)
    sources = [url(site, "other.bin"), url(site)]
    assert get(sources, tmp_path).origin == "weights.bin found in the cache"
    with pytest.raises(UserError, match="cannot be read"):
        fetch(sources, tmp_path, what="a test file", use=lambda _: 1 // 0, progress=False)
    assert site.requests == []


def test_offline_is_not_set_by_a_zero(site, tmp_path, monkeypatch):
    site.files["weights.bin"] = CONTENT
    monkeypatch.setenv("DIVERSEVIS_OFFLINE", "0")
    assert get([url(site)], tmp_path).path.read_bytes() == CONTENT


def test_connection_that_ends_early_leaves_a_part_to_go_on_with(site, tmp_path):
    site.files["weights.bin"] = CONTENT
    site.cut = 1_000_000
    with pytest.raises(UserError, match="connection ended after 1,000,000 of 1,500,000 bytes"):
        get([url(site)], tmp_path)
    assert names(tmp_path) == ["weights.bin.part"]
    site.cut = None
    assert get([url(site)], tmp_path).path.read_bytes() == CONTENT
    assert site.requests[-1] == ("weights.bin", "bytes=1000000-")


def test_interrupt_leaves_only_a_part_to_go_on_with(site, tmp_path, monkeypatch):
    site.files["weights.bin"] = CONTENT
    append = downloads._append

    def interrupted(file, chunk):
        append(file, chunk)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get([url(site)], tmp_path)
    assert names(tmp_path) == ["weights.bin.part"]
    kept = (tmp_path / "weights.bin.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    assert get([url(site)], tmp_path).path.read_bytes() == CONTENT
    assert site.requests[-1] == ("weights.bin", f"bytes={kept}-")


@pytest.mark.parametrize("size", [700_000, len(CONTENT), 2_000_000])
def test_part_of_another_file_is_replaced(site, tmp_path, size):
    site.files["weights.bin"] = CONTENT
    (tmp_path / "weights.bin.part").write_bytes(bytes(size))
    assert get([url(site)], tmp_path).path.read_bytes() == CONTENT
    assert names(tmp_path) == ["weights.bin"]


def test_complete_part_needs_no_request(site, tmp_path):
    (tmp_path / "weights.bin.part").write_bytes(CONTENT)
    assert get([url(site)], tmp_path).path.read_bytes() == CONTENT
    assert site.requests == []


def test_wrong_file_is_deleted_and_the_next_source_tried(site, tmp_path):
    site.files.update({"wrong": b"wrong" * 1000, "right": CONTENT})
    wrong, right = url(site, "wrong", CONTENT), url(site, "right")
    fetched = get([wrong, right], tmp_path)
    assert fetched.source == right
    assert names(tmp_path) == ["right"]


def test_all_failures_are_told_and_what_to_do_by_hand(site, tmp_path):
    site.files["wrong"] = b"wrong" * 1000
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{closed.getsockname()[1]}/refused"
    tried = [
        url(site, "absent"),
        url(site, "wrong", CONTENT),
        url(site, "refused", url=refused),
        url(site, "unresolved", url="http://host.invalid/unresolved"),
        url(site, "unreadable", needs=("no_such_package",)),
    ]
    with pytest.raises(UserError) as caught:
        get(tried, tmp_path)
    message = str(caught.value)
    for source in tried:
        assert source.url in message
        assert str(tmp_path / source.filename) in message
    assert "HTTP Error 404" in message
    assert f"{hashlib.sha256(b'wrong' * 1000).hexdigest()}, 5,000 bytes (truncated)" in message
    assert "Connection refused" in message
    assert "no_such_package" in message
    assert f"{sha256(CONTENT).replace(':', ' ')}, 1,500,000 bytes" in caught.value.remedy
    assert names(tmp_path) == []


def test_silent_server_is_given_up(site, tmp_path, monkeypatch):
    site.files["weights.bin"] = CONTENT
    site.silence = 1.0
    monkeypatch.setattr(web, "READ_SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(UserError, match="no answer in time"):
        get([url(site)], tmp_path)
    assert time.monotonic() - start < 0.9
    assert names(tmp_path) == ["weights.bin.part"]


def test_slow_server_is_waited_for(site, tmp_path, monkeypatch):
    """The short time-out is for connecting only."""
    site.files["weights.bin"] = CONTENT
    site.silence = 0.5
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.2)
    assert get([url(site)], tmp_path).path.read_bytes() == CONTENT


def test_host_that_does_not_connect_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.2)
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())  # fills the queue: later connections get no answer
        source = Url(
            filename="weights.bin",
            checksum=sha256(CONTENT),
            url=f"http://127.0.0.1:{full.getsockname()[1]}/weights.bin",
        )
        start = time.monotonic()
        with pytest.raises(UserError, match="no answer in time"):
            get([source], tmp_path)
        assert time.monotonic() - start < 5


def test_two_downloads_at_once_do_not_mix(site, tmp_path):
    site.files["weights.bin"] = CONTENT
    site.silence = 0.1
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(get([url(site)], tmp_path)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.path.read_bytes() == CONTENT for result in results] == [True] * 3
    assert len(site.requests) == 1


def test_progress_is_reported_on_stderr_if_wanted(site, tmp_path, capsys):
    site.files["weights.bin"] = CONTENT
    for folder, progress in (("quiet", False), ("told", True)):
        assert capsys.readouterr() == ("", "")
        tried = [url(site, "absent"), url(site)]
        fetch(tried, tmp_path / folder, what="a file", use=str, progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert "no: HTTP Error 404" in err
    assert "1.50M/1.50M" in err


# Files put into the cache by hand


def test_file_by_hand_comes_before_any_download(site, tmp_path):
    (tmp_path / "second").write_bytes(CONTENT)
    fetched = get([url(site, "first"), url(site, "second")], tmp_path)
    assert fetched.path == tmp_path / "second"
    assert site.requests == []


@pytest.mark.parametrize(
    ("content", "said"),
    [(CONTENT[:1000], "1,000 bytes (truncated)"), (bytes(1_500_000), "1,500,000 bytes")],
    ids=["truncated", "other"],
)
def test_wrong_file_by_hand_is_an_error(site, tmp_path, content, said):
    (tmp_path / "weights.bin").write_bytes(content)
    with pytest.raises(UserError) as caught:
        get([url(site)], tmp_path)
    assert sha256(CONTENT).replace(":", " ") in caught.value.expected
    assert caught.value.received.endswith(said)
    assert hashlib.sha256(content).hexdigest() in caught.value.received
    assert "delete it" in caught.value.remedy
    assert (tmp_path / "weights.bin").read_bytes() == content
    assert site.requests == []


def test_checksums_can_be_md5_or_the_start_of_a_sha256(site, tmp_path):
    site.files["weights.bin"] = CONTENT
    md5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    assert get([url(site, checksum=md5)], tmp_path / "a").path.read_bytes() == CONTENT
    start = sha256(CONTENT)[: len("sha256:") + 8]
    assert get([url(site, checksum=start)], tmp_path / "b").path.read_bytes() == CONTENT
    other = "sha256:" + ("0" * 8 if "0" * 8 not in start else "1" * 8)
    with pytest.raises(UserError, match="served a file with sha256"):
        get([url(site, checksum=other)], tmp_path / "c")


@pytest.mark.parametrize("checksum", ["", "sha256:", "sha256:abc", "crc:12345678", "12345678"])
def test_checksum_that_decides_nothing_is_refused(checksum):
    with pytest.raises(UserError, match="checksum"):
        Url(filename="a", checksum=checksum, url="http://127.0.0.1/a")


def test_use_can_pass_on_to_the_next_source(site, tmp_path):
    site.files.update(first=CONTENT, second=CONTENT)

    def use(fetched):
        if fetched.path.name == "first":
            raise SourceError("it is the wrong colour")
        return fetched.path.name

    tried = [url(site, "first"), url(site, "second")]
    assert fetch(tried, tmp_path, what="a file", use=use, progress=False) == "second"
    with pytest.raises(UserError, match="it is the wrong colour"):
        fetch(tried[:1], tmp_path, what="a file", use=use, progress=False)


@pytest.mark.parametrize(
    "use",
    [
        lambda fetched: read_members(fetched.path, ["weights.pth"]),
        lambda fetched: torch.load(fetched.path, weights_only=True),
        lambda fetched: {}[fetched.path.name],
    ],
    ids=["no archive", "no checkpoint", "lacks something"],
)
def test_right_file_that_cannot_be_read_passes_on_to_the_next_source(site, tmp_path, use):
    site.files.update(first=CONTENT, second=CONTENT)
    tried = [url(site, "first"), url(site, "second")]

    def use_first(fetched):
        return use(fetched) if fetched.path.name == "first" else fetched.path.name

    assert fetch(tried, tmp_path, what="a file", use=use_first, progress=False) == "second"
    with pytest.raises(UserError, match=r"first cannot be read \(\w+Error: "):
        fetch(tried[:1], tmp_path, what="a file", use=use, progress=False)


def test_relative_folder_is_below_the_working_directory(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    site.files["weights.bin"] = CONTENT
    assert get([url(site)], Path("here")).path == tmp_path / "here" / "weights.bin"


# Files of which upstream publishes no whole digest

SHORT = [sha256(CONTENT)[: len("sha256:") + 8], f"md5:{hashlib.md5(CONTENT).hexdigest()}"]


@pytest.mark.parametrize("checksum", SHORT)
def test_digest_of_the_first_fetch_decides_from_then_on(site, tmp_path, checksum):
    source = url(site, checksum=checksum)
    site.files["weights.bin"] = CONTENT
    first = get([source], tmp_path)
    assert first.origin == f"{source.label} (SHA-256 recorded at the first fetch)"
    assert sha256(CONTENT).removeprefix("sha256:") in (tmp_path / RECORD).read_text()
    assert get([source], tmp_path).path == first.path

    # As if the first had been another file with the same short checksum.
    (tmp_path / RECORD).write_text(json.dumps({checksum: "0" * 64}))
    with pytest.raises(UserError, match="the first fetch decides") as caught:
        get([source], tmp_path)
    assert str(tmp_path / RECORD) in caught.value.expected
    first.path.unlink()
    with pytest.raises(UserError, match=r"served a file with sha256 .*; the first fetch decides"):
        get([source], tmp_path)
    assert names(tmp_path) == [RECORD]


def test_file_that_cannot_be_read_is_not_recorded(site, tmp_path):
    site.files["weights.bin"] = CONTENT
    with pytest.raises(UserError, match="cannot be read"):
        fetch([url(site, checksum=SHORT[0])], tmp_path, what="", use=torch.load, progress=False)
    assert names(tmp_path) == ["weights.bin"]


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', b"\xff"])
def test_damaged_record_is_named(site, tmp_path, content):
    site.files["weights.bin"] = CONTENT
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / RECORD).write_bytes(content)
    with pytest.raises(UserError, match="the next fetch counts as the first") as caught:
        get([url(site, checksum=SHORT[0])], tmp_path)
    assert str(tmp_path / RECORD) in caught.value.expected


# Disks


def test_cache_that_is_a_file_is_an_error(site, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match="to be able to write"):
        get([url(site)], tmp_path / "cache" / "downloads")
    with pytest.raises(UserError, match="to be able to write"):
        get([url(site)], tmp_path / "cache")


WRITERS = """
import sys
from pathlib import Path

from diversevis.errors import UserError
from diversevis.fetching.files import write_text
from diversevis.fetching.sources import Url, fetch

folder = Path(sys.argv[1])
sources = [Url(filename=n, checksum="md5:" + "0" * 32, url=sys.argv[2]) for n in ("a.bin", "b.bin")]
for write in (
    lambda: fetch(sources, folder / "downloads", what="it", use=str, progress=False),
    lambda: write_text(folder / "results.csv", "x" * 2_000_000),
):
    try:
        write()
    except UserError as error:
        print(error.expected, error.received, error.remedy, sep="|")
print(sorted(path.name for path in folder.rglob("*")))
"""
MOUNT = 'mount -t tmpfs -o size=1m none "$1" && mkdir "$1/downloads" && '
NEEDS_UNSHARE = pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0
    if shutil.which("unshare")
    else True,
    reason="needs to mount a disk of its own",
)


@NEEDS_UNSHARE
@pytest.mark.parametrize(
    ("mount", "number", "remedy", "left"),
    [
        (MOUNT, errno.ENOSPC, "free some disk space", ["a.bin.part", "downloads"]),
        (f'{MOUNT} mount -o remount,ro "$1" && ', errno.EROFS, "folder you may", ["downloads"]),
    ],
    ids=["full", "read-only"],
)
def test_disk_is_named_and_the_sources_are_not_blamed(site, tmp_path, mount, number, remedy, left):
    """On a real disk of one megabyte."""
    site.files["weights.bin"] = CONTENT
    script = f'{mount} exec "$2" -c "$3" "$1" "$4"'
    arguments = [str(tmp_path), sys.executable, WRITERS, site.url("weights.bin")]
    told = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    download, results, files = (line.split("|") for line in told)
    assert download[0] == f"to be able to write {tmp_path / 'downloads' / 'a.bin.part'}"
    assert results[0] == f"to be able to write {tmp_path / 'results.csv'}"
    for error in (download, results):
        assert error[1] == os.strerror(number)
        assert remedy in error[2]
    assert files == [str(left)]


def test_endless_file_does_not_fill_the_disk(site, tmp_path):
    site.files["weights.bin"] = CONTENT
    with pytest.raises(UserError, match="served more than 1,000 bytes"):
        get([url(site, size=1000)], tmp_path)
    assert names(tmp_path) == []


# npm


def package(content=CONTENT):
    return NpmPackage(filename="tiny-1.0.0.tgz", checksum=sha256(content), package="tiny@1.0.0")


def fake_npm(folder, monkeypatch, script):
    program = folder / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho $* >> {folder}/calls\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def test_npm_packs_without_scripts(tmp_path, monkeypatch):
    (tmp_path / "content").write_bytes(CONTENT)
    fake_npm(
        tmp_path,
        monkeypatch,
        'while [ $# -gt 0 ]; do [ "$1" = --pack-destination ] && '
        f'cp {tmp_path}/content "$2/renamed.tgz"; shift; done; exit 0',
    )
    fetched = get([package()], tmp_path / "downloads")
    assert fetched.path.name == "tiny-1.0.0.tgz"
    assert fetched.origin == "npm package tiny@1.0.0"
    view, pack = (tmp_path / "calls").read_text().splitlines()
    assert view.startswith("view tiny@1.0.0")
    assert pack.startswith("pack tiny@1.0.0 --ignore-scripts --pack-destination")
    with pytest.raises(UserError, match="served a file with sha256"):
        get([package(b"other")], tmp_path / "elsewhere")
    assert names(tmp_path / "elsewhere") == []


def test_what_npm_says_is_the_reason(tmp_path, monkeypatch):
    said = (
        "npm error code ENOTFOUND\\n"
        "npm error network request to x failed, reason: getaddrinfo ENOTFOUND x\\n"
        "npm error network If you are behind a proxy, read the manual"
    )
    fake_npm(tmp_path, monkeypatch, f"printf '{said}' >&2; exit 1")
    with pytest.raises(UserError, match=r"npm package tiny@1\.0\.0: getaddrinfo ENOTFOUND x"):
        get([package()], tmp_path / "downloads")


@pytest.mark.parametrize(
    ("code", "remedy"), [("ENOSPC", "free some disk space"), ("EROFS", "folder you may write")]
)
def test_disk_that_stops_npm_is_not_the_fault_of_the_source(tmp_path, monkeypatch, code, remedy):
    said = f"npm error code {code}\\nnpm error nospc {code}: could not write"
    fake_npm(tmp_path, monkeypatch, f"printf '{said}' >&2; exit 228")
    with pytest.raises(UserError, match=remedy) as caught:
        get([package()], tmp_path / "downloads")
    assert str(tmp_path / "downloads") in caught.value.expected


def test_missing_npm_is_a_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="npm is not installed"):
        get([package()], tmp_path / "downloads")


# torch.hub


def test_checkpoint_of_torch_hub_is_used_where_it_lies_if_it_is_right(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    source = TorchHubCheckpoint(filename="weights.pth", checksum=sha256(CONTENT))
    with pytest.raises(UserError, match="does not exist"):
        get([source], tmp_path / "downloads")
    path = tmp_path / "hub" / "checkpoints" / "weights.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert get([source], tmp_path / "downloads").path == path
    path.write_bytes(CONTENT[1:])
    with pytest.raises(UserError, match=r"weights.pth has sha256"):
        get([source], tmp_path / "downloads")
