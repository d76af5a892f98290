"""Contact sheets of all units of a layer."""

from __future__ import annotations

import numpy as np
import pytest
from figure_contents import overlapping, pictures, shown

from diversevis.figures.sheets import pages


@pytest.fixture
def units(make_measured, make_units):
    return make_units(make_measured(14))


@pytest.mark.parametrize(("count", "lengths"), [(1, [1]), (4, [4]), (5, [4, 1]), (9, [4, 4, 1])])
def test_every_unit_is_on_one_page(make_layer, units, count, lengths):
    figures = list(pages(make_layer(count), units, per_page=4))
    names = [[text for text in shown(figure) if text.isdigit()] for figure in figures]
    assert [len(some) for some in names] == lengths
    assert [name for some in names for name in some] == [str(100 + unit) for unit in range(count)]
    for number, figure in enumerate(figures, start=1):
        last = f"receptive field 5 px; page {number} of {len(lengths)}"
        assert last in shown(figure)
        assert len(pictures(figure)) == lengths[number - 1] * 12
        assert overlapping(figure) == []


@pytest.mark.parametrize("n", [2, 6, 8])
def test_numbers_below_the_images(make_layer, units, n):
    (figure,) = pages(make_layer(1, n), units)
    assert "activation 50.0, distance 2.00" in shown(figure)
    assert "activation 47.5, distance 5.00" in shown(figure)
    assert len(pictures(figure)) == 2 * n
    assert overlapping(figure) == []


def test_indices_beside_them(make_layer, units):
    units.loc[1, "left_out"] = "no patch drives it above zero"
    units.loc[2, "phase_index"] = np.nan
    (figure,) = pages(make_layer(3), units)
    texts = shown(figure)
    assert "phase 0.50 (0.21)\nshifts 0.70 (0.50)\ndeform. 0.60 (0.40)\nF1/F0 1.34" in texts
    assert "left out: not\ndriven above zero" in texts
    assert "shifts 0.72 (0.50)\ndeform. 0.64 (0.40)\nF1/F0 1.14" in texts


def test_repeated_restarts_are_pale(make_layer, units):
    (figure,) = pages(make_layer(2, selected=False), units)
    assert len([image for image in pictures(figure) if image.get_alpha() < 1]) == 12
    assert shown(figure).count("no diverse set kept its activation: restarts repeated") == 2


def test_units_that_the_table_lacks(make_layer, units):
    (figure,) = pages(make_layer(2), units[:0])
    assert len(pictures(figure)) == 24
