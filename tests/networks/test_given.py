"""Networks that somebody gives: by a library's name, from a file of weights, registered."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

import diversevis as dv
from diversevis.errors import UserError
from diversevis.networks import checkpoints, given, libraries, loading
from diversevis.networks.checkpoints import read_checkpoint
from diversevis.networks.given import ModuleNetwork, depends_on, give_weights, is_given
from diversevis.study.freshness import code_digests
from diversevis.study.named import about, check_name, shape_of


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch, tmp_path):
    """Nothing is registered, and the cache is empty."""
    every = [given.GIVEN, given.FILES, given.KNOWN, given._WEIGHTS, given._DECLARED]
    kept = [dict(each) for each in every]
    for each in every:
        each.clear()
    monkeypatch.setenv("DIVERSEVIS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    loading._say.cache_clear()
    yield
    for each, before in zip(every, kept, strict=True):
        each.clear()
        each.update(before)


def small():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3)).eval()


def test_library_networks_have_random_weights_and_say_so(capsys):
    units = dv.load_trunk("torchvision:squeezenet1_1", "features.0")
    assert (units.network, units.layer) == ("torchvision:squeezenet1_1", "features.0")
    assert (units.size, units.channels) == (3, 64)
    said = capsys.readouterr().err
    assert said.count("random weights, seed 0") == 1
    assert "--weights FILE" in said
    # The same on every machine and whatever was drawn before.
    torch.rand(3)
    again = dv.load_trunk("torchvision:squeezenet1_1", "features.0")
    patches = torch.linspace(-50, 50, 27).reshape(1, 3, 3, 3)
    assert torch.equal(again(patches), units(patches))
    found = about("torchvision:squeezenet1_1")
    assert found.title == "squeezenet1_1, random"


def test_loading_leaves_the_random_stream_alone():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    dv.load_trunk("torchvision:squeezenet1_1", "features.0", progress=False)
    assert torch.equal(torch.rand(2), expected)


def test_library_networks_want_what_the_library_says():
    module = torchvision.models.squeezenet1_1().eval()
    network = given.find_given("torchvision:squeezenet1_1")
    torch.manual_seed(0)
    mine = network.build().eval()
    mine.load_state_dict(module.state_dict())
    units = dv.from_module(mine, "features.0", mean=network.mean, std=network.std)
    pixels = torch.rand(1, 3, 3, 3)
    shown = torchvision.transforms.functional.normalize(
        pixels, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    )
    means = torch.tensor([123.68, 116.779, 103.939])[:, None, None]
    expected = nn.functional.conv2d(shown, *module.features[0].parameters()).flatten(1)
    # float32, through scales of 255
    torch.testing.assert_close(units(255 * pixels - means), expected, rtol=1e-3, atol=1e-4)


def test_networks_of_timm():
    pytest.importorskip("timm")
    units = dv.load_trunk("timm:resnet26", "conv1", weights="random")
    assert (units.size, units.channels) == (7, 64)
    with pytest.raises(UserError, match="did you mean resnet50"):
        check_name("timm:resnet5")


def test_without_timm_its_networks_say_what_to_do(monkeypatch):
    def missing(_name):
        raise ImportError("No module named 'timm'")

    libraries._of_timm.cache_clear()
    monkeypatch.setattr(libraries.importlib, "import_module", missing)
    with pytest.raises(UserError, match="pip install timm"):
        check_name("timm:resnet50")


def test_own_weights_of_a_library_are_taken_where_they_are(monkeypatch, tmp_path):
    module = torchvision.models.squeezenet1_1()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(module.state_dict(), tmp_path / "weights.pth")
    digest = libraries.known_sha256(tmp_path / "weights.pth")
    file = folder / f"squeezenet1_1-{digest[:8]}.pth"
    (tmp_path / "weights.pth").rename(file)
    monkeypatch.setattr(libraries, "_url", lambda _model: f"https://host.invalid/{file.name}")
    name = "torchvision:squeezenet1_1"
    dv.load_trunk(name, "features.0")
    assert (about(name).digest, about(name).title) == (digest, "squeezenet1_1")
    assert code_digests(*depends_on(name))[f"weights of {name}"] == digest[:16]
    assert libraries.fetch_weights(name, progress=False) == file
    give_weights(name, "random")
    assert "random" in about(name).title
    # A file of that name with another content is not taken.
    file.write_bytes(b"other")
    assert libraries.weights_at_hand(name) is None


@pytest.mark.parametrize(
    ("network", "layer", "said"),
    [
        ("torchvision:mobilenetv2", "features.2", "did you mean mobilenet_v2"),
        ("torchvisoin:resnet18", "layer1.0", "did you mean torchvision"),
        ("torchvision:", "layer1.0", "network of torchvision"),
        ("torchvision:../resnet18", "layer1.0", "network of torchvision"),
        ("torchvision:resnet18+he", "layer1.0", "nulls of built-in networks alone"),
        ("torchvision:squeezenet1_1", "feature.0", "did you mean features.0"),
        ("torchvision:squeezenet1_1", "", "name of a layer"),
        ("squeezenet1_1", "features.0", "or torchvision:squeezenet1_1"),
        ("vgg19", "conv5_1", "name torchvision:vgg19 conv5_1, with --weights"),
        ("resnet50+he", "layer4.0", "name torchvision:resnet50 layer4.0, with --weights"),
    ],
)
def test_names_that_are_none(network, layer, said):
    with pytest.raises(UserError, match=re.escape(said)):
        shape_of(network, layer)


# The layout in which adversarially trained networks are published.
def robust(module):
    state = module.state_dict()
    found = {f"module.model.{name}": tensor for name, tensor in state.items()}
    found |= {f"module.attacker.model.{name}": tensor for name, tensor in state.items()}
    found |= {"module.normalizer.new_mean": torch.zeros(3, 1, 1)}
    step = {"state": {0: {"momentum_buffer": torch.zeros(9)}}, "param_groups": []}
    return {"model": found, "optimizer": step, "schedule": None, "epoch": 90}


@pytest.mark.parametrize("kind", ["robust.pt", "plain.pth", "some.safetensors", "wrapped.pth"])
def test_checkpoints_of_usual_layouts(capsys, tmp_path, kind):
    torch.manual_seed(5)
    module = small()
    state, path = module.state_dict(), tmp_path / kind
    match kind:
        case "robust.pt":
            torch.save(robust(module), path)
        case "plain.pth":
            torch.save(state, path)
        case "wrapped.pth":
            torch.save({"state_dict": {f"module.{n}": t for n, t in state.items()}}, path)
        case _:
            safetensors.torch.save_file(state, path)
    dv.register_network(ModuleNetwork(name="mine", build=small))
    units = dv.load_trunk("mine", "2", weights=path)
    expected = dv.from_module(module, "2")
    patches = torch.randn(2, 3, 5, 5)
    assert torch.equal(units(patches), expected(patches))
    said = capsys.readouterr().err
    assert str(path) in said
    assert ("module.model. left out before all names" in said) == (kind == "robust.pt")
    assert ("such tensors: module.attacker.model.0.bias" in said) == (kind == "robust.pt")
    assert about("mine").digest == about("mine").source_sha256 == libraries.known_sha256(path)
    assert about("mine").title == f"mine, {path.stem}"


def test_a_checkpoint_is_read_once(monkeypatch, tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(small().state_dict(), path)
    first = read_checkpoint(path)
    monkeypatch.setattr(checkpoints, "_tensors_in", None)
    path.rename(tmp_path / "elsewhere.pt")
    again = read_checkpoint(tmp_path / "elsewhere.pt")
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())


def test_what_a_layer_does_not_need_may_be_missing(capsys, tmp_path):
    path, state = tmp_path / "weights.pt", small().state_dict()
    torch.save({**state, "2.weight": torch.zeros(9, 4, 3, 3), "2.bias": torch.zeros(9)}, path)
    dv.register_network(ModuleNetwork(name="mine", build=small))
    units = dv.load_trunk("mine", "0", weights=path)
    assert "not used, of other shapes: 2.bias, 2.weight" in capsys.readouterr().err
    assert units.channels == 4
    with pytest.raises(UserError) as caught:
        dv.load_trunk("mine", "2", weights=path)
    assert "mine up to 2" in caught.value.expected
    assert "2.weight [9, 4, 3, 3], not [5, 4, 3, 3]" in caught.value.received


def test_a_checkpoint_of_another_architecture_lists_what_does_not_match(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(nn.Sequential(nn.Linear(3, 3)).state_dict() | {"head.x": torch.ones(2)}, path)
    dv.register_network(ModuleNetwork(name="mine", build=small))
    with pytest.raises(UserError) as caught:
        dv.load_trunk("mine", "2", weights=path)
    assert "0 of 4 of its tensors" in caught.value.received
    assert "0.bias" in caught.value.received
    assert "head.x" in caught.value.received


class RunsCode:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return type(self.mark).touch, (self.mark,)


@pytest.mark.parametrize("content", ["code", "text", "nothing", "numbers", "circle", "cut"])
def test_files_that_are_no_checkpoint(tmp_path, content):
    path, mark = tmp_path / "weights.pt", tmp_path / "ran"
    circle: dict = {}
    circle["again"] = circle
    match content:
        case "code":
            torch.save({"model": small().state_dict(), "hook": RunsCode(mark)}, path)
        case "text":
            path.write_text("import os\n")
        case "nothing":
            path.touch()
        case "numbers":
            torch.save({"epoch": 3, "steps": torch.tensor([1])}, path)
        case "circle":
            torch.save(circle, path)
        case "cut":
            torch.save(small().state_dict(), path)
            path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=re.escape(str(path))):
        read_checkpoint(path)
    assert not mark.exists()


def test_weights_are_for_networks_that_want_some(tmp_path):
    with pytest.raises(UserError, match="name torchvision:resnet50"):
        dv.load_trunk("resnet50", "layer1.0", weights=tmp_path)
    with pytest.raises(UserError, match="no file"):
        dv.load_trunk("torchvision:resnet18", "conv1", weights=tmp_path / "none.pt")


def test_what_is_registered_says_what_is_wrong():
    with pytest.raises(UserError, match="a ModuleNetwork or a Network"):
        dv.register_network(small())
    for name in ("vgg19", "a b", "a:b", "a+b", "", "../a", "controls", "timm"):
        with pytest.raises(UserError):
            dv.register_network(ModuleNetwork(name=name, build=small))
        assert name not in given.GIVEN
    dv.register_network(ModuleNetwork(name="fails", build=lambda: 1 / 0))
    with pytest.raises(UserError, match="to build fails") as caught:
        dv.load_trunk("fails", "0")
    assert caught.value.received == "ZeroDivisionError: division by zero"
    dv.register_network(ModuleNetwork(name="none", build=lambda: None))
    with pytest.raises(UserError, match="from what builds none"):
        dv.load_trunk("none", "0")


def test_a_module_in_training_mode_is_evaluated_and_said():
    def build():
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))

    dv.register_network(ModuleNetwork(name="mine", build=build))
    with pytest.warns(UserWarning, match="mine is in training mode"):
        units = dv.load_trunk("mine", "2")
    patches = torch.randn(1, 3, 3, 3)
    assert torch.equal(units(patches), units(patches))


class Sums(nn.Module):
    """Two units: the sum of the patch, and its negative."""

    size, channels, earlier_layers = 5, 2, ()

    def __init__(self, layer="only", network="sums"):
        super().__init__()
        self.network, self.layer = network, layer
        self.register_buffer("signs", torch.tensor([1.0, -1.0]))

    def respond(self, patches, tap="pixels"):
        return patches.sum((1, 2, 3))[:, None] * self.signs, patches


def test_units_that_are_no_network():
    dv.register_units(dv.GivenUnits(name="sums", load=Sums, layers=("only",), title="Sums"))
    assert is_given("sums")
    assert shape_of("sums", "only").units == 2
    units = dv.load_trunk("sums", "only", dtype=torch.float64)
    responses, _ = units.respond(torch.ones(1, 3, 5, 5).double())
    assert responses.tolist() == [[75.0, -75.0]]
    assert about("sums").title == "Sums"
    with pytest.raises(UserError, match="'onyl'"):
        shape_of("sums", "onyl")
    with pytest.raises(UserError, match="takes a file of weights"):
        give_weights("sums", "random")


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (lambda layer: Sums("other"), "units that call themselves sums only"),
        (lambda layer: Sums(layer, "names"), "units that call themselves sums only"),
        (lambda layer: nn.Identity(), "'network'"),
        (lambda layer: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_units_that_break_the_contract(load, said):
    dv.register_units(dv.GivenUnits(name="sums", load=load, layers=("only",)))
    with pytest.raises(UserError, match=said):
        shape_of("sums", "only")


@pytest.mark.parametrize("layers", ["only", (), (1,)])
def test_units_name_their_layers(layers):
    with pytest.raises(UserError, match="names of layers"):
        dv.register_units(dv.GivenUnits(name="sums", load=Sums, layers=layers))


FROM_ENTRY = ModuleNetwork(name="installed", build=small)


def test_installed_packages_can_have_networks(monkeypatch):
    def entry(name, value):
        return metadata.EntryPoint(name, value, "diversevis.networks")

    here = "diversevis.networks.given"
    monkeypatch.setattr(given, "INSTALLED", FROM_ENTRY, raising=False)
    found = [entry("installed", f"{here}:INSTALLED"), entry("broken", f"{here}:NOTHING")]
    found.append(entry("else", f"{here}:INSTALLED"))
    by_group = {"diversevis.networks": found}
    monkeypatch.setattr(given.metadata, "entry_points", lambda group: by_group.get(group, []))
    given._entry_points.cache_clear()
    try:
        assert dv.load_trunk("installed", "0").channels == 4
        assert depends_on("installed") == [here]
        with pytest.raises(UserError, match=re.escape("broken = ") + ".*NOTHING"):
            dv.load_trunk("broken", "0")
        with pytest.raises(UserError, match="'installed' as its name"):
            dv.load_trunk("else", "0")
    finally:
        given._entry_points.cache_clear()
