"""Parts that figures of transformation tests share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import pictures

from diversevis.figures.style import new_page
from diversevis.figures.transforms import (
    at_delta,
    left_out_note,
    means_of,
    picked,
    ratio,
    show_map,
    stays,
    with_index,
)


def test_map_has_each_response_at_its_corner(make_measured):
    layer = make_measured(1)
    tests = layer.find("all-shifts")
    figure, page = new_page(30)
    contrasts = tests.contrasts[0]
    show_map(page, tests, contrasts, 1, 1, 20)
    (image,) = pictures(figure)
    shown = np.asarray(image.get_array())
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)
    step = len(shown) // 9
    np.testing.assert_allclose(shown[step // 2 :: step, step // 2 :: step].ravel(), contrasts)
    assert image.get_extent() == [1, 21, 21, 1]  # down is down


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.704, "0.70"), (-0.07, "−0.07"), (-0.001, "0.00"), (np.nan, "–")],  # noqa: RUF001
)
def test_ratios_have_two_decimals(value, text):
    assert ratio(value) == text


def test_indices_of_the_table_of_units(make_measured, make_units, registry):
    units = make_units(make_measured(2))
    found = with_index(units, registry.of("deformation"))
    assert found.value.tolist() == units.deformation_index_2.tolist()
    assert found.surrogate.tolist() == units.deformation_surrogate_2.tolist()
    assert with_index(units, registry.of("rotation")).value.isna().all()
    withheld = units.drop(columns="deformation_index_2")
    assert with_index(withheld, registry.of("deformation")).value.isna().all()


def test_rows_of_the_tidy_table(make_measured, make_units, make_indices):
    units = make_units(make_measured(2))
    rows = means_of(make_indices(units), "deformations")
    assert rows.delta.tolist() == [1, 1, 2, 2]
    assert at_delta(rows, 2).value.tolist() == units.deformation_index_2.tolist()
    phase = at_delta(means_of(make_indices(units), "all-shifts"), None)
    assert phase.value.tolist() == units.phase_index.tolist()


def test_units_that_stay():
    never = "no patch drives it above zero"
    units = pd.DataFrame({"left_out": [np.nan, "", never, never]})
    assert stays(units).tolist() == [True, True, False, False]
    assert left_out_note(units[:2]) == ""
    assert left_out_note(units[:3]) == "1 unit left out:\nnot driven above zero"
    assert left_out_note(units) == "2 units left out:\nnot driven above zero"
    both = pd.DataFrame({"left_out": [never, "its contrast curve is flat"]})
    words = "not driven above zero, contrast curve is flat"
    assert left_out_note(both) == f"2 units left out:\n{words}"


def test_rows_of_responses_are_not_mixed_in():
    rows = pd.DataFrame({"measure": ["contrast", "response"], "value": [0.2, 0.4]})
    rows = rows.assign(family="shifts", mask="fixed", statistic="mean")
    assert means_of(rows, "shifts").value.tolist() == [0.2]


def test_units_picked_by_hand():
    assert picked(pd.DataFrame({"hand_picked": [0, 1]})).tolist() == [False, True]
    assert picked(pd.DataFrame({"channel": [3]})).tolist() == [False]
