"""Figure of indices against receptive field."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, shown

from diversevis.analysis.sizes import size_table
from diversevis.figures import sizes
from diversevis.figures.style import network_colour

LAYERS = [
    ("vgg19", "conv2_2", 14, 0.1),
    ("vgg19", "conv3_1", 24, 0.3),
    ("resnet50", "layer1.0", 19, 0.0),
    ("resnet50", "layer1.1", 27, 0.0),
]
PAIRS = [
    [["vgg19", "conv2_2"], ["resnet50", "layer1.0"]],
    [["vgg19", "conv3_1"], ["resnet50", "layer1.1"]],
]
QUANTITIES = ["phase_above", "deformation_above"]


@pytest.fixture
def units():
    rows = [
        {
            "network": network,
            "layer": layer,
            "size": size,
            "channel": channel,
            "phase_above": middle + (channel - 4) / 100,
            "deformation_above": middle / 2 + (channel - 4) / 100,
            "hand_picked": 0,
            "left_out": "",
            "withheld": "",
        }
        for network, layer, size, middle in LAYERS
        for channel in range(9)
    ]
    return pd.DataFrame(rows)


def test_medians_are_joined_over_dots_of_all_units(units, registry):
    units.loc[0, "left_out"] = "no patch drives it above zero"
    figure = sizes.draw(units, size_table(units, PAIRS, QUANTITIES, resamples=99), registry)
    _, phase, *_ = figure.axes
    own = [line for line in phase.lines if line.get_color() == network_colour("vgg19")]
    (curve,) = [line for line in own if line.get_linestyle() == "-" and len(line.get_xdata()) == 2]
    assert curve.get_xdata() == pytest.approx(np.log2([14, 24]))
    assert curve.get_ydata() == pytest.approx([0.105, 0.3])
    dots = [line for line in phase.lines if line.get_alpha() == 0.4]
    assert [len(line.get_ydata()) for line in dots] == [8, 9, 9, 9]
    texts = shown(figure)
    assert {"VGG-19", "conv2_2, conv3_1", "ResNet-50", "layer1.0, layer1.1"} <= set(texts)
    assert overlapping(figure) == []


def test_differences_are_those_of_the_table(units, registry):
    table = size_table(units, PAIRS, QUANTITIES, resamples=99)
    figure = sizes.draw(units, table, registry)
    lower = figure.axes[2]
    lines = [
        line for line in lower.lines if len(line.get_xdata()) == 2 and line.get_marker() == "None"
    ]
    x, y = lines[-1].get_data()
    assert 2**x == pytest.approx([19, 24])
    # Half way from 14 to 24 px, more or less, and there: the other network's is zero.
    part = np.log(19 / 14) / np.log(24 / 14)
    assert y == pytest.approx([0.1 + 0.2 * part, 0.3])
    assert len([line for line in lower.lines if line.get_marker() == "o"]) == len(PAIRS)


def test_one_network_has_no_difference(units, registry):
    own = units[units.network == "vgg19"]
    figure = sizes.draw(own, size_table(own, [], QUANTITIES, resamples=9), registry)
    assert len(figure.axes) == 3  # the page, and a panel for each index
    assert not [text for text in shown(figure) if "less" in text]


def test_says_what_is_missing(units, registry):
    hidden = units.assign(phase_above=np.nan, withheld="phase")
    table = size_table(units, PAIRS, QUANTITIES, resamples=9)
    table = table[table.quantity != "phase_above"]
    assert len(sizes.draw(hidden, table, registry).axes) == 3
    figure = sizes.draw(hidden, table.iloc[:0], registry)
    assert "no index was measured" in shown(figure)
