"""Figure of variation against phase index."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, shown

from diversevis.figures import variation
from diversevis.figures.style import FAINT, network_colour


@pytest.fixture
def units():
    """Two networks: a unit that meets all, one too near its surrogate, one that varies too much."""
    rows = []
    for network, layer in (("vgg19", "conv3_1"), ("resnet50", "layer1.1")):
        for channel, varies, linear in ((21, 0.05, 0.2), (22, 0.06, 0.5), (23, 0.5, 0.2)):
            rows.append(
                {
                    "network": network,
                    "layer": layer,
                    "channel": channel,
                    "phase_index": 0.6,
                    "phase_surrogate": linear,
                    "phase_above": 0.6 - linear,
                    "phase_variation": varies,
                    "phase_surrogate_variation": 20.0,
                    "phase_uncertainty": 0.01,
                    "phase_above_uncertainty": 0.01,
                    "phase_variation_uncertainty": 0.01,
                    "hand_picked": int(network == "vgg19" and channel == 21),
                    "left_out": "",
                    "withheld": "",
                }
            )
    return pd.DataFrame(rows)


@pytest.fixture
def controls():
    kinds = {"simple": (0.1, 4.0), "complex": (1.0, 0.001), "complex-squared": (1.0, 0.001)}
    kinds |= {"complex-s6": (0.89, 0.05), "rigid": (0.1, 2.0)}
    return pd.DataFrame(
        [
            {
                "layer": kind,
                "channel": channel,
                "family": "all-shifts",
                "mask": mask,
                "measure": measure,
                "statistic": statistic,
                "value": value,
            }
            for kind, values in kinds.items()
            for channel in (0, 1)
            for mask, measure in (
                ("fixed", "contrast"),
                ("fixed", "response"),
                ("learned", "contrast"),
            )
            for statistic, value in zip(("mean", "variation"), values, strict=True)
        ]
    )


@pytest.fixture
def figure(units, controls, criteria):
    return variation.draw(units, controls, criteria=criteria["second"])


def marks(axes):
    return [line for line in axes.lines if line.get_marker() not in ("None", "", None)]


def test_units_that_meet_all_are_filled(figure):
    _, first, second, _ = figure.axes
    # The one that meets all was picked by hand in the first: it is not judged.
    for axes, network, full in ((first, "vgg19", []), (second, "resnet50", [0.05])):
        colour = network_colour(network)
        units = [line for line in marks(axes) if line.get_markeredgecolor() == colour]
        filled = {line.get_markerfacecolor(): line.get_ydata().tolist() for line in units}
        assert filled == {"white": [0.06, 0.5], FAINT: [], colour: full}


def test_units_picked_by_hand_are_named_and_not_counted(figure):
    texts = shown(figure)
    assert "21" in texts
    assert "0 of 2 near perfect, 0 undecided" in texts
    assert "1 of 3 near perfect, 0 undecided" in texts
    assert overlapping(figure) == []


def test_what_lies_beyond_the_scale_is_at_its_edge(figure):
    _, first, _, controls = figure.axes
    (linear,) = [line for line in marks(first) if line.get_marker() == "x"]
    assert set(linear.get_ydata()) == {10.0}
    found = {(line.get_marker(), line.get_markerfacecolor()) for line in marks(controls)}
    # Simple, complex and a narrow envelope filled, one ring for the square; rigid is no such cell.
    assert len(found) == len(marks(controls)) == 4
    lowest = [line for line in marks(controls) if line.get_marker() == "o"]
    assert [set(line.get_ydata()) for line in lowest] == [{0.01}, {0.01}]


def test_says_what_is_missing(units, controls, criteria):
    hidden = units.assign(phase_index=np.nan, phase_variation=np.nan, withheld="phase")
    figure = variation.draw(hidden, controls.iloc[:0], criteria=criteria["second"])
    texts = shown(figure)
    assert texts.count("withheld: controls failed") == 2
    assert texts.count("not measured") == 1
