"""Sets of images, sweeps, and what is shown of them: as arrays, and in files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from diversevis.errors import UserError
from diversevis.results import formats
from diversevis.results.formats import read_rows
from diversevis.results.natural import NaturalResult
from diversevis.results.sets import (
    SETS_COLUMNS,
    SWEEP_COLUMNS,
    ImageSets,
    SweepResult,
    load_sets,
)
from diversevis.results.shown import load_with_natural, with_natural
from diversevis.stimuli.natural import NaturalResponses
from diversevis.synthesis.diverse import DiverseSets
from diversevis.synthesis.sweep import Sweep

UNITS, IMAGES = 2, 4
PAIRS = IMAGES * (IMAGES - 1) // 2


@pytest.fixture
def make_sets():
    def make(level: int = 0, names: tuple[str, ...] = ("4", "7")) -> DiverseSets:
        stream = torch.Generator().manual_seed(level)
        return DiverseSets(
            network="vgg19",
            layer="conv3_1",
            names=names,
            images=torch.randn(UNITS, IMAGES, 3, 5, 5, generator=stream),
            activations=torch.randn(UNITS, IMAGES, generator=stream),
            distances=torch.rand(UNITS, PAIRS, generator=stream) + 1,
            diversity=torch.full((UNITS,), 0.1 * level),
            steps=torch.full((UNITS,), 10.0),
            losses=torch.zeros(UNITS, 1),
            distance="conv2_2",
            seed=3,
        )

    return make


@pytest.fixture
def result(make_sets) -> SweepResult:
    levels = tuple(map(make_sets, range(3)))
    return SweepResult.of(
        Sweep(
            torch.tensor([0.0, 0.1, 0.3]), levels, torch.tensor([2, 0]), torch.tensor([False, True])
        )
    )


@pytest.fixture
def natural() -> NaturalResult:
    responses = NaturalResponses(
        best=torch.randn(8, 3, 5, 5),
        places=torch.arange(48).view(8, 2, 3),
        top=torch.randn(8, 2),
        quantiles=torch.arange(24.0).reshape(8, 3),
        levels=torch.tensor([0.0, 0.5, 1.0]),
        count=100,
    )
    return NaturalResult.of("vgg19", "conv3_1", responses)


@pytest.fixture
def files(result, natural, tmp_path):
    result.save(tmp_path / "sweep.npz", tmp_path / "sweep.csv")
    natural.save(tmp_path / "natural.npz")
    return tmp_path / "sweep.npz", tmp_path / "natural.npz"


def same(one, other) -> bool:
    """Whether two results hold the same."""
    return all(
        np.array_equal(value, getattr(other, name)) and type(value) is type(getattr(other, name))
        for name, value in vars(one).items()
        if name != "levels"
    )


def test_sets_that_were_just_made(make_sets):
    made = make_sets()
    sets = ImageSets.of(made)
    assert (sets.network, sets.layer, sets.distance, sets.seed) == (
        "vgg19",
        "conv3_1",
        "conv2_2",
        3,
    )
    assert sets.channels.tolist() == [4, 7]
    np.testing.assert_array_equal(sets.images, made.images)
    np.testing.assert_array_equal(sets.min_distance, made.distances.amin(1))
    np.testing.assert_allclose(sets.mean_distance, made.distances.mean(1))
    assert ImageSets.of(sets) is sets


def test_targets_that_are_no_channels_keep_their_names(make_sets):
    assert ImageSets.of(make_sets(names=("4", "edge"))).channels.tolist() == ["4", "edge"]


def test_sets_come_back_from_files(make_sets, tmp_path):
    sets = ImageSets.of(make_sets())
    sets.save(tmp_path / "sets.npz", tmp_path / "sets.csv")
    assert same(sets, ImageSets.load(tmp_path / "sets.npz"))
    rows = read_rows(tmp_path / "sets.csv")
    assert list(rows[0]) == list(SETS_COLUMNS)
    assert [row["channel"] for row in rows] == ["4", "7"]
    mean = sets.activations[1].mean()
    assert float(rows[1]["mean_activation"]) == pytest.approx(mean, rel=1e-6)


def test_each_unit_has_its_own_level(result):
    shown = result.shown
    assert (shown.network, shown.layer, shown.size) == ("vgg19", "conv3_1", 5)
    np.testing.assert_array_equal(shown.restarts, result.levels[0].images)
    np.testing.assert_array_equal(shown.restart_distance, result.levels[0].min_distance)
    for unit, level in enumerate((2, 0)):
        chosen = result.levels[level]
        np.testing.assert_array_equal(shown.diverse[unit], chosen.images[unit])
        np.testing.assert_array_equal(shown.diverse_activations[unit], chosen.activations[unit])
        assert shown.diverse_distance[unit] == chosen.min_distance[unit]
        assert result.chosen.mean_distance[unit] == chosen.mean_distance[unit]
    np.testing.assert_allclose(shown.relative_diversity, [0.3, 0])
    assert shown.selected.tolist() == [True, False]


def test_sweeps_come_back_from_files(result, files):
    found = SweepResult.load(files[0])
    assert same(found, result)
    assert len(found.levels) == 3
    assert all(map(same, found.levels, result.levels))
    rows = read_rows(files[0].with_suffix(".csv"))
    assert list(rows[0]) == list(SWEEP_COLUMNS)
    assert [(row["relative_diversity"], row["selected"]) for row in rows] == [
        ("0", "0"),
        ("0", "1"),
        ("0.1", "0"),
        ("0.1", "0"),
        ("0.3", "1"),
        ("0.3", "0"),
    ]


def test_natural_responses_come_back_from_files(natural, files):
    found = NaturalResult.load(files[1])
    assert same(found, natural)
    assert found.count == 100
    assert [found.at(2, level) for level in (0.0, 0.6, 1.0)] == [6, 7, 8]


def test_natural_responses_of_the_same_units(natural, files):
    layer = with_natural(*files)
    np.testing.assert_array_equal(layer.natural, natural.best[[4, 7]])
    assert layer.natural_best.tolist() == [14.0, 23.0]
    assert layer.natural_at(0.75).tolist() == [13.5, 22.5]
    (sets,) = load_sets(files[:1])
    assert same(sets, layer)


def test_files_of_different_layers_are_refused(result, files):
    levels = tuple(replace(level, channels=np.array([4, 8])) for level in result.levels)
    replace(result, levels=levels).save(files[0], files[0].with_suffix(".csv"))
    with pytest.raises(UserError, match="channels 0 to 7"):
        with_natural(*files)


def test_layers_have_their_own_files(result, files, tmp_path):
    levels = tuple(replace(level, channels=np.array([1, 2])) for level in result.levels)
    replace(result, levels=levels).save(tmp_path / "other.npz", tmp_path / "other.csv")
    layers = load_with_natural([files[0], tmp_path / "other.npz"], [files[1]] * 2)
    assert [layer.channels.tolist() for layer in layers] == [[4, 7], [1, 2]]


def test_places_of_channels(result):
    sets = result.shown
    assert [sets.place(4), sets.place(7), sets.place(5)] == [0, 1, None]
    taken = sets.take([7, 4])
    assert taken.channels.tolist() == [7, 4]
    assert taken.selected.tolist() == [False, True]
    np.testing.assert_array_equal(taken.restarts, sets.restarts[::-1])


@pytest.mark.parametrize("kind", [ImageSets, SweepResult, NaturalResult])
def test_other_files_are_refused(kind, files, tmp_path, monkeypatch):
    other = files[kind is SweepResult]
    with pytest.raises(UserError, match="make the file anew"):
        kind.load(other)  # of another kind
    with pytest.raises(UserError, match="make the file anew"):
        kind.load(tmp_path / "absent.npz")
    content = other.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"no archive"):
        (tmp_path / "damaged.npz").write_bytes(damaged)
        with pytest.raises(UserError, match="make the file anew"):
            kind.load(tmp_path / "damaged.npz")
    np.savez(tmp_path / "older.npz", images=np.zeros(3))
    with pytest.raises(UserError, match="make the file anew"):
        kind.load(tmp_path / "older.npz")


def test_other_versions_are_refused(files, monkeypatch):
    monkeypatch.setattr(formats, "VERSION", formats.VERSION + 1)
    with pytest.raises(UserError, match=f"sweep of version {formats.VERSION - 1}"):
        SweepResult.load(files[0])
