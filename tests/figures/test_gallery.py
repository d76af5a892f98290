"""Figure (c)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from figure_contents import overlapping, pictures, shown

from diversevis.figures.gallery import draw


@pytest.mark.parametrize(("units", "n"), [(1, 6), (5, 6), (6, 6), (2, 3), (3, 8)])
def test_shows_natural_patch_and_diverse_set_of_each_unit(make_layer, units, n):
    layers = [make_layer(units, n), replace(make_layer(1, n), layer="conv3_2")]
    figure = draw(layers)
    assert len(pictures(figure)) == (units + 1) * (n + 1)
    texts = shown(figure)
    for channel in layers[0].channels:
        assert str(channel) in texts
    assert [text for text in texts if text.startswith("conv")] == ["conv3_1", "conv3_2"]
    assert texts.count("receptive field 5 px") == 2
    assert not [text for text in texts if text.startswith("restarts")]
    assert overlapping(figure) == []


def test_patches_of_all_layers_are_equally_large(make_layer):
    small = make_layer(2)
    large = replace(
        small,
        layer="conv3_2",
        restarts=np.zeros((2, 6, 3, 9, 9)),
        diverse=np.zeros((2, 6, 3, 9, 9)),
        natural=np.zeros((2, 3, 9, 9)),
    )
    figure = draw([small, large])
    extents = np.array([image.get_extent() for image in pictures(figure)])
    assert np.ptp(extents[:, 1] - extents[:, 0]) < 1e-9
    np.testing.assert_allclose(extents[:, 1] - extents[:, 0], extents[:, 2] - extents[:, 3])
    assert "receptive field 9 px" in shown(figure)


def test_says_where_restarts_surrogate(make_layer):
    kept = draw([make_layer(2, selected=False)], fraction=0.8)
    assert shown(kept).count("restarts: no diverse set kept 80 %") == 2
    undriven = draw([make_layer(1, selected=False, driven=False)])
    assert "restarts: their mean is below zero" in shown(undriven)


def test_layers_with_many_units_show_some_evenly_spaced(make_layer):
    layers = [make_layer(11), replace(make_layer(2), layer="conv3_2")]
    figure = draw(layers)
    names = [text for text in shown(figure) if text.isdigit()]
    assert names == ["100", "102", "104", "106", "108", "110", "100", "101"]
    texts = shown(figure)
    assert texts.count("6 of 11 units, receptive field 5 px") == 1
    assert texts.count("receptive field 5 px") == 1
    assert overlapping(figure) == []


def test_deep_networks_show_fewer_units_a_layer(make_layer):
    layers = [replace(make_layer(8), layer=f"conv{i}_1") for i in range(6)]
    figure = draw(layers)
    assert shown(figure).count("4 of 8 units, receptive field 5 px") == 6
    assert len(pictures(figure)) == 6 * 4 * 7
