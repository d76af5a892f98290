"""Figure (b)."""

from __future__ import annotations

import numpy as np
import pytest
from figure_contents import overlapping, shown

from diversevis.figures.style import DIVERSE, GREY, RESTARTS, network_colour
from diversevis.figures.tradeoff import draw, relative


def points(axes, colour, marker=None):
    return [
        np.column_stack(line.get_data())
        for line in axes.lines
        if line.get_color() == colour and (marker is None or line.get_marker() == marker)
    ]


def test_activation_and_distance_are_relative_to_restarts(sweeps):
    table = relative(sweeps)
    driven = table[~((table.layer == "layer1.0") & (table.channel == 8))]
    assert driven.activation.tolist() == pytest.approx([1, 0.95, 0.5] * 5)
    assert driven.distance.tolist() == pytest.approx([1, 2, 8] * 5)
    assert table.activation.isna().sum() == 3


def test_one_panel_a_layer(sweeps):
    figure = draw(sweeps, fraction=0.9)
    page, *panels = figure.axes
    assert len(panels) == 3
    titles = [text for text in shown(figure) if text in _TITLES]
    assert titles == _TITLES
    tops = [axes.get_position().y1 for axes in panels]
    assert tops[0] == tops[1] > tops[2]
    assert [text for text in shown(figure) if "unit" in text] == ["2 units", "2 units", "1 unit"]
    assert page.get_legend().get_texts()[1].get_text() == "median of units at c = 0, 0.1, 0.3"
    assert overlapping(figure) == []


_TITLES = ["VGG-19 conv2_2", "VGG-19 conv3_1", "ResNet-50 layer1.0"]


def test_lines_chosen_medians_restarts_and_fraction(sweeps):
    sweeps.loc[(sweeps.channel == 3) & (sweeps.relative_diversity == 0.3), "min_distance"] = 2.0
    panel = draw(sweeps, fraction=0.85).axes[1]
    units = [line for line in points(panel, GREY) if len(line) == 3]
    assert [line[2].tolist() for line in units] == [[0.5, 4.0], [0.5, 8.0]]
    (median,) = points(panel, network_colour("vgg19"))
    np.testing.assert_allclose(median, [[1, 1], [0.95, 2], [0.5, 6]])
    (chosen,) = points(panel, DIVERSE)
    np.testing.assert_allclose(chosen, [[0.95, 2]] * 2)
    (restarts,) = points(panel, RESTARTS)
    assert restarts.tolist() == [[1, 1]]
    assert [line[0, 0] for line in points(panel, GREY) if len(line) == 2] == [0.85]


def test_leaves_out_and_counts_units_that_are_not_driven(sweeps):
    figure = draw(sweeps, fraction=0.9)
    notes = [[text.get_text() for text in axes.texts] for axes in figure.axes[1:]]
    assert notes == [[], [], ["1 left out:\nrestart mean\nbelow zero"]]
    assert len([line for line in points(figure.axes[3], GREY) if len(line) == 3]) == 1


def test_layer_without_any_driven_unit(sweeps):
    sweeps.loc[sweeps.layer == "layer1.0", "mean_activation"] = -1.0
    figure = draw(sweeps, fraction=0.9)
    assert "0 units" in shown(figure)
    assert "2 left out:\nrestart mean\nbelow zero" in shown(figure)
    assert points(figure.axes[3], RESTARTS) == []


def test_small_ratios_need_no_logarithm(sweeps):
    assert draw(sweeps, fraction=0.9).axes[1].get_yscale() == "log"
    assert draw(sweeps[sweeps.relative_diversity < 0.3], fraction=0.9).axes[1].get_yscale() == (
        "linear"
    )
