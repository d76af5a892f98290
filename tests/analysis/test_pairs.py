"""Pairs of layers whose difference is known."""

from __future__ import annotations

import numpy as np

from diversevis.analysis.pairs import exploratory, pair_table

PAIR = (("vgg19", "conv3_1"), ("resnet50", "layer1.1"))


def test_direction_size_and_corrected_p(make_units, registry, criteria):
    units = make_units()  # phase_above rises over both layers, deformation_above is the same
    table = pair_table(units, [PAIR], registry, criteria)
    claimed = table[table.family == "C4"].set_index("quantity")
    assert claimed.index.tolist() == ["phase_response_above", "deformation_response_above"]
    phase = claimed.loc["phase_response_above"]
    assert (phase.cliffs_delta, phase.u) == (-1, 0)
    assert phase.first_median < phase.second_median
    assert phase.p_holm == 2 * phase.p  # two tests in the family
    same = claimed.loc["deformation_response_above"]
    assert (same.cliffs_delta, same.p_holm) == (0, 1)
    assert claimed.differs.tolist() == [True, False]


def test_exploratory_tests_do_not_weaken_the_claims(make_units, registry, criteria):
    few = {**criteria, "C4": {**criteria["C4"], "exploratory": ["phase_index"]}}
    one, other = (pair_table(make_units(), [PAIR], registry, c) for c in (criteria, few))
    assert set(one.family) == {"C4", "second C4", "exploratory"}
    for family in ("C4", "second C4"):
        claimed = [table[table.family == family].p_holm.tolist() for table in (one, other)]
        assert claimed[0] == claimed[1]


def test_units_picked_by_hand_leave_tests_of_effective_contrast(make_units, registry, criteria):
    units = make_units()
    units.loc[[0, 1, 2], "hand_picked"] = 1
    table = pair_table(units, [PAIR], registry, criteria).set_index("quantity")
    second = table[table.family == "second C4"]
    assert second.index.tolist() == ["phase_above", "deformation_above"]
    assert second.first_units.tolist() == [17, 17]
    assert table.loc["phase_index", "first_units"] == 17
    # The first edition's tests, and those of what is measured beside, are as they were.
    for name in ("phase_response_above", "deformation_response_above", "f1_f0"):
        assert table.loc[name, "first_units"] == 20


def test_a_small_effect_does_not_differ_however_sure(make_units, registry, criteria):
    stream = np.random.default_rng(0)
    n = 2000
    values = np.concatenate([stream.normal(0.3, 1, n), stream.normal(0, 1, n)])
    table = pair_table(make_units(n, phase_above=values), [PAIR], registry, criteria)
    phase = table[table.quantity == "phase_above"].iloc[0]
    assert phase.p_holm < 1e-4
    assert not phase.differs  # delta is some 0.17


def test_pairs_without_units_are_listed_untested(make_units, registry, criteria):
    units = make_units()
    units.loc[units.network == "vgg19", "left_out"] = "dead"
    table = pair_table(units, [PAIR], registry, criteria)
    assert table.first_units.eq(0).all()
    assert table[["p", "p_holm", "cliffs_delta"]].isna().all(axis=None)
    assert not table.differs.any()
    assert pair_table(units, [], registry, criteria).columns.tolist() == table.columns.tolist()


def test_quantities_that_were_not_measured_are_listed_untested(make_units, registry, criteria):
    units = make_units().drop(columns="deformation_above")
    table = pair_table(units, [PAIR], registry, criteria).set_index("quantity")
    assert table.loc["deformation_above", ["p", "p_holm"]].isna().all()
    # They do not count among the tests that p values are corrected for.
    assert table.loc["phase_above", "p_holm"] == table.loc["phase_above", "p"]


def test_indices_that_criteria_do_not_name_are_explored(
    make_units, make_registry, families, spins, criteria
):
    registry = make_registry([*families, spins])
    table = pair_table(make_units(spin_above=0.5), [PAIR], registry, criteria)
    explored = table[table.family == "exploratory"]
    assert explored.quantity.tolist() == [*criteria["C4"]["exploratory"], "spin_above"]
    named = {**criteria, "C4": {**criteria["C4"], "exploratory": ["spin_index_2"]}}
    assert exploratory(registry, named) == ["spin_index_2", "shift_above"]
