import hashlib
from dataclasses import replace
from functools import partial

import pytest
import safetensors.torch
import torch

from diversevis.errors import UserError
from diversevis.fetching.tensors import tensor_digest
from diversevis.networks.base import torchvision_checkpoint, torchvision_state_dict
from diversevis.networks.registry import get_network
from diversevis.networks.store import ensure, load_weights, problem, status
from diversevis.stimuli.photographs import load_photographs
from diversevis.units.patches import CHANNEL_MEANS

EARLY = {
    name: get_network(f"{name}-torchvision").sources[0][1].keywords["keep"]
    for name in ("vgg19", "resnet50")
}


@pytest.fixture(autouse=True)
def no_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def random_weights():
    """Contents of files as torchvision's, with random early weights and one late one."""
    generator = torch.Generator().manual_seed(0)
    contents = {}
    for name, early in EARLY.items():
        state = {
            key: torch.randn(tensor.shape, generator=generator).to(tensor.dtype)
            for key, tensor in get_network(f"{name}-torchvision").build().state_dict().items()
            if key.startswith(early)
        }
        contents[name] = {**state, "classifier.weight": torch.zeros(3)}
    return contents


def serve(site, name, state, tmp_path, *, pinned=True):
    """Put `state` on the site as torchvision would, and return the network that has it there."""
    path = tmp_path / "served.pth"
    torch.save(state, path)
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    filename = f"{name}-{sha256[:8]}.pth"
    site.files[filename] = content
    entry = get_network(f"{name}-torchvision")
    kept = ("name", "title", "architecture", "last_layer", "licence", "reference")
    fields = {field: getattr(entry, field) for field in kept}
    fields["sha256"] = sha256 if pinned else None
    return torchvision_checkpoint(site.url(filename), keep=EARLY[name], **fields)


@pytest.fixture
def network(site, random_weights, tmp_path):
    return serve(site, "vgg19", random_weights["vgg19"], tmp_path)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


quiet = {"progress": False}


# The real networks, in the cache of whoever runs the tests


@pytest.mark.parametrize(
    ("name", "count", "parameters"),
    # conv1_1 to conv4_1; conv1 and the first two stages with their batch norms' running values.
    [("vgg19", 18, 3_505_728), ("resnet50", 120, 1_455_040)],
)
def test_real_weights(name, count, parameters):
    tensors, stored = load_weights(name)
    assert len(tensors) == count
    assert sum(tensor.numel() for tensor in tensors.values()) == parameters
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert stored.digest == tensor_digest(tensors) == get_network(name).digest
    assert problem(name) is None
    assert status(name) == stored == ensure(name)
    module = get_network(name).build()
    absent = module.load_state_dict(tensors, strict=False, assign=True)
    assert absent.unexpected_keys == []


def test_channels_of_real_vgg_have_mean_activation_near_one():
    """What normalised means; it would not hold for conv1_1 with its input channels swapped."""
    tensors, _ = load_weights("vgg19")
    module = get_network("vgg19").build()
    module.load_state_dict(tensors, strict=False, assign=True)
    patches = load_photographs()[::10].float() - torch.tensor(CHANNEL_MEANS)[:, None, None]
    with torch.no_grad():
        error = module.features[:2](patches).mean((0, 2, 3)).log().abs()
        swapped = module.features[:2](patches.flip(1)).mean((0, 2, 3)).log().abs()
    # These photographs are not ImageNet: median 0.17 and maximum 0.64 here, 0.89 if swapped.
    assert error.median() < 0.25
    assert error.max() < 0.75 < swapped.max()


# Random weights in place of torchvision's


@pytest.mark.parametrize("name", ["vgg19", "resnet50"])
def test_torchvision_weights_are_fetched_once_and_early_layers_kept(
    site, random_weights, tmp_path, cache, name
):
    network = serve(site, name, random_weights[name], tmp_path)
    assert status(network, cache=cache) is None
    tensors, stored = load_weights(network, cache=cache, **quiet)
    expected = {
        key: tensor
        for key, tensor in random_weights[name].items()
        if not key.startswith("classifier") and "num_batches" not in key
    }
    assert tensor_digest(tensors) == tensor_digest(expected) == stored.digest
    (served,) = site.files
    assert stored.source == site.url(served)
    assert stored.source_sha256 == hashlib.sha256(site.files[served]).hexdigest()
    assert stored.path == cache / "networks" / f"{name}-torchvision.safetensors"
    assert load_weights(network, cache=cache, **quiet)[1] == stored
    assert status(network, cache=cache) == stored
    assert len(site.requests) == 1


def test_digest_of_which_the_start_is_published_is_that_of_the_first_fetch(
    site, random_weights, tmp_path, cache
):
    network = serve(site, "vgg19", random_weights["vgg19"], tmp_path, pinned=False)
    ((filename, content),) = site.files.items()
    stored = ensure(network, cache=cache, **quiet)
    assert stored.source == f"{site.url(filename)} (SHA-256 recorded at the first fetch)"
    assert stored.source_sha256 == hashlib.sha256(content).hexdigest()
    assert stored.source_sha256 in (cache / "downloads" / "first_fetch.json").read_text()


def test_checkpoint_of_torch_hub_spares_the_download(network, site, tmp_path, cache):
    ((filename, content),) = site.files.items()
    path = tmp_path / "hub" / "checkpoints" / filename
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert ensure(network, cache=cache, **quiet).source == "torch.hub's folder of checkpoints"
    assert site.requests == []


@pytest.mark.parametrize("home", ["relative", "~no-such-user/x"])
def test_folder_of_torch_hub_of_any_name_is_passed_over(
    network, site, cache, tmp_path, monkeypatch, home
):
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_HOME", home)
    assert ensure(network, cache=cache, **quiet).source in map(site.url, site.files)


def test_wrong_checkpoint_of_torch_hub_is_passed_over(network, site, tmp_path, cache):
    ((filename, content),) = site.files.items()
    path = tmp_path / "hub" / "checkpoints" / filename
    path.parent.mkdir(parents=True)
    path.write_bytes(content[:-1])
    assert ensure(network, cache=cache, **quiet).source == site.url(filename)
    assert path.read_bytes() == content[:-1]


def test_file_by_hand_serves_too(network, site, cache):
    ((filename, content),) = site.files.items()
    (cache / "downloads").mkdir(parents=True)
    (cache / "downloads" / filename).write_bytes(content)
    stored = ensure(network, cache=cache, **quiet)
    assert stored.source == f"{filename} found in the cache"
    assert site.requests == []


def test_damaged_file_is_converted_again_without_a_download(network, site, cache):
    stored = ensure(network, cache=cache, **quiet)
    content = bytearray(stored.path.read_bytes())
    content[-1] ^= 1
    stored.path.write_bytes(content)
    with pytest.warns(UserWarning, match="made again"):
        tensors, again = load_weights(network, cache=cache, **quiet)
    assert tensor_digest(tensors) == again.digest == stored.digest
    assert len(site.requests) == 1


def change_record(path, **changes):
    """Write the tensors anew beside another record; None takes something out of it."""
    tensors = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, framework="pt") as file:
        about = {**file.metadata(), **changes}
    safetensors.torch.save_file(tensors, path, {k: v for k, v in about.items() if v is not None})


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "no record": lambda path: safetensors.torch.save_file(safetensors.torch.load_file(path), path),
    "no digest": lambda path: change_record(path, tensor_digest=None),
    "no source": lambda path: change_record(path, source=None),
    "no licence": lambda path: change_record(path, licence=None),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_file_without_what_it_needs_is_named_and_made_again(network, site, cache, damage):
    assert problem(network, cache=cache) is None
    stored = ensure(network, cache=cache, **quiet)
    assert problem(network, cache=cache, thorough=True) is None
    damage(stored.path)
    assert status(network, cache=cache) is None
    assert str(stored.path) in problem(network, cache=cache)
    with pytest.warns(UserWarning, match=r"vgg19-torchvision\.safetensors .*made again"):
        assert load_weights(network, cache=cache, **quiet)[1] == replace(
            stored, source=f"{next(iter(site.files))} found in the cache"
        )
    assert len(site.requests) == 1


def test_damage_inside_is_found_when_all_is_read(network, cache):
    stored = ensure(network, cache=cache, **quiet)
    content = bytearray(stored.path.read_bytes())
    content[-1] ^= 1
    stored.path.write_bytes(content)
    assert problem(network, cache=cache) is None
    assert "not the recorded one" in problem(network, cache=cache, thorough=True)


def test_folder_in_place_of_a_network_is_named(network, cache):
    path = cache / "networks" / "vgg19-torchvision.safetensors"
    path.mkdir(parents=True)
    assert status(network, cache=cache) is None
    assert str(path) in problem(network, cache=cache)
    with pytest.raises(UserError, match="move it out of the way") as caught:
        ensure(network, cache=cache, **quiet)
    assert str(path) in caught.value.expected


def test_other_tensors_under_a_record_that_fits_them_are_not_used(network, cache):
    """Where the digest of the tensors is known, the file's own word for it does not count."""
    known = replace(network, digest=ensure(network, cache=cache, **quiet).digest)
    with pytest.warns(UserWarning, match="made again"):
        stored = ensure(known, cache=cache, **quiet)
    tensors = {n: t + 1 for n, t in safetensors.torch.load_file(stored.path).items()}
    with safetensors.safe_open(stored.path, framework="pt") as file:
        about = {**file.metadata(), "tensor_digest": tensor_digest(tensors)}
    safetensors.torch.save_file(tensors, stored.path, about)
    assert known.digest in problem(known, cache=cache)
    with pytest.warns(UserWarning, match="made again"):
        assert ensure(known, cache=cache, **quiet).digest == known.digest


def test_relative_cache_is_below_the_working_directory(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIVERSEVIS_CACHE", "mine")
    stored = ensure(network, **quiet)
    assert stored.path == tmp_path / "mine" / "networks" / "vgg19-torchvision.safetensors"


def test_damaged_file_and_no_source_is_an_error(network, site, cache):
    stored = ensure(network, cache=cache, **quiet)
    stored.path.write_bytes(b"not what was written")
    assert status(network, cache=cache) is None
    for path in (cache / "downloads").iterdir():
        path.unlink()
    site.files.clear()
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(UserError, match="a source that serves the weights of vgg19-torchvision"),
    ):
        ensure(network, cache=cache, **quiet)


def test_other_format_version_is_not_used(network, cache):
    stored = ensure(network, cache=cache, **quiet)
    tensors = safetensors.torch.load_file(stored.path)
    safetensors.torch.save_file(tensors, stored.path, {"format_version": "0"})
    assert status(network, cache=cache) is None
    with pytest.warns(UserWarning, match="format version 0"):
        assert ensure(network, cache=cache, **quiet).digest == stored.digest


def test_tensors_of_another_digest_are_refused(network, cache):
    other = replace(network, digest="0" * 64)
    with pytest.raises(UserError, match="its tensors have digest"):
        ensure(other, cache=cache, **quiet)
    assert list((cache / "networks").iterdir()) == []
    right = replace(network, digest=ensure(network, cache=cache, **quiet).digest)
    assert status(right, cache=cache) is None
    with pytest.warns(UserWarning, match="another declaration"):
        stored = ensure(right, cache=cache, **quiet)
    assert status(right, cache=cache) == stored
    assert status(other, cache=cache) is None


def test_another_network_of_the_same_name_has_its_own_weights(
    network, site, random_weights, tmp_path, cache
):
    changed = {name: tensor + 1 for name, tensor in random_weights["vgg19"].items()}
    other = serve(site, "vgg19", changed, tmp_path)
    assert other.name == network.name
    first = load_weights(network, cache=cache, **quiet)[0]["features.0.weight"]
    assert status(other, cache=cache) is None
    with pytest.warns(UserWarning, match="another declaration.* made again"):
        second = load_weights(other, cache=cache, **quiet)[0]["features.0.weight"]
    assert torch.equal(second, first + 1)
    assert status(other, cache=cache)
    assert status(network, cache=cache) is None
    assert len(site.requests) == 2


def test_another_converter_of_the_same_file_is_used(network, site, cache):
    ensure(network, cache=cache, **quiet)

    def negated(path, *, keep):
        return {name: -tensor for name, tensor in torchvision_state_dict(path, keep=keep).items()}

    def converted_by(converter):
        sources = tuple((source, converter) for source, _ in network.sources)
        other = replace(network, sources=sources)
        assert status(other, cache=cache) is None
        with pytest.warns(UserWarning, match="made again"):
            return load_weights(other, cache=cache, **quiet)[0]

    fewer = converted_by(partial(torchvision_state_dict, keep=("features.0.",)))
    assert fewer.keys() == {"features.0.bias", "features.0.weight"}
    negative = converted_by(partial(negated, keep=("features.0.",)))
    assert torch.equal(negative["features.0.weight"], -fewer["features.0.weight"])
    assert len(site.requests) == 1


def test_cache_of_an_earlier_version_is_made_again_without_a_download(network, site, cache):
    stored = ensure(network, cache=cache, **quiet)
    tensors = safetensors.torch.load_file(stored.path)
    with safetensors.safe_open(stored.path, framework="pt") as file:
        about = file.metadata()
    del about["declared"]
    safetensors.torch.save_file(tensors, stored.path, about)
    assert status(network, cache=cache) is None
    with pytest.warns(UserWarning, match="made again"):
        assert ensure(network, cache=cache, **quiet).digest == stored.digest
    assert len(site.requests) == 1


def test_tensors_that_do_not_fit_the_architecture_are_refused(network, cache):
    with pytest.raises(UserError, match=r"features.2.weight .* does not fit vgg11"):
        ensure(replace(network, architecture="vgg11"), cache=cache, **quiet)


def test_unknown_network_is_an_error(cache):
    for function in (ensure, load_weights, status):
        with pytest.raises(UserError, match="did you mean vgg19"):
            function("vgg18", cache=cache)


def test_cache_that_is_a_file_is_an_error(network, cache):
    cache.write_text("")
    with pytest.raises(UserError, match="to be able to write"):
        ensure(network, cache=cache, **quiet)
    assert status(network, cache=cache) is None
