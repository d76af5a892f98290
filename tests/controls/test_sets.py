"""Diverse sets of control units."""

from __future__ import annotations

import pytest

from diversevis.controls.sets import control_sets
from diversevis.controls.units import Controls
from diversevis.optimisation.schedule import Schedule
from diversevis.units.patches import patch_norm


@pytest.fixture(scope="module")
def sets():
    schedule = Schedule(steps=150)
    return {
        kind: control_sets(Controls(kind), [0], images=3, schedule=schedule)
        for kind in ("simple", "complex")
    }


def test_a_simple_cell_has_one_image_and_a_complex_cell_every_phase(sets):
    simple, complex_cell = sets["simple"].chosen(), sets["complex"].chosen()
    scale = patch_norm(24) / (3 * 24**2) ** 0.5  # root mean square of a patch
    # Restarts of a linear unit are its template, whatever the start.
    assert sets["simple"].restarts.min_distance < 1e-2 * scale
    # Three phases a third of a cycle apart differ by sqrt(3) times the root mean square; sets that
    # have to differ by noise, by 2 sqrt(c) of it and less, at the weight used here.
    assert complex_cell.min_distance > 1.2 * scale
    assert simple.min_distance < 0.4 * scale
    for result in sets.values():
        assert result.selected.tolist() == [1]
        assert result.chosen().activations.mean() > 0.95 * result.restarts.activations.mean()


def test_both_kinds_have_the_same_weight(sets):
    weights = [result.levels[1].diversity.item() for result in sets.values()]
    assert weights[0] == pytest.approx(weights[1], rel=1e-3)  # both reach the patch norm
    assert sets["simple"].relative.tolist() == pytest.approx([0, 0.1])


def test_sets_that_keep_too_little_are_not_selected():
    schedule = Schedule(steps=60)
    result = control_sets(Controls("simple"), [0, 1], images=2, relative=5, schedule=schedule)
    assert result.selected.tolist() == [0, 0]
