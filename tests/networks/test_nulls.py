"""Null networks: what each keeps and takes away, by names that are networks' names."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from diversevis.errors import UserError
from diversevis.fetching.tensors import tensor_digest
from diversevis.networks import calibration, registry
from diversevis.networks.nulls import NULLS, derived
from diversevis.networks.registry import declared_in, get_network, register_network
from diversevis.networks.store import ensure, load_weights, problem, status
from diversevis.networks.trunk import layers, load_trunk, walk
from diversevis.seeds import generator
from diversevis.stimuli.natural import random_crops
from diversevis.stimuli.photographs import load_photographs
from diversevis.study.check import check
from diversevis.study.freshness import code_digests
from diversevis.study.job import make_job, stale
from diversevis.study.settings import read_settings
from diversevis.study.stage import Run, jobs, records_of
from diversevis.study.stages import COMPUTING, network_code

PERMUTATIONS = ("units", "positions", "channels")


@pytest.fixture(scope="module")
def weights():
    """Tensors as of a network with biases and a batch norm; all numbers differ."""
    stream = torch.Generator().manual_seed(0)
    shapes = {
        "conv1.weight": (32, 16, 3, 3),
        "conv1.bias": (32,),
        "conv2.weight": (64, 32, 1, 1),
        "bn.weight": (64,),
        "bn.bias": (64,),
        "bn.running_mean": (64,),
        "bn.running_var": (64,),
    }
    return {name: torch.randn(shape, generator=stream) for name, shape in shapes.items()}


def rows(tensor):
    """Return vectors in the order of their first number, whatever order they were in."""
    return tensor.gather(-2, tensor[..., :1].argsort(-2).expand_as(tensor))


KEEPS = {
    "units": lambda kernels: kernels.flatten(1).sort().values,
    "positions": lambda kernels: kernels.flatten(2).sort().values,
    "channels": lambda kernels: rows(kernels.flatten(2)),
}


@pytest.mark.parametrize("null", PERMUTATIONS)
def test_permutations_keep_what_they_say_and_nothing_more(weights, null):
    found = derived(weights, null)
    assert list(found) == list(weights)
    for name in ("conv1.weight", "conv2.weight"):
        assert torch.equal(KEEPS[null](found[name]), KEEPS[null](weights[name]))
    assert all(found[name] is weights[name] for name in weights if not name.startswith("conv"))
    assert torch.equal(found["conv1.bias"], weights["conv1.bias"])
    kernels = found["conv1.weight"]
    kept = {
        name
        for name in PERMUTATIONS
        if torch.equal(KEEPS[name](kernels), KEEPS[name](weights["conv1.weight"]))
    }
    # A permutation inside kernels, or of whole kernels, is one of a unit's weights, too.
    assert kept == {null, "units"}
    assert torch.equal(found["conv2.weight"], weights["conv2.weight"]) == (null == "positions")


@pytest.mark.parametrize("null", PERMUTATIONS)
def test_every_order_is_as_likely_and_each_is_drawn_by_itself(null):
    """Where one weight of each kernel goes: to each place as often."""
    kernels = torch.zeros(256, 9, 3, 3)
    kernels[:, 0, 0, 0] = 1
    moved = derived({"conv.weight": kernels}, null)["conv.weight"].flatten(1)
    places = {
        "units": torch.arange(81),
        "positions": torch.arange(9),
        "channels": 9 * torch.arange(9),
    }[null]
    counts = moved.sum(0)[places]
    assert counts.sum() == 256
    # Pearson's statistic has mean k - 1 and variance 2 (k - 1): within four deviations.
    expected, free = 256 / len(places), len(places) - 1
    statistic = ((counts - expected) ** 2 / expected).sum().item()
    assert abs(statistic - free) < 4 * math.sqrt(2 * free)


@pytest.mark.parametrize("null", NULLS)
def test_nulls_follow_from_null_seed_and_name_alone(weights, null):
    found, before = derived(weights, null, 1), tensor_digest(weights)
    assert tensor_digest(found) == tensor_digest(derived(weights, null, 1))
    assert tensor_digest(weights) == before
    for name in ("conv1.weight", "conv2.weight"):
        same = torch.equal(found[name], derived(weights, null, 0)[name])
        assert same == (null == "positions" and name == "conv2.weight")
        alone = derived({name: weights[name]}, null, 1)[name]
        assert torch.equal(alone, found[name]), "whatever other layers are kept"
    first, second = (derived({name: weights["conv1.weight"]}, null) for name in ("a.b", "a.c"))
    assert not torch.equal(first["a.b"], second["a.c"]), "layers have streams of their own"


def test_he_has_the_variance_of_its_fan_in_and_nothing_of_the_network(weights):
    found = derived(weights, "he")
    for name, fan_in in (("conv1.weight", 144), ("conv2.weight", 32)):
        drawn = found[name].double()
        count = drawn.numel()
        # Sampling errors of variance and mean: within four of each.
        assert abs(drawn.var() * fan_in / 2 - 1) < 4 * math.sqrt(2 / count)
        assert abs(drawn.mean()) < 4 * math.sqrt(2 / fan_in / count)
    values = {name: found[name].unique().tolist() for name in found if found[name].ndim == 1}
    assert values == {
        "conv1.bias": [0],
        "bn.weight": [1],
        "bn.bias": [0],
        "bn.running_mean": [0],
        "bn.running_var": [1],
    }
    assert {tensor.dtype for tensor in found.values()} == {torch.float32}


# Batch norms


@pytest.fixture
def few_crops(monkeypatch):
    """Calibration in a tenth of a second, and none that another test did."""
    monkeypatch.setattr(calibration, "_CROPS", 4)
    monkeypatch.setattr(calibration, "_KNOWN", {})


def test_each_batch_norm_is_calibrated_on_what_the_calibrated_layers_before_it_make(few_crops):
    network, photographs = get_network("resnet50"), load_photographs()
    weights = derived(load_weights("resnet50")[0], "he")
    before = tensor_digest(weights)
    found = calibration.calibrated(network, weights, photographs)
    assert tensor_digest(weights) == before
    module, means, variances = network.build(), [], []

    def look(norm, _inputs, output):
        means.append(output.mean((0, 2, 3)))
        # As the batch norm sees it: a small number is added to the variance it divides by.
        variances.append(output.var((0, 2, 3), correction=0) * (1 + norm.eps / norm.running_var))

    double = {name: tensor.double() for name, tensor in found.items()}
    module.load_state_dict(double, strict=False, assign=True)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.register_forward_hook(look)
    crops = random_crops(photographs, calibration._SIDE, 4, generator(0, "calibration")).double()
    with torch.no_grad():
        for step in walk(module):
            if any(parameter.is_meta for parameter in step.module.parameters()):
                break
            crops = step.module(crops)
    assert len(means) == sum(name.endswith("running_mean") for name in weights)
    # The statistics are kept in float32.
    for mean, variance in zip(means, variances, strict=True):
        torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-5)
        torch.testing.assert_close(variance, torch.ones_like(variance), rtol=0, atol=1e-5)


def test_statistics_do_not_depend_on_threads(few_crops):
    weights, photographs = derived(load_weights("resnet50")[0], "units"), load_photographs()
    digests, threads = set(), torch.get_num_threads()
    for number in (1, 2):
        torch.set_num_threads(number)
        calibration._KNOWN.clear()
        found = calibration.calibrated(get_network("resnet50"), weights, photographs)
        digests.add(tensor_digest(found))
    torch.set_num_threads(threads)
    assert len(digests) == 1


@pytest.mark.parametrize(("layer", "limits"), [("conv1", (0.7, 1.5)), ("layer1.1", (0.7, 3))])
def test_calibrated_activations_are_of_order_one(layer, limits):
    """On other crops than it was calibrated on; a hundred or more without calibration."""
    trunk = load_trunk("resnet50+he", layer)
    crops = random_crops(load_photographs(), trunk.size, 300, generator(7, "others"))
    size = trunk(crops).pow(2).mean().sqrt()
    assert limits[0] < size < limits[1]


def test_without_batch_norms_he_keeps_the_scale_of_the_input():
    """Each layer keeps the mean square, whatever the depth: VGG-19 needs no calibration."""
    crops = random_crops(load_photographs(), 48, 48, generator(7, "others"))
    for layer, size in (("conv1_2", 5), ("conv3_4", 48)):
        ratio = load_trunk("vgg19+he", layer)(crops[..., :size, :size]).pow(2).mean().sqrt()
        # Patches of one value over their size raise it, poolings do, and units are few.
        assert 0.7 < ratio / crops.pow(2).mean().sqrt() < 4


# Names


def test_nulls_are_networks_of_their_own():
    null, base = get_network("resnet50+positions.12"), get_network("resnet50")
    assert (null.name, null.title) == (
        "resnet50+positions.12",
        "ResNet-50, positions permuted (seed 12)",
    )
    assert null.stride_in_1x1
    for ours, theirs in zip(layers(null), layers(base), strict=True):
        assert (ours.layer, ours.geometry, ours.units) == (
            theirs.layer,
            theirs.geometry,
            theirs.units,
        )
    assert not [name for name in registry.NETWORKS if "+" in name]
    assert len({get_network(f"vgg19+{null}").title for null in NULLS}) == len(NULLS)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vgg19+postions", "did you mean positions"),
        ("vgg19+Positions", "did you mean positions"),
        ("vgg19+", "choose from he, units, positions, channels"),
        ("vgg18+he", "did you mean vgg19"),
        ("+he", "the name of a network"),
        ("vgg19+he+units", "none of a null"),
        ("vgg19+he.1+units", "none of a null"),
        ("controls+he", "the name of a network"),
        ("vgg19+he.0", "vgg19\\+he for seed 0"),
        ("vgg19+he.01", "a seed of 1"),
        ("vgg19+he.", "a seed of 1"),
        ("vgg19+he.-1", "a seed of 1"),
        ("vgg19+he.1\n", "a seed of 1"),
        ("vgg19+he.\N{ARABIC-INDIC DIGIT THREE}", "a seed of 1"),
        (f"vgg19+he.{'9' * 5000}", r"99\.\.\."),
        ("vgg19+../../he", "the name of a null"),
    ],
)
def test_bad_names_are_refused(name, said):
    with pytest.raises(UserError, match=said):
        get_network(name)


def test_bad_nulls_and_seeds_of_weights_are_refused(weights):
    for null, seed, said in (
        ("hee", 0, "he"),
        (None, 0, "null"),
        ("he", -1, "seed"),
        ("he", 1.5, "seed"),
    ):
        with pytest.raises(UserError, match=said):
            derived(weights, null, seed)


def test_no_network_can_be_registered_under_the_name_of_a_null():
    with pytest.raises(UserError, match="marks nulls"):
        register_network(replace(get_network("vgg19"), name="vgg19+he"))


# In the cache, in provenance, in a run


def test_provenance_tells_base_null_seed_and_what_was_derived():
    base, stored = ensure("vgg19"), ensure("vgg19+units.3")
    tensors, again = load_weights("vgg19+units.3")
    assert status("vgg19+units.3") == stored == again
    assert stored.digest == tensor_digest(tensors) != base.digest
    assert stored.digest != ensure("vgg19+units").digest
    for said in (f"vgg19 with tensors {base.digest}", "null units, seed 3", base.source):
        assert said in stored.source
    assert (stored.name, stored.path, stored.licence) == ("vgg19+units.3", base.path, base.licence)
    assert problem("vgg19+units.3") is None


def test_calibration_is_told(capsys):
    source = ensure("resnet50+he").source
    assert "null he, seed 0, batch norms calibrated on 64 natural crops of 64 px" in source
    assert "resnet50, null he, seed 0: batch norms calibrated" in capsys.readouterr().err
    assert "calibrated" not in ensure("vgg19+he").source
    assert capsys.readouterr().err == ""


def test_nothing_is_known_of_a_null_whose_network_is_not_there(tmp_path):
    assert status("vgg19+he", cache=tmp_path) is None
    assert problem("vgg19+he", cache=tmp_path) is None
    (tmp_path / "networks").mkdir()
    for name in ("vgg19", "resnet50"):
        (tmp_path / "networks" / f"{name}.safetensors").symlink_to(ensure(name).path)
    assert status("vgg19+he", cache=tmp_path) == replace(
        ensure("vgg19+he"), path=tmp_path / "networks" / "vgg19.safetensors"
    )
    assert status("resnet50+he", cache=tmp_path) is None, "photographs would have to be fetched"


def test_the_code_of_nulls_counts_for_nulls_alone():
    own = {f"diversevis.networks.{name}" for name in ("nulls", "calibration")}
    step = "diversevis.study.steps.sweep"
    assert not own & set(code_digests(step, *network_code("vgg19")))
    found = set(code_digests(step, *network_code("vgg19+positions")))
    assert own | {"diversevis.networks.entries.vgg19", "diversevis.networks.trunk"} <= found
    assert declared_in("vgg19+he.1") == [*declared_in("vgg19"), "diversevis.networks.nulls"]


def test_a_run_takes_nulls_as_any_other_network(tmp_path):
    settings = read_settings(
        {
            "scale": "nulls",
            "device": "cpu",
            "layers": {"vgg19": ["conv1_2"], "vgg19+positions.1": ["conv1_2"]},
            "pairs": [[["vgg19", "conv1_2"], ["vgg19+positions.1", "conv1_2"]]],
            "units": {"per_layer": 2, "include": {"vgg19+positions.1": {"conv1_2": [5]}}},
            "synthesis": {"images": 2, "grid": [0.1], "steps": 2},
            "natural": {"patches": 20},
        }
    )
    check(settings)
    run = Run.of(settings, {}, results=tmp_path)
    every = jobs(COMPUTING, run)
    for job in every:
        others = job.place.get("network") == "vgg19"
        if others or job.stage.name not in ("photographs", "network", "sweep", "natural"):
            continue
        make_job(job, records_of(every))
        assert stale(job) == []
    record = json.loads(run.layout.record("natural/vgg19+positions.1/conv1_2").read_text())
    assert record["network"]["weights_sha256"] == ensure("vgg19+positions.1").digest
    assert "null positions, seed 1" in record["network"]["weights_source"]
    assert "diversevis.networks.nulls" in record["code"]
    network = json.loads(run.layout.network("vgg19+positions.1").read_text())
    assert network["title"] == "VGG-19, positions permuted (seed 1)"
