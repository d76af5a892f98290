"""Dots, medians and intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.figures import style
from diversevis.figures.distributions import median_mark, median_of, swarm


@pytest.fixture
def axes():
    figure, _ = style.new_page(60, 60)
    axes = style.inset(figure, 5, 5, 50, 50)
    axes.set(xlim=(-0.5, 1.5), ylim=(0, 1))
    return axes


def test_every_finite_value_has_a_dot_within_its_room(axes):
    values = np.random.default_rng(0).uniform(0.4, 0.6, 200)
    swarm(axes, 1, np.append(values, [np.nan, np.inf]), width=0.4, colour="red")
    (line,) = axes.lines
    np.testing.assert_array_equal(line.get_ydata(), np.sort(values))
    assert np.abs(line.get_xdata() - 1).max() <= 0.2 + 1e-12


def test_equal_values_stand_beside_each_other(axes):
    swarm(axes, 0, np.array([0.5, 0.5, 0.5, 0.9]), width=0.5, colour="red")
    x = axes.lines[0].get_xdata()
    apart = np.diff(axes.transData.transform(np.column_stack([x[:3], np.full(3, 0.5)]))[:, 0])
    diameter = axes.lines[0].get_markersize() / 72 * axes.figure.dpi
    np.testing.assert_allclose(apart, 1.05 * diameter)
    assert x[1] == x[3] == 0


def test_no_values_no_dots(axes):
    swarm(axes, 0, np.array([np.nan]), width=0.5, colour="red")
    assert len(axes.lines[0].get_xdata()) == 0


def test_medians_come_from_the_table(axes):
    layers = pd.DataFrame(
        [
            ("vgg19", "conv3_1", "phase_index", "median", 0.5, 0.4, 0.7),
            ("vgg19", "conv3_1", "phase_index", "share", 0.1, 0.0, 0.2),
            ("vgg19", "conv3_2", "phase_index", "median", 0.6, 0.5, 0.8),
        ],
        columns=["network", "layer", "quantity", "statistic", "value", "low", "high"],
    )
    found = median_of(layers, "vgg19", "conv3_1", "phase_index")
    assert found == (0.5, 0.4, 0.7)
    median_mark(axes, 1, 0.4, *found)
    assert axes.lines[0].get_xydata().tolist() == [[0.8, 0.5], [1.2, 0.5]]
    band = axes.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose([band.min(0), band.max(0)], [[0.8, 0.4], [1.2, 0.7]])
    median_mark(axes, 1, 0.4, *median_of(layers, "vgg19", "conv1_1", "phase_index"))
    assert len(axes.lines) == 1
