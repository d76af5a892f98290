"""Figure of natural patches beside synthesised ones."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.colors
import numpy as np
import pytest
from figure_contents import overlapping, pictures, shown

from diversevis.figures.natural import draw
from diversevis.figures.style import DIVERSE, NATURAL, RESTARTS, number


@pytest.mark.parametrize(("units", "n"), [(1, 6), (3, 6), (2, 2), (1, 13)])
def test_shows_all_images_and_their_numbers(make_layer, units, n):
    layer = make_layer(units, n)
    figure = draw([layer])
    assert len(pictures(figure)) == units * (2 * n + 1)
    texts = " ".join(shown(figure)).replace("\n", ", ")
    for unit in range(units):
        mean = layer.restart_activations[unit].mean()
        assert str(layer.channels[unit]) in texts
        assert f"activation {number(mean)}, distance 2.00" in texts
        assert f"activation {number(0.95 * mean)} (95 %), distance 5.00 (2.5 times)" in texts
    assert texts.count("12.3") == units  # the response to the best natural patch
    assert texts.count("VGG-19, conv3_1") == units
    assert overlapping(figure) == []


def test_activations_are_relative_to_the_restarts(make_layer):
    layer = make_layer(2)
    axes = draw([layer]).axes[1]
    lines = {}
    for collection in axes.collections:
        colour = matplotlib.colors.to_hex(collection.get_color()[0]).upper()
        x = [segment[0, 0] for segment in collection.get_segments()]
        lines.setdefault(colour, []).append(x)
    means = layer.restart_activations.mean(1, keepdims=True)
    np.testing.assert_allclose(lines[RESTARTS], layer.restart_activations / means)
    np.testing.assert_allclose(lines[DIVERSE], layer.diverse_activations / means)
    best = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "."]
    np.testing.assert_allclose(best, 12.34 / means[:, 0])
    natural = [
        line.get_xdata() for line in axes.lines if line.get_color() == NATURAL and line.get_lw() > 3
    ]
    np.testing.assert_allclose(natural, np.array([-1.0, 1.0]) / means)


def test_a_far_better_natural_patch_does_not_squeeze_the_other_rows(make_layer):
    layer = make_layer(3)
    best = layer.natural_quantiles.copy()
    best[:, -1] = layer.restart_activations.mean(1) * np.array([0.5, 0.6, 11])
    axes = draw([replace(layer, natural_quantiles=best)]).axes[1]
    assert axes.get_xlim()[1] <= 3
    assert [text.get_text() for text in axes.texts] == ["best 11 →"]
    assert sum(line.get_marker() == "." for line in axes.lines) == 2


def test_rows_of_activations_align_with_images(make_layer):
    figure = draw([make_layer(4)])
    page, axes = figure.axes
    middles = [
        axes.transData.transform((0, collection.get_segments()[0][:, 1].mean()))[1]
        for collection in axes.collections[::2]  # restarts: the middle one of three lanes
    ]
    centres = [
        page.transData.transform((0, np.mean(image.get_extent()[2:])))[1]
        for image in page.images[::13]
    ]
    assert middles == pytest.approx(centres, abs=0.01)


def test_says_that_no_set_kept_the_activation(make_layer):
    figure = draw([make_layer(2, selected=False)], fraction=0.8)
    assert shown(figure).count("no diverse set kept 80 %, restarts repeated") == 2
    pale = [image for image in pictures(figure) if image.get_alpha() < 1]
    assert len(pale) == 2 * 6
    assert "times" not in " ".join(shown(figure))
    assert len(figure.axes[1].collections) == 2  # restarts only
    assert overlapping(figure) == []


def test_units_that_restarts_do_not_drive(make_layer):
    mixed, undriven = make_layer(2), make_layer(2, selected=False, driven=False)
    figure = draw([undriven])
    beside = [text.get_text() for text in figure.axes[1].texts]
    assert beside == ["restart mean below zero"] * 2
    assert not figure.axes[1].collections
    activations = np.stack([mixed.restart_activations[0], undriven.restart_activations[1]])
    one = replace(mixed, restart_activations=activations, relative_diversity=np.array([0.1, 0.0]))
    figure = draw([one])
    assert len(figure.axes[1].collections) == 2
    assert "101" not in shown(figure)  # where others are driven it has no rank


def test_units_are_spread_over_the_responses_to_natural_patches(make_layer):
    layer = make_layer(9)
    best = layer.natural_quantiles.copy()
    best[:, -1] = layer.restart_activations.mean(1) * np.array([4, 9, 2, 7, 1, 6, 8, 3, 5]) / 10
    layers = [
        replace(layer, natural_quantiles=best),
        replace(layer, network="resnet50", layer="layer1.0", natural_quantiles=best),
    ]
    figure = draw(layers, most=6)
    names = [text for text in shown(figure) if text.isdigit()]
    assert names == ["101", "108", "104"] * 2  # the highest, the middle one, the lowest
    assert overlapping(figure) == []
    names = [text for text in shown(draw(layers, most=1)) if text.isdigit()]
    assert names == ["101", "101"]
