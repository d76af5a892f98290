"""Parts that figures of transformation tests share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import pictures

from diversevis.figures.style import page
from diversevis.figures.transforms import (
    deltas_of,
    extremes,
    left_out_note,
    main_delta,
    member_patches,
    ratio,
    show_map,
    stays,
    unmoved_patch,
)


def test_members_are_masked_crops(make_measured):
    layer = make_measured(2)
    data = layer.find("all-shifts")
    (patch,) = member_patches(layer, data, 1, [11])  # corner (1, 2) of 9 x 9
    expected = data.canvases[1][:, 1:11, 2:12] * data.masks[1]
    np.testing.assert_allclose(patch, expected, rtol=1e-6)


@pytest.mark.parametrize("family", ["deformations", "rotations", "scales"])
def test_unmoved_patch_is_the_middle_of_the_canvas(make_measured, family):
    layer = make_measured(1, families=("deformations", "rotations", "scales"))
    data = layer.find(family, 1.0)
    margin = (data.canvases.shape[-1] - 10) // 2
    middle = data.canvases[0][:, margin:-margin, margin:-margin] * data.masks[0]
    np.testing.assert_allclose(unmoved_patch(layer, data, 0)[0], middle, atol=1e-3)
    assert np.abs(member_patches(layer, data, 0, [0])[0] - middle).max() > 1


def test_extremes_share_no_member():
    most, least = extremes(np.array([0.1, 0.9, 0.5, 0.7, 0.2]), 4)
    assert most.tolist() == [1, 3]
    assert least.tolist() == [4, 0]


def test_map_has_each_response_at_its_corner(make_measured):
    layer = make_measured(1)
    data = layer.find("all-shifts")
    figure, canvas = page(30)
    relative = layer.relative(data)[0]
    show_map(canvas, data, relative, 1, 1, 20)
    (image,) = pictures(figure)
    shown = np.asarray(image.get_array())
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)
    step = len(shown) // 9
    np.testing.assert_allclose(shown[step // 2 :: step, step // 2 :: step].ravel(), relative)
    assert image.get_extent() == [1, 21, 21, 1]  # down is down


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.704, "0.70"), (-0.07, "−0.07"), (-0.001, "0.00"), (np.nan, "–")],  # noqa: RUF001
)
def test_ratios_have_two_decimals(value, text):
    assert ratio(value) == text


def test_displacements_of_a_table(make_measured, make_units):
    units = make_units(make_measured(1), deltas=(3, 0.5))
    assert deltas_of(units, "deformation") == [0.5, 3]
    assert main_delta([0.5, 3]) == 3
    assert main_delta([1, 2, 3]) == 2
    assert main_delta([]) is None


def test_units_that_stay():
    units = pd.DataFrame({"left_out": [np.nan, "", "no patch drives it above zero"]})
    assert stays(units).tolist() == [True, True, False]
    assert left_out_note(1) == "1 unit left out:\nnot driven above zero"
    assert left_out_note(2) == "2 units left out:\nnot driven above zero"
