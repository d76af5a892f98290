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
def test_every_unit_is_on_one_page(make_layer, units, count, lengths, registry):
    figures = list(pages(make_layer(count), units, registry, per_page=4))
    names = [[text for text in shown(figure) if text.isdigit()] for figure in figures]
    assert [len(some) for some in names] == lengths
    assert [name for some in names for name in some] == [str(100 + unit) for unit in range(count)]
    for number, figure in enumerate(figures, start=1):
        last = "receptive field 5 px; indices: mean effective contrast; "
        last += f"page {number} of {len(lengths)}"
        assert last in shown(figure)
        assert len(pictures(figure)) == lengths[number - 1] * 12
        assert overlapping(figure) == []


@pytest.mark.parametrize("n", [2, 6, 8])
def test_numbers_below_the_images(make_layer, units, n, registry):
    (figure,) = pages(make_layer(1, n), units, registry)
    assert "activation 50.0, distance 2.00" in shown(figure)
    assert "activation 47.5, distance 5.00" in shown(figure)
    assert len(pictures(figure)) == 2 * n
    assert overlapping(figure) == []


def test_indices_beside_them(make_layer, units, registry):
    units.loc[1, "left_out"] = "no patch drives it above zero"
    units.loc[2, "phase_index"] = np.nan
    units.loc[1, "hand_picked"] = 1
    (figure,) = pages(make_layer(3), units, registry)
    texts = shown(figure)
    assert "phase 0.50 (0.21)\nshift 0.70 (0.50)\ndeform. 0.60 (0.40)\nF1/F0 1.34" in texts
    assert "picked by hand\nleft out: not\ndriven above zero" in texts
    assert "shift 0.72 (0.50)\ndeform. 0.64 (0.40)\nF1/F0 1.14" in texts


def test_repeated_restarts_are_pale(make_layer, units, registry):
    (figure,) = pages(make_layer(2, selected=False), units, registry)
    assert len([image for image in pictures(figure) if image.get_alpha() < 1]) == 12
    assert shown(figure).count("no diverse set kept its activation: restarts repeated") == 2


def test_units_that_the_table_lacks(make_layer, units, registry):
    (figure,) = pages(make_layer(2), units[:0], registry)
    assert len(pictures(figure)) == 24


def test_every_index_is_listed(make_layer, make_measured, make_units, make_registry):
    names = "all-shifts", "shifts", "deformations", "rotations", "blurs"
    units = make_units(make_measured(3)).assign(
        rotation_index_2=0.4, rotation_surrogate_2=0.3, blur_index_2=0.2, blur_surrogate_2=0.1
    )
    (figure,) = pages(make_layer(3), units, make_registry(*names))
    text = "deform. 0.60 (0.40)\nrotation 0.40 (0.30)\nblur 0.20 (0.10)\nF1/F0 1.34"
    assert [found for found in shown(figure) if text in found]
    assert overlapping(figure) == []


def test_indices_are_those_at_the_registrys_displacement(make_layer, units, make_registry):
    (figure,) = pages(make_layer(1), units, make_registry(delta=1.0))
    assert "phase 0.50 (0.21)\nshift 0.80 (0.60)\ndeform. 0.70 (0.50)\nF1/F0 1.34" in shown(figure)
