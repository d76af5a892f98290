"""Transformation tests as arrays, as tables, and in files."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from diversevis.errors import UserError
from diversevis.invariance.contrast import ContrastCurves
from diversevis.invariance.measure import Invariance
from diversevis.invariance.peak import Peaks
from diversevis.invariance.transformation import FamilyResponses
from diversevis.results import formats
from diversevis.results.tests import (
    NEVER_DRIVEN,
    PEAK_COLUMNS,
    RESPONSE,
    TEST_COLUMNS,
    FamilyInfo,
    LayerTests,
    load_families,
    load_tests,
)

UNITS, MEMBERS, SIZE, SIDE = 2, 10, 5, 9
SHIFTS = FamilyInfo("all-shifts", "phase", "all shifts", "#0072B2")
BENDS = FamilyInfo("deformations", "deformation", "deformations", "#D55E00")
NAMES = ("arrays.npz", "tests.csv", "peaks.csv", "families.json")


def responses(info: FamilyInfo, delta: float | None, mask: str) -> FamilyResponses:
    """Responses that fall from 20 to 10 for the first unit, and twice as high for the second."""
    shown = torch.tensor([0, 1, 2, 3, 6, 7, 8, 9]).expand(UNITS, -1)
    bent = delta is not None
    return FamilyResponses(
        family=info.name,
        index=info.index,
        title=info.title,
        colour=info.colour,
        delta=delta,
        mask=mask,
        canvases=torch.randn(UNITS, 3, SIDE, SIDE),
        masks=torch.rand(UNITS, SIZE, SIZE),
        responses=torch.linspace(20, 10, MEMBERS) * torch.tensor([[1.0], [2.0]]),
        highest=torch.full((UNITS,), -9.0),  # lower than any peak
        top=torch.zeros(UNITS, 3, SIZE, SIZE),
        surrogate=torch.tensor([0.25, 0.5]),
        surrogate_responses=torch.tensor([[0.25], [0.5]]) * torch.linspace(2, 0, MEMBERS),
        members=torch.rand(MEMBERS, 2) if bent else torch.arange(2 * MEMBERS).view(MEMBERS, 2),
        shown=shown,
        patches=torch.randn(UNITS, 8, 3, SIZE, SIZE),
        unmoved=torch.randn(UNITS, 3, SIZE, SIZE) if bent else None,
        fields=torch.randn(UNITS, 8, SIZE, SIZE, 2) if bent else None,
    )


@pytest.fixture
def make_result():
    def make(f_max: tuple[float, ...] = (20.0, 40.0), names=("100", "101")) -> Invariance:
        families = (
            responses(SHIFTS, None, "fixed"),
            responses(SHIFTS, None, "learned"),
            responses(BENDS, 1.0, "fixed"),
            responses(BENDS, 2.0, "fixed"),
        )
        peaks = Peaks(torch.randn(UNITS, 3, SIZE, SIZE), torch.tensor(f_max), torch.tensor(f_max))
        curves = ContrastCurves(torch.tensor(f_max)[:, None] * torch.linspace(-2, 2, 257))
        return Invariance("vgg19", "conv3_1", names, peaks, families, curves, RESPONSE, 7)

    return make


@pytest.fixture
def layer(make_result) -> LayerTests:
    return LayerTests.of(make_result())


@pytest.fixture
def saved(layer, tmp_path):
    layer.save(*(tmp_path / name for name in NAMES))
    return tmp_path


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_tests_that_were_just_made(make_result):
    result = make_result()
    layer = LayerTests.of(result)
    assert (layer.network, layer.layer, layer.seed, layer.size) == ("vgg19", "conv3_1", 7, SIZE)
    assert layer.channels.tolist() == [100, 101]
    assert layer.f_max.tolist() == [20, 40]
    for tests, made in zip(layer.families, result.families, strict=True):
        assert (tests.delta, tests.mask) == (made.delta, made.mask)
        assert tests.family in (SHIFTS, BENDS)
        for name in ("canvases", "masks", "responses", "members", "surrogate", "shown", "patches"):
            np.testing.assert_array_equal(getattr(tests, name), getattr(made, name))
        assert (tests.unmoved is None) == (tests.fields is None) == (tests.delta is None)
        assert tests.shown[0, tests.most].tolist() == [0, 1, 2, 3]
        assert tests.shown[0, tests.least].tolist() == [6, 7, 8, 9]


def test_targets_that_are_no_channels_keep_their_names(make_result):
    layer = LayerTests.of(make_result(names=("4", "edge")))
    assert layer.channels.tolist() == ["4", "edge"]
    assert layer.place("edge") == 1


def test_tests_come_back_from_files(layer, saved):
    (found,) = load_tests([saved / "arrays.npz"])
    assert (found.network, found.layer, found.seed) == (layer.network, layer.layer, layer.seed)
    for name in ("channels", "best", "f_max", "from_noise"):
        np.testing.assert_array_equal(getattr(found, name), getattr(layer, name))
    assert len(found.families) == 4
    for one, other in zip(found.families, layer.families, strict=True):
        assert (one.family, one.delta, one.mask) == (other.family, other.delta, other.mask)
        for name, value in vars(other).items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(one, name), value)
                assert getattr(one, name).dtype == value.dtype
        assert (one.unmoved is None) == (other.unmoved is None)


def test_tables_hold_one_row_per_unit_test_and_statistic(saved):
    table = rows(saved / "tests.csv")
    assert list(table[0]) == list(TEST_COLUMNS)
    assert len(table) == 4 * UNITS * (3 + 6)
    of_unit = [row for row in table if row["channel"] == "101" and row["delta"] == "2"]

    def values(measure, column="value"):
        chosen = [row for row in of_unit if row["measure"] == measure]
        return {row["statistic"]: float(row[column]) for row in chosen if row[column]}

    # Evenly from 1 to 0.5 of the best; units whose responses are their contrasts.
    spread = {"mean": 0.75, "p10": 0.55, "min": 0.5}
    factors = {"drive": 1, "flatness": 0.75, "variation": np.linspace(0.5, 1, 10).std() / 0.75}
    assert values("response") == pytest.approx(spread, abs=1e-6)
    assert values("contrast") == pytest.approx({**spread, **factors}, abs=1e-6)
    # The surrogate's fall from 1 to 0.
    linear = {"mean": 0.5, "p10": 0.1, "min": 0, "drive": 1, "flatness": 0.5}
    linear["variation"] = np.linspace(0, 1, 10).std() / 0.5
    assert values("contrast", "surrogate") == pytest.approx(linear, abs=1e-6)
    (mean, _) = [row for row in of_unit if row["statistic"] == "mean"]
    assert (mean["family"], mean["mask"], mean["measure"]) == ("deformations", "fixed", "response")
    assert (mean["surrogate"], mean["members"], mean["seed"]) == ("0.5", "10", "7")
    peaks = rows(saved / "peaks.csv")
    assert list(peaks[0]) == list(PEAK_COLUMNS)
    assert [(row["f_max"], row["left_out"]) for row in peaks] == [("20", ""), ("40", "")]
    assert load_families([saved / "families.json"] * 2) == [SHIFTS, BENDS]


def test_finds_families_and_channels(layer):
    assert layer.find("all-shifts").mask == "fixed"
    assert layer.find("all-shifts", mask="learned").mask == "learned"
    assert layer.find("deformations", 2.0).delta == 2
    assert layer.find("deformations", 3.0) is None
    assert [layer.place(101), layer.place(7)] == [1, None]


def test_responses_are_relative_to_the_best(layer):
    relative = layer.relative(layer.find("deformations", 1.0))
    np.testing.assert_allclose(relative, np.tile(np.linspace(1, 0.5, MEMBERS), (2, 1)), rtol=1e-6)


def test_units_that_nothing_drives_have_no_index(make_result):
    layer = LayerTests.of(make_result(f_max=(20.0, -1.0)))
    relative = layer.relative(layer.find("deformations", 1.0))
    assert layer.driven.tolist() == [True, False]
    assert np.isnan(relative[1]).all()
    assert not np.isnan(relative[0]).any()
    assert [row["left_out"] for row in layer.peak_rows()] == ["", NEVER_DRIVEN]
    values = [row["value"] for row in layer.rows() if row["channel"] == 101]
    assert np.isnan(values).all()


def test_layers_have_their_own_files(make_result, saved):
    other = LayerTests.of(make_result(f_max=(1.0, 2.0)))
    other.save(*(saved / "other" / name for name in NAMES))
    layers = load_tests([saved / "arrays.npz", saved / "other/arrays.npz"])
    assert [layer.f_max.tolist() for layer in layers] == [[20, 40], [1, 2]]


def test_other_files_are_refused(saved, monkeypatch):
    path = saved / "arrays.npz"
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"no archive"):
        (saved / "damaged.npz").write_bytes(damaged)
        with pytest.raises(UserError, match="make the file anew"):
            LayerTests.load(saved / "damaged.npz")
    formats.write_arrays(saved / "other.npz", "sweep", {}, {})
    with pytest.raises(UserError, match="sweep of version"):
        LayerTests.load(saved / "other.npz")
    monkeypatch.setattr(formats, "VERSION", formats.VERSION + 1)
    with pytest.raises(UserError, match=f"tests of version {formats.VERSION - 1}"):
        LayerTests.load(path)


def test_damaged_families_are_refused(tmp_path):
    (tmp_path / "families.json").write_text("[{")
    with pytest.raises(UserError, match="make the file anew"):
        load_families([tmp_path / "families.json"])
