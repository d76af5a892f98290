"""Contrasts of all seeds on one curve: that of the best patch that any of them found."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from diversevis.results.tests import TEST_COLUMNS, FamilyInfo, FamilyTests, LayerTests
from diversevis.study.steps.contrasts import on_common_curves, run

CONTRASTS = np.linspace(-2, 2, 257)
MEMBERS = np.array([[0.2, 0.4], [0.5, 1.0], [0.3, 0.3]])
"""Contrasts of two members, of each unit."""


def rise(contrast, peak, offset=0.0):
    """Return responses of units that are linear in contrast, but for an offset."""
    return offset + (peak - offset) * np.asarray(contrast)


def layer(seed, peaks, families, surrogate):
    """Return a seed's tests of three units; members do a share of a response of 10."""
    peaks = np.asarray(peaks, float)
    contrast = np.stack([rise(CONTRASTS, peak) for peak in peaks]).astype(np.float32)
    tests = [
        FamilyTests(
            family=FamilyInfo(name, name, name, "#000000"),
            delta=delta,
            mask="fixed",
            canvases=np.zeros((3, 3, 4, 4)),
            masks=np.ones((3, 3, 3)),
            responses=10 * MEMBERS,
            contrasts=np.full((3, 2), 7.0),
            members=np.zeros((2, 2)),
            surrogate=np.full(3, surrogate),
            surrogate_responses=np.full((3, 2), surrogate),
            shown=np.zeros((3, 2), int),
            patches=np.zeros((3, 2, 3, 3, 3)),
        )
        for name, delta in families
    ]
    flat = {name: np.zeros(3) for name in ("from_noise", "offset", "elasticity", "curve_fault")}
    return LayerTests(
        "net",
        "a",
        np.array([4, 6, 9]),
        best=np.ones((3, 3, 3, 3)),
        f_max=peaks,
        contrast=contrast,
        measure="contrast",
        families=tuple(tests),
        seed=seed,
        **flat,
    )


@pytest.fixture
def seeds():
    both = [("shifts", 1.0), ("shifts", 2.0)]
    return [layer(0, [10, 8, -1], both, 0.1), layer(1, [5, 16, -2], both[1:], 0.3)]


def test_all_seeds_are_relative_to_the_best_patch(seeds):
    first, second = on_common_curves(seeds)
    for of_seed in (first, second):
        assert of_seed.f_max.tolist() == [10, 16, -1]
        for tests in of_seed.families:
            # Curves are float32.
            np.testing.assert_allclose(tests.contrasts[0], MEMBERS[0], rtol=1e-6)
            np.testing.assert_allclose(tests.contrasts[1], MEMBERS[1] * 10 / 16, rtol=1e-6)


def test_surrogates_are_of_the_seed_that_found_the_patch_if_it_made_the_test(seeds):
    first, second = on_common_curves(seeds)
    one, two = first.families
    assert one.surrogate_responses[:, 0].tolist() == [0.1, 0.1, 0.1]  # the second made no such test
    assert two.surrogate_responses[:, 0].tolist() == [0.1, 0.3, 0.1]
    assert second.families[0].surrogate_responses[:, 0].tolist() == [0.1, 0.3, 0.1]


def test_rows_of_all_seeds_by_contrast_alone(seeds, tmp_path):
    paths = []
    for of_seed in seeds:
        folder = tmp_path / str(of_seed.seed)
        others = [folder / name for name in ("tests.csv", "peaks.csv", "families.json")]
        paths.append(folder / "tests.npz")
        of_seed.save(paths[-1], *others)
    made = run({"tests": paths}, {"table": tmp_path / "contrasts.csv"}, network="net", layer="a")
    assert made == {"seeds": [0, 1]}
    with (tmp_path / "contrasts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == TEST_COLUMNS
    assert {row["measure"] for row in rows} == {"contrast"}
    # Two displacements of one seed, one of the other; three units; six statistics.
    assert len(rows) == 3 * 3 * 6
    means = {
        (row["channel"], row["seed"]): float(row["value"])
        for row in rows
        if (row["statistic"], row["delta"]) == ("mean", "2")
    }
    assert means[("4", "0")] == means[("4", "1")] == pytest.approx(0.3, rel=1e-6)
    assert np.isnan(means[("9", "1")])  # never driven


def test_a_flat_curve_has_no_contrast(seeds):
    changed = [layer(0, [10, 8, 3], [("shifts", 2.0)], 0.1)]
    changed[0].contrast[2] = 3.0
    (found,) = on_common_curves(changed)
    assert np.isnan(found.families[0].contrasts[2]).all()
    assert np.isfinite(found.families[0].contrasts[:2]).all()
