"""Figure of contrast curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, shown

from diversevis.figures import contrast
from diversevis.figures.style import network_colour

OFFSET = 0.4


@pytest.fixture
def layers(make_measured):
    """Two layers, two seeds each; the last's curves are straight lines from an offset to 1."""

    def make(network, layer, offset, seed):
        own = make_measured(3, network, layer, families=("all-shifts",), masks=("fixed",))
        (test,) = own.families
        curve = offset + (1 - offset) * np.linspace(-2, 2, 257)
        responses = own.f_max[:, None] * (offset + (1 - offset) * test.contrasts)
        better = np.array([1.0, 1 + seed, 1.0])  # unit 101 by the second seed
        return replace(
            own,
            f_max=own.f_max * better,
            contrast=own.f_max[:, None] * better[:, None] * curve,
            offset=np.full(3, offset),
            elasticity=np.full(3, 1 - offset),
            families=(replace(test, responses=responses * better[:, None]),),
            seed=seed,
        )

    return [
        make(network, layer, offset, seed)
        for network, layer, offset in (("vgg19", "conv3_1", 0.0), ("resnet50", "layer1.1", OFFSET))
        for seed in (0, 1)
    ]


@pytest.fixture
def units(layers):
    """Unit 101 is the most homogeneous of its layer, 102 of the other has the largest gap."""
    rows = []
    for network, layer, offset in (("vgg19", "conv3_1", 0.0), ("resnet50", "layer1.1", OFFSET)):
        for unit, channel in enumerate((100, 101, 102)):
            index = 0.5 - 0.1 * unit
            rows.append(
                {
                    "network": network,
                    "layer": layer,
                    "channel": channel,
                    "phase_index": index,
                    "phase_response_index": offset + (1 - offset) * index,
                    "offset": offset,
                    "elasticity": (0.999, 1.0, 1.002)[unit] if offset == 0 else 1 - offset,
                    "left_out": "",
                    "withheld": "",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def figure(layers, units, registry):
    return contrast.draw(layers, units, registry)


def test_shows_the_most_homogeneous_unit_and_that_with_the_largest_gap(figure):
    texts = shown(figure)
    assert "a  VGG-19 conv3_1, 101" in texts
    assert "b  ResNet-50 layer1.1, 102" in texts
    # Contrasts of the canvas fall evenly from 1 to 0.5: their mean is 0.75, and 0.4 + 0.6 * 0.75.
    assert (
        "offset 0.40, elasticity 0.60\nindex of responses 0.85,\nof effective contrasts 0.75"
        in texts
    )
    assert overlapping(figure) == []


def test_curves_go_from_the_offset_to_the_peak(figure):
    curves = [line for axes in figure.axes for line in axes.lines if len(line.get_xdata()) > 50]
    for line, offset in zip(curves, (0.0, OFFSET), strict=True):
        x, y = line.get_xdata(), line.get_ydata()
        assert np.interp([0, 1], x, y) == pytest.approx([offset, 1])


def test_units_with_an_offset_lie_above_the_line_by_what_it_explains(figure):
    against, explained = figure.axes[-2:]
    dots = {
        line.get_markeredgecolor(): line
        for axes in (against, explained)
        for line in axes.lines
        if line.get_marker() not in ("None", "") and len(line.get_xdata()) == 3
    }
    x, y = dots[network_colour("resnet50")].get_data()
    assert y == pytest.approx(x)  # of straight curves all is explained
    assert y == pytest.approx(OFFSET * (1 - np.array([0.5, 0.4, 0.3])))
    assert dots[network_colour("vgg19")].get_ydata() == pytest.approx([0, 0, 0])
    assert "R² of the line: 1.00" in shown(figure)


def test_one_layer_shows_both_kinds_of_units_or_one(layers, units, registry):
    of_one = units[units.network == "resnet50"]
    titles = shown(contrast.draw(layers[2:], of_one, registry))
    assert "a  ResNet-50 layer1.1, 100" in titles  # all are as near to 1: the first
    assert "b  ResNet-50 layer1.1, 102" in titles
    once = of_one[of_one.channel == 102]
    assert "no other unit to show" in shown(contrast.draw(layers[2:], once, registry))


def test_says_what_is_missing(layers, units, registry):
    hidden = units.assign(phase_index=np.nan, withheld="phase")
    assert shown(contrast.draw(layers, hidden, registry)).count("withheld: controls failed") == 4
