"""The step that measures a kind of control: what it writes, and how little of it."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from diversevis.controls.filters import best_filters
from diversevis.controls.kinds import EXTENDED
from diversevis.controls.units import Controls
from diversevis.results.tests import LayerTests
from diversevis.study.steps.controls import run
from diversevis.units.patches import patch_norm

FILES = {"arrays": "npz", "table": "csv", "peaks": "csv", "families": "json"}
FEW = {
    "seed": 0,
    "families": ["all-shifts", "shifts"],
    "delta": [1, 2],
    "steps": 2,
    "peak_steps": 1,
    "starts": 1,
    "trial_steps": 1,
    "per_step": 4,
    "training": 8,
    "held_out": 8,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("controls")
    writes = {name: folder / f"{name}.{suffix}" for name, suffix in FILES.items()}
    return writes, run({}, writes, kind="deformable-squared", device="cpu", **FEW)


def test_the_best_patch_is_the_known_one(made):
    """Restarts of one step find no deformable template's best arrangement."""
    tests = LayerTests.load(made[0]["arrays"])
    units = Controls("deformable-squared")
    known = best_filters("deformable", units.filters).flatten(1)
    peaks = patch_norm(units.size) * known.norm(dim=1).numpy()
    # Float32 sums of 1,728 products.
    np.testing.assert_allclose(tests.f_max, peaks, rtol=1e-5)
    best = tests.best.reshape(4, -1)
    cosine = (
        (best * known.numpy()).sum(1) / np.linalg.norm(best, axis=1) / known.norm(dim=1).numpy()
    )
    np.testing.assert_allclose(cosine, 1, rtol=1e-5)
    assert (tests.from_noise < 0.99 * tests.f_max).all()


def test_tables_have_all_tests_and_arrays_what_is_drawn(made):
    writes, _ = made
    with writes["table"].open() as file:
        rows = list(csv.DictReader(file))
    names = {(row["family"], row["delta"]) for row in rows}
    assert len(names) == 1 + 2
    assert {row["channel"] for row in rows} == {"0", "1", "2", "3"}
    assert {row["mask"] for row in rows} == {"fixed"}
    tests = LayerTests.load(writes["arrays"])
    assert tests.measure == "contrast"
    assert tests.find("all-shifts").canvases.shape == (4, 3, 47, 47)
    others = [each for each in tests.families if each.delta is not None]
    assert not [each for each in others if each.canvases.size or each.patches.size]
    assert all(np.isfinite(each.contrasts).all() for each in tests.families)


def test_files_are_small_enough_to_be_kept_with_the_code(made):
    """Canvases and best patches are as large as usual, members fewer: 6 MB for all is ample."""
    total = sum(path.stat().st_size for path in made[0].values())
    assert total * (5 + len(EXTENDED)) < 6e6


def test_provenance_names_the_processor_and_families_that_do_not_fit(made):
    assert made[1]["families_left_out"] == {}
    assert {"device", "threads"} <= set(made[1])
