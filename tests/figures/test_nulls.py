"""Figure of trained networks and their nulls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, shown

from diversevis.analysis.nulls import null_table
from diversevis.figures import nulls
from diversevis.figures.style import GREY, network_colour

LAYERS = [("vgg19", "conv3_1"), ("vgg19", "conv3_2"), ("resnet50", "layer1.1")]


@pytest.fixture
def units():
    """Three layers of ten units, nulls with two seeds; one null is dead in the second layer."""
    rows = []
    for network, layer in LAYERS:
        for mark, value in (("", 0.5), ("+he", 0.1), ("+he.1", 0.2), ("+positions", 0.5)):
            for channel in range(10):
                is_dead = layer == "conv3_2" and "+he" in mark
                rows.append(
                    {
                        "network": f"{network}{mark}",
                        "layer": layer,
                        "channel": channel,
                        "phase_above": value + channel / 100,
                        "deformation_above": -value - channel / 100,
                        "left_out": "no patch drives it above zero" if is_dead else "",
                        "withheld": "",
                    }
                )
    return pd.DataFrame(rows)


@pytest.fixture
def figure(units, registry, criteria):
    criteria = criteria["second"]["C5"]
    table = null_table(units, criteria)
    return nulls.draw(units, table, registry, criteria=criteria)


def test_trained_units_and_those_of_all_seeds_of_a_null_are_dots(figure):
    _, phase, deformation = figure.axes
    dots = [line for line in phase.lines if line.get_marker() not in ("None", None, "")]
    trained = [line for line in dots if line.get_markerfacecolor() == network_colour("vgg19")]
    assert [len(line.get_ydata()) for line in trained] == [10, 10]
    assert np.sort(trained[0].get_ydata()) == pytest.approx(0.5 + np.arange(10) / 100)
    of_nulls = [line for line in dots if line.get_markeredgecolor() == GREY]
    counts = {line.get_marker(): [] for line in of_nulls}
    for line in of_nulls:
        counts[line.get_marker()].append(len(line.get_ydata()))
    # He-initialised, two seeds, dead in one layer; positions permuted, one seed.
    assert list(counts.values()) == [[20, 0, 20], [10, 10, 10]]
    assert all(line.get_markerfacecolor() == "white" for line in of_nulls)
    assert len(deformation.lines) == len(phase.lines)


def test_nulls_are_named_and_told_apart_without_colour(figure):
    texts = shown(figure)
    for name in ("VGG-19", "ResNet-50", "conv3_1", "layer1.1", "trained", "he", "positions"):
        assert name in texts
    assert texts.count("not measured") == 2  # once for each quantity
    assert overlapping(figure) == []


def test_deltas_are_bold_where_trained_units_exceed(figure):
    page = figure.axes[0]
    weights = {}
    for text in page.texts:
        if text.get_rotation() == 90 and text.get_text() in ("1.00", "0.00", "\u22121.00"):
            weights.setdefault(text.get_text(), set()).add(text.get_weight())
    # Higher in phase, equal, and lower in deformation.
    assert weights == {"1.00": {"bold"}, "0.00": {"normal"}, "\u22121.00": {"normal"}}
