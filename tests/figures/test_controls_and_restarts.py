"""Figure of restarts against diverse sets, of controls and of a network's units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, pictures, same_bytes, shown

from diversevis.figures.controls_and_restarts import draw

KINDS = ("simple", "complex", "deformable")


@pytest.fixture
def controls(make_layer):
    def make(n: int = 6):
        sets = make_layer(1, n)
        channels = np.array([0])
        return [replace(sets, network="controls", layer=kind, channels=channels) for kind in KINDS]

    return make


@pytest.fixture
def indices():
    rows = [
        ("controls", kind, 0, family, delta, "fixed", "contrast", "mean", value, 0.25)
        for kind, phase, deformation in zip(
            KINDS, (0.25, 0.99, 0.61), (0.33, 0.34, 0.66), strict=True
        )
        for family, delta, value in (
            ("all-shifts", np.nan, phase),
            ("deformations", 1.0, 9),
            ("deformations", 2.0, deformation),
        )
    ]
    names = ["network", "layer", "channel", "family", "delta", "mask", "measure", "statistic"]
    return pd.DataFrame(rows, columns=[*names, "value", "surrogate"])


@pytest.fixture
def layers(make_layer):
    return [make_layer(3), replace(make_layer(3), layer="conv3_2")]


@pytest.fixture
def units(make_measured, make_units):
    table = make_units(make_measured(3), make_measured(3, "vgg19", "conv3_2"))
    table["phase_above"] = [0.1, 0.6, 0.2, 0.1, 0.1, 0.1]
    table["deformation_above"] = [0.0, 0.1, 0.0, 0.0, 0.0, 0.2]
    table["distance_ratio"] = [1.5, 2, 2, 9, 2, 2]
    return table


def marks(axes, *, filled: bool):
    return [
        line.get_xdata()[0]
        for line in axes.lines
        if line.get_marker() == "o" and (line.get_markerfacecolor() != "white") == filled
    ]


def test_controls_then_the_most_invariant_units(controls, indices, layers, units, registry):
    figure = draw(controls(), indices, layers, units, registry)
    texts = shown(figure)
    names = [text for text in texts if text.startswith(("conv", "simple", "complex", "deformable"))]
    assert names == [
        "simple cell",
        "complex cell",
        "deformable template",
        "conv3_1, 101",
        "conv3_2, 102",
    ]
    assert len(pictures(figure)) == 5 * 12
    _, phase, deformation = figure.axes
    chosen = units.loc[[1, 5]]
    np.testing.assert_allclose(marks(phase, filled=True), [0.25, 0.99, 0.61, *chosen.phase_index])
    np.testing.assert_allclose(marks(phase, filled=False), [0.25] * 3 + [0.21] * 2)
    expected = [0.33, 0.34, 0.66, *chosen.deformation_index_2]
    np.testing.assert_allclose(marks(deformation, filled=True), expected)
    assert texts.count("activation 50.0, distance 2.00") == 3
    assert "activation 95 %, distance 5.00" in texts
    assert overlapping(figure) == []


def test_says_what_is_measured_and_which_units_were_picked_by_hand(
    controls, indices, layers, units, registry
):
    units.loc[1, "hand_picked"] = 1
    figure = draw(controls(), indices, layers, units, registry)
    labels = {axes.get_xlabel() for axes in figure.axes[1:]}
    assert labels == {"mean effective contrast"}
    notes = [
        text for text in shown(figure) if text.startswith(("phase index", "deformation index"))
    ]
    assert [note.endswith("(picked by hand)") for note in notes] == [False, False, True, False]


def test_indices_stand_beside_their_images(controls, indices, layers, units, registry):
    page, phase, _ = draw(controls(), indices, layers, units, registry).axes
    heights = [line.get_ydata()[0] for line in phase.lines if line.get_markerfacecolor() == "white"]
    rows = [image.get_extent()[3] for image in page.images[::12]]
    bottoms = [image.get_extent()[2] for image in page.images[11::12]]
    np.testing.assert_allclose(heights, (np.array(rows) + bottoms) / 2)


def test_one_unit_that_is_both_is_shown_once(controls, indices, layers, units, registry):
    units.loc[1, "deformation_above"] = 0.5
    texts = shown(draw(controls(), indices, layers, units, registry))
    assert texts.count("conv3_1, 101") == 1
    assert "conv3_2, 102" in texts  # the next most


def test_withheld_indices(controls, indices, layers, units, registry):
    names = [name for name in units if name.startswith(("phase_", "deformation_"))]
    units[names] = np.nan
    figure = draw(controls(), indices[indices.family == "all-shifts"], layers, units, registry)
    texts = shown(figure)
    assert "conv3_2, 100" in texts  # by its distance
    assert texts.count("not reported") == 2 + 3
    assert overlapping(figure) == []


def test_left_out_units_and_other_networks_are_not_chosen(
    controls, indices, layers, units, registry
):
    units.loc[1, "left_out"] = "no patch drives it above zero"
    units.loc[5, "network"] = "resnet50"
    texts = shown(draw(controls(), indices, layers, units, registry))
    assert "conv3_1, 102" in texts
    assert "conv3_2, 102" not in texts


@pytest.mark.parametrize("n", [2, 3, 8])
def test_other_numbers_of_images(make_layer, controls, indices, units, registry, n):
    figure = draw(controls(n), indices, [make_layer(3, n)], units, registry)
    assert len(pictures(figure)) == 5 * 2 * min(n, 6)
    assert overlapping(figure) == []


def test_without_units_the_controls_alone(controls, indices, units, registry):
    figure = draw(controls(), indices, [], units, registry)
    assert len(pictures(figure)) == 3 * 12


def test_sets_that_kept_too_little_are_pale(make_layer, controls, indices, units, registry):
    figure = draw(
        controls(), indices, [make_layer(3, selected=False)], units, registry, fraction=0.8
    )
    assert "no diverse set kept 80 %: restarts" in shown(figure)
    assert len([image for image in pictures(figure) if image.get_alpha() < 1]) == 12


def test_same_bytes(controls, indices, layers, units, registry, tmp_path):
    assert same_bytes(lambda: draw(controls(2), indices, [], units, registry), tmp_path)
