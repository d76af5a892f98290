"""Figure of the units that are most invariant."""

from __future__ import annotations

import numpy as np
import pytest
from figure_contents import overlapping, pictures, same_bytes, same_picture, shown

from diversevis.figures.canvases import best_canvases
from diversevis.figures.most_invariant import draw, kinds

MEETS = {"phase_variation": 0.05, "phase_index": 0.8}
NEARLY = {**MEETS, "phase_variation": 0.095}


@pytest.fixture
def criteria(criteria):
    return criteria["second"]


@pytest.fixture
def layer(make_measured):
    return make_measured(5)


@pytest.fixture
def units(make_units, above, layer):
    """Five units: of the first kind 101, 103 and 102, in doubt 104; of the second 100 and 102."""
    units = make_units(layer)
    for row, values in ((1, MEETS), (2, {**MEETS, "phase_variation": 0.07}), (4, NEARLY)):
        units.loc[row, list(values)] = list(values.values())
    units.loc[3, list(MEETS)] = [0.05, 0.79]  # varies as little as 101, and has less of an index
    units["deformation_index_2"] = [0.85, 0.61, 0.8, 0.61, 0.3]
    units["deformation_surrogate_2"] = [0.6, 0.6, 0.4, 0.6, 0.1]
    return above(units)


def chosen(found):
    return [kind.chosen["channel"].tolist() for kind in found]


def test_those_that_meet_all_by_their_rank_then_those_in_doubt(units, registry, criteria):
    found = kinds(units, registry, criteria)
    assert [kind.condition for kind in found] == ["near_perfect", "bends"]
    assert chosen(found) == [[101, 103, 102, 104], [102, 100]]
    assert chosen(kinds(units, registry, criteria, most=2)) == [[101, 103], [102, 100]]


def test_units_without_a_say_are_not_shown(units, registry, criteria):
    units.loc[1, "hand_picked"] = 1
    units.loc[2, "left_out"] = "nothing drives it"
    assert chosen(kinds(units, registry, criteria)) == [[103, 104], [100]]


def test_an_index_that_was_not_measured_has_no_column(units, make_registry, criteria):
    (kind,) = kinds(units, make_registry("all-shifts"), criteria)
    assert kind.condition == "near_perfect"


@pytest.fixture
def found(units, registry, criteria, layer, make_tests):
    return [
        (kind, best_canvases([layer], make_tests(layer), kind.index))
        for kind in kinds(units, registry, criteria)
    ]


@pytest.fixture
def sets(layer):
    rng = np.random.default_rng(1)
    images = rng.normal(0, 40, (5, 6, 3, 10, 10)).astype(np.float32)
    return {(layer.network, layer.layer, 100 + n): own for n, own in enumerate(images)}


def test_sets_canvases_and_members_with_their_numbers(found, sets, layer):
    figure = draw(found, sets)
    texts = shown(figure)
    names = [text for text in texts if text.startswith("VGG-19")]
    order = [101, 103, 102, 104, 102, 100]
    assert names == [f"VGG-19 conv3_1, {channel}" for channel in order]
    numbers = [text for text in texts if text.startswith("index")]
    assert numbers[0] == "index 0.80 (0.21), variation 0.05"
    assert [text.endswith("undecided") for text in numbers] == [False] * 3 + [True] + [False] * 2
    # Six images, a canvas, and a map or four members of each; the scale of colours.
    drawn = pictures(figure)
    assert len(drawn) == 4 * (6 + 1 + 1) + 2 * (6 + 1 + 4) + 1
    of_set = sets[layer.network, layer.layer, 101]
    assert all(same_picture(drawn[n], of_set[n]) for n in range(6))
    phase, deformations = (kind.index for kind, _ in found)
    texture = layer.find(phase.family, phase.delta)
    assert same_picture(drawn[6], texture.canvases[1])
    bent = layer.find(deformations.family, deformations.delta)
    begin = 4 * 8
    assert same_picture(drawn[begin + 6], bent.canvases[2])
    members = [0, 1, -2, -1]  # most and next to it, next to least and least
    for place, member in enumerate(members):
        assert same_picture(drawn[begin + 7 + place], bent.patches[2][member])
    assert overlapping(figure) == []


def test_what_was_not_kept_is_left_blank(found, sets):
    kind, _ = found[0]
    figure = draw([(kind, {}), found[1]], {})
    assert len(pictures(figure)) == 2 * (1 + 4) + 1
    assert sum("VGG-19" in text for text in shown(figure)) == 6


def test_no_unit_of_a_kind(units, registry, criteria):
    nothing = units.assign(phase_index=0.1, deformation_index_2=0.1)
    figure = draw([(kind, {}) for kind in kinds(nothing, registry, criteria)], {})
    assert shown(figure).count("there is none") == 2
    assert overlapping(figure) == []


def test_same_bytes(found, sets, tmp_path):
    assert same_bytes(lambda: draw(found[1:], sets), tmp_path)
