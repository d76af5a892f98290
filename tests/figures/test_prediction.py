"""Figure of indices against natural patches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, shown

from diversevis.analysis.prediction import prediction_table
from diversevis.figures import prediction
from diversevis.figures.style import network_colour


@pytest.fixture
def units():
    """Stability rises with the index, and falls with the surrogate's."""
    rows = []
    for network, layer in (("vgg19", "conv2_2"), ("vgg19", "conv3_1"), ("resnet50", "layer1.1")):
        for channel in range(6):
            row = {"network": network, "layer": layer, "channel": channel, "size": 24}
            for name, at in (("deformation", "_2"), ("shift", "_2"), ("phase", "")):
                row[f"{name}_index{at}"] = 0.4 + channel / 20
                row[f"{name}_surrogate{at}"] = 0.4 - channel / 20
            row |= {f"natural_{name}_2": 0.5 + channel / 30 for name in ("deformation", "shift")}
            rows.append(row | {"hand_picked": 0, "left_out": "", "withheld": ""})
    return pd.DataFrame(rows)


def test_each_layer_has_its_units_and_correlations(units, registry):
    figure = prediction.draw(units, prediction_table(units, 2.0, resamples=99), registry)
    _, *layers = figure.axes[:4]
    for axes, network in zip(layers, ("vgg19", "vgg19", "resnet50"), strict=True):
        linear, own = axes.lines
        assert own.get_markeredgecolor() == network_colour(network)
        assert own.get_xdata() == pytest.approx(0.4 + np.arange(6) / 20)
        assert linear.get_xdata() == pytest.approx(0.4 - np.arange(6) / 20)
        assert own.get_ydata() == pytest.approx(linear.get_ydata())
    texts = shown(figure)
    assert texts.count("ρ 1.00 (1.00 to 1.00), n = 6") == 3  # noqa: RUF001
    assert texts.count("surrogate's −1.00 (−1.00 to −1.00)") == 3  # noqa: RUF001
    assert overlapping(figure) == []


def test_summaries_have_layers_networks_and_all(units, registry):
    figure = prediction.draw(units, prediction_table(units, 2.0, resamples=99), registry)
    summaries = figure.axes[4:]
    names = ["conv2_2", "conv3_1", "layer1.1", "VGG-19", "ResNet-50", "all units"]
    for axes in summaries:
        assert [label.get_text() for label in axes.get_xticklabels()] == names
    assert len(summaries) == 3


def test_few_units_and_withheld_indices_are_said(units, registry):
    few = units[units.channel < 1]
    texts = shown(prediction.draw(few, prediction_table(few, 2.0, resamples=9), registry))
    assert texts.count("ρ not known, n = 1") == 3  # noqa: RUF001
    assert "no index was held against natural patches" in texts
    hidden = units.assign(deformation_index_2=np.nan, withheld="deformation")
    figure = prediction.draw(hidden, prediction_table(hidden, 2.0, resamples=9), registry)
    assert shown(figure).count("withheld: controls failed") == 3
    assert len(figure.axes) == 1 + 3 + 2
