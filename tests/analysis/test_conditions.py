"""What an interval says of a threshold, and what the second edition says of single units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.conditions import (
    BENDS,
    BENDS_MORE,
    NEAR_PERFECT,
    every,
    reaches,
    second_conditions,
    stays_within,
)

YES, NO, OPEN = "yes", "no", "undecided"
NONE = np.nan


@pytest.mark.parametrize(
    ("low", "high", "least", "beyond", "most"),
    [
        # Against 1: at least, beyond, and at most.
        (1.1, 1.5, YES, YES, NO),
        (0.5, 0.9, NO, NO, YES),
        (0.9, 1.1, OPEN, OPEN, OPEN),
        (1.0, 1.5, YES, OPEN, OPEN),
        (0.5, 1.0, OPEN, NO, YES),
        (1.0, 1.0, YES, NO, YES),  # known without error
        (NONE, NONE, OPEN, OPEN, OPEN),  # not known how exactly
    ],
)
def test_an_interval_decides_unless_it_contains_the_threshold(low, high, least, beyond, most):
    low, high = pd.Series([low]), pd.Series([high])
    found = (
        reaches(low, high, 1),
        reaches(low, high, 1, beyond=True),
        stays_within(low, high, 1),
    )
    assert [part.item() for part in found] == [least, beyond, most]


def test_one_no_settles_it_else_one_undecided():
    first = pd.Series([YES, YES, NO, OPEN])
    second = pd.Series([YES, OPEN, OPEN, NO])
    assert every(first, second).tolist() == [YES, OPEN, NO, NO]
    assert every(first).tolist() == first.tolist()


GOOD = {
    "phase_variation": 0.05,
    "phase_variation_uncertainty": 0.01,
    "phase_index": 0.7,
    "phase_uncertainty": 0.01,
    "phase_above": 0.4,
    "phase_above_uncertainty": 0.01,
    "deformation_index_2": 0.7,
    "deformation_uncertainty": 0.01,
    "deformation_above": 0.3,
    "deformation_above_uncertainty": 0.03,
    "deformation_drive_2": 0.9,
    "deformation_drive_uncertainty": 0.01,
    "shift_above": 0.1,
    "shift_above_uncertainty": 0.04,
    "left_out": "",
    "hand_picked": 0,
}
"""Meets all: phase variation at most 0.10, index 0.5, above 0.3; deformation index 0.5, above 0.1,
drive 0.6; a gain over shifts of 0.2, whose uncertainty is 0.05."""


@pytest.mark.parametrize(
    ("name", "change", "outcome"),
    [
        (NEAR_PERFECT, {}, YES),
        # Twice its uncertainty either way.
        (NEAR_PERFECT, {"phase_variation": 0.09}, OPEN),
        (NEAR_PERFECT, {"phase_variation": 0.13}, NO),
        (NEAR_PERFECT, {"phase_variation": 0.11}, OPEN),
        (NEAR_PERFECT, {"phase_index": 0.51}, OPEN),
        (NEAR_PERFECT, {"phase_index": 0.45}, NO),
        (NEAR_PERFECT, {"phase_above": 0.31}, OPEN),
        (NEAR_PERFECT, {"phase_above": 0.1}, NO),
        (NEAR_PERFECT, {"phase_variation": 0.09, "phase_above": 0.1}, NO),
        # A mean below zero has no variation; the index settles it.
        (NEAR_PERFECT, {"phase_variation": NONE, "phase_index": -0.1}, NO),
        (NEAR_PERFECT, {"phase_uncertainty": NONE}, OPEN),
        (NEAR_PERFECT, {"phase_index": NONE}, ""),
        (NEAR_PERFECT, {"hand_picked": 1}, ""),
        (NEAR_PERFECT, {"left_out": "flat"}, ""),
        (BENDS, {}, YES),
        (BENDS, {"deformation_index_2": 0.49}, OPEN),
        (BENDS, {"deformation_index_2": 0.3}, NO),
        (BENDS, {"deformation_above": 0.15}, OPEN),
        (BENDS, {"deformation_above": 0.03}, NO),
        (BENDS, {"deformation_drive_2": 0.6}, OPEN),
        (BENDS, {"deformation_drive_2": 0.5}, NO),
        (BENDS, {"deformation_index_2": NONE}, ""),
        (BENDS_MORE, {}, YES),
        (BENDS_MORE, {"shift_above": 0.21}, OPEN),
        (BENDS_MORE, {"shift_above": 0.5}, NO),
        (BENDS_MORE, {"shift_above": NONE}, ""),
    ],
)
def test_units_meet_what_the_second_edition_asks_for(criteria, name, change, outcome):
    units = pd.DataFrame([{**GOOD, **change}])
    assert second_conditions(units, criteria["second"])[name].tolist() == [outcome]


def test_intervals_are_as_many_uncertainties_as_the_criteria_say(criteria):
    units = pd.DataFrame([{**GOOD, "phase_variation": 0.085}])
    once = {**criteria["second"], "uncertainties": 1}
    assert second_conditions(units, once)[NEAR_PERFECT].tolist() == [YES]
    assert second_conditions(units, criteria["second"])[NEAR_PERFECT].tolist() == [OPEN]
