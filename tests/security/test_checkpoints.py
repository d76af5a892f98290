"""What a malicious file of weights can do: its code is not run, and it stays in its place."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch

from diversevis.errors import UserError
from diversevis.fetching import archives
from diversevis.fetching.archives import read_members
from diversevis.fetching.sources import Url, fetch
from diversevis.fetching.tensors import DamagedFileError, problem, read_tensors, tensor_digest
from diversevis.networks.base import Network, torchvision_state_dict
from diversevis.networks.entries.resnet50 import from_keras
from diversevis.networks.entries.vgg19 import from_archive, from_checkpoint
from diversevis.networks.registry import NETWORKS, get_network
from diversevis.networks.store import _declaration, load_weights
from diversevis.stimuli import photographs


class RunsCode:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def local(path, **changes):
    """Return a source whose file lies in the folder of downloads already."""
    fields = {"checksum": f"sha256:{digest(path)}", "url": "http://host.invalid/"}
    return Url(filename=path.name, **{**fields, **changes})


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname, content = tarfile.SYMTYPE, content, b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


CONVERTERS = {
    "torchvision": partial(torchvision_state_dict, keep=("features.",)),
    "vgg19": from_checkpoint,
    "vgg19 in an archive": partial(from_archive, member="weights.pth"),
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip file", "older format"])
@pytest.mark.parametrize("name", CONVERTERS)
def test_code_in_a_checkpoint_is_not_run_and_the_next_source_serves(tmp_path, name, zipped):
    """Even where its checksum is the declared one."""
    mark = tmp_path / "ran"
    downloads = tmp_path / "cache" / "downloads"
    downloads.mkdir(parents=True)
    bad, good = downloads / "bad.pth", downloads / "good.pth"
    state = {"2.weight": RunsCode(mark), "features.0.weight": RunsCode(mark)}
    torch.save(state, bad, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights.only"):
        torch.load(bad, weights_only=True)
    assert not mark.exists()
    torch.load(bad, weights_only=False)
    assert mark.exists(), "the test would not notice if it were run"
    mark.unlink()
    if "archive" in name:
        content = bad.read_bytes()
        make_tar(bad, {"weights.pth": content})
    torch.save({"features.0.weight": torch.ones(64, 3, 3, 3)}, good)
    network = Network(
        name="malicious",
        title="malicious",
        architecture="vgg19",
        sources=(
            (local(bad), CONVERTERS[name]),
            (local(good), CONVERTERS["torchvision"]),
        ),
        last_layer="conv1_1",
        licence="",
        reference="",
    )
    tensors, stored = load_weights(network, cache=tmp_path / "cache", progress=False)
    assert stored.source == "good.pth found in the cache"
    assert tensors["features.0.weight"].unique().tolist() == [1.0]
    assert not mark.exists()


def test_other_weights_than_the_declared_are_refused(tmp_path):
    """A file may pass, and hold other numbers: then the digest of the tensors decides."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    torch.save({"features.0.weight": torch.ones(64, 3, 3, 3)}, downloads / "other.pth")
    entry = get_network("vgg19")
    sources = ((local(downloads / "other.pth"), CONVERTERS["torchvision"]),)
    with pytest.raises(UserError, match=f"not {entry.digest}"):
        load_weights(replace(entry, sources=sources), cache=tmp_path, progress=False)


def test_everything_that_is_fetched_has_a_whole_digest():
    """Of the file; or, for one of which upstream publishes its MD5 alone, of its tensors."""
    sources = [(s, n.digest) for n in NETWORKS.values() for s, _ in n.sources]
    sources += [(source, photographs.DIGEST) for source in photographs.SOURCES]
    without = [source.filename for source, _ in sources if not source.is_pinned]
    assert without == ["resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"]
    assert all(source.is_pinned or len(digest) == 64 for source, digest in sources)
    known = {name for name, network in NETWORKS.items() if network.digest}
    assert known == {"vgg19", "resnet50"}


def test_nothing_reads_a_file_before_it_is_verified(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not what was promised")
    read = []
    for checksum in ("sha256:" + "0" * 64, "md5:" + "0" * 32):
        with pytest.raises(UserError, match="delete it"):
            fetch([local(path, checksum=checksum)], tmp_path, what="", use=read.append)
    assert read == []
    fetch([local(path)], tmp_path, what="", use=read.append, progress=False)
    assert len(read) == 1


# Archives


def test_archive_writes_nothing_wherever_its_members_point(tmp_path):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_text("secret")
    names = ("../outside", "/tmp/diversevis-outside", "../../outside", "good")
    make_tar(inside / "a.tar.gz", {**dict.fromkeys(names, b"content"), "link": str(secret)})
    with zipfile.ZipFile(inside / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    before = sorted(tmp_path.rglob("*"))
    for archive in ("a.tar.gz", "a.zip"):
        assert set(read_members(inside / archive, names).values()) == {b"content"}
    # A link leads to a member of the archive or to nothing: not to a file beside it.
    with pytest.raises(KeyError):
        read_members(inside / "a.tar.gz", ["link"])
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/diversevis-outside").exists()


def test_member_that_swells_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 1 << 20)
    swollen = bytes(20 << 20)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights", swollen)
    make_tar(tmp_path / "a.tar.gz", {"weights": swollen})
    for name in ("a.zip", "a.tar.gz"):
        path = tmp_path / name
        assert path.stat().st_size < 1 << 16
        with pytest.raises(UserError, match="at most 1,048,576 bytes"):
            read_members(path, ["weights"])
    # One that says less than it holds is cut there, and then has another check sum.
    content = bytearray((tmp_path / "a.zip").read_bytes())
    size = struct.pack("<I", len(swollen))
    assert content.count(size) == 2
    (tmp_path / "lies.zip").write_bytes(content.replace(size, struct.pack("<I", 1000)))
    with pytest.raises(zipfile.BadZipFile):
        read_members(tmp_path / "lies.zip", ["weights"])


# HDF5


@pytest.mark.parametrize("way", ["link", "storage", "virtual"])
def test_weights_in_another_file_are_refused(tmp_path, way):
    """HDF5 can name any file that whoever runs it can read."""
    other = tmp_path / "other"
    with h5py.File(other, "w") as file:
        file["kernel"] = np.zeros((7, 7, 3, 64), np.float32)
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.create_group("bn_conv1")
        group = file.create_group("conv1/conv1")
        if way == "link":
            group["kernel:0"] = h5py.ExternalLink(str(other), "kernel")
        elif way == "storage":
            where = [(str(other), 0, 7 * 7 * 3 * 64 * 4)]
            group.create_dataset("kernel:0", (7, 7, 3, 64), np.float32, external=where)
        else:
            layout = h5py.VirtualLayout((7, 7, 3, 64), np.float32)
            layout[:] = h5py.VirtualSource(other, "kernel", (7, 7, 3, 64))
            group.create_virtual_dataset("kernel:0", layout)
    with pytest.raises(ValueError, match="conv1 lies in another file"):
        from_keras(tmp_path / "weights.h5")


# The cache


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 8) + b"not JSON",
        struct.pack("<Q", 2) + b"{}",
        pickle.dumps({"a": 1}),
    ],
    ids=["endless header", "other header", "no record", "pickle"],
)
def test_cache_file_of_any_content_is_refused(tmp_path, content):
    path = tmp_path / "network.safetensors"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError):
        read_tensors(path)
    assert str(path) in problem(path)


def test_who_can_write_to_the_cache_can_replace_weights_without_a_declared_digest(tmp_path):
    """And no others: this is what the page says of the pair of torchvision."""
    for name, replaceable in (("vgg19-torchvision", True), ("vgg19", False)):
        network = replace(get_network(name), sources=())
        tensors = {"features.0.weight": torch.zeros(64, 3, 3, 3)}
        path = tmp_path / "networks" / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        keys = ("network", "source", "source_sha256", "licence")
        record = {"format_version": "1", "tensor_digest": tensor_digest(tensors)}
        record |= {"declared": _declaration(network), **dict.fromkeys(keys, "forged")}
        safetensors.torch.save_file(tensors, path, record)
        if replaceable:
            assert load_weights(network, cache=tmp_path)[1].source == "forged"
        else:
            with pytest.warns(UserWarning, match="made again"), pytest.raises(UserError):
                load_weights(network, cache=tmp_path, progress=False)
