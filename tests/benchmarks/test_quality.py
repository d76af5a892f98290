"""When a set is as good as what the published loop ends with."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import first_step, quality

UNITS = np.array([0.97, 1.03, 1.0, 1.0])


@pytest.mark.parametrize(
    ("activation", "distance", "as_good"),
    [
        (1.0, 1.0, True),
        (0.991, 1.0, True),
        (0.989, 1.0, False),
        (1.2, 0.9, False),  # activation does not make up for distance
        (1.0, 0.995, True),  # within 1 %, as for activation
        (1.0, 0.985, False),
        (0.9, 2.0, False),
    ],
)
def test_both_criteria_have_to_hold(activation, distance, as_good):
    found = quality(activation * UNITS, distance * UNITS)
    assert found.as_good == as_good
    # The mean of UNITS is one, their geometric mean one within 0.03 %.
    assert found.activation[0] == pytest.approx(activation)
    assert found.distance[0] == pytest.approx(distance, rel=1e-3)
    assert found.activation[1] < found.activation[0] < found.activation[2]


def test_first_step_waits_for_both():
    activation = np.array([0.5, 0.995, 0.995, 1.0, 1.0])
    distance = np.array([2.0, 0.8, 1.0, 1.0, 1.0])
    assert first_step(*(np.outer(UNITS, values) for values in (activation, distance))) == 2


def test_first_step_is_the_last_where_none_is_good_before():
    activation = np.outer(UNITS, [0.5, 0.6, 0.7, 1.0])
    assert first_step(activation, np.ones((4, 4))) == 3
