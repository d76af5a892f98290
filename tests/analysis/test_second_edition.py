"""The second edition's claims on tables whose verdict is known: holds, does not, undecided."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.claims import EXAMINED, WITH_EXAMINED, claim_table
from diversevis.analysis.pairs import pair_table
from diversevis.analysis.second_edition import enough
from diversevis.analysis.sizes import COLUMNS as SIZE_COLUMNS
from diversevis.analysis.sizes import run as compare_sizes
from diversevis.analysis.tables import read_frame, write_frame

PAIR = (("vgg19", "conv3_1"), ("resnet50", "layer1.1"))
SETTLED = {
    # Nothing that is asked for, and nothing near it.
    "phase_variation": 0.5,
    "phase_variation_uncertainty": 0.01,
    "phase_index": 0.3,
    "phase_uncertainty": 0.01,
    "phase_above": 0.1,
    "phase_above_uncertainty": 0.01,
    "deformation_index_2": 0.3,
    "deformation_uncertainty": 0.01,
    "deformation_above": 0.05,
    "deformation_above_uncertainty": 0.01,
    "deformation_drive_2": 0.5,
    "deformation_drive_uncertainty": 0.01,
    "shift_above": 0.05,
    "shift_above_uncertainty": 0.01,
    # Not measured: medians take no time.
    "surrogate_set_level_ratio": np.nan,
    "surrogate_set_ratio": np.nan,
    "distance_ratio": np.nan,
}
RATIOS = {"surrogate_set_level_ratio": 1.5, "surrogate_set_ratio": 1.8, "distance_ratio": 2.0}
PERFECT = {"phase_variation": 0.05, "phase_index": 0.8, "phase_above": 0.5}
NEARLY = {**PERFECT, "phase_variation": 0.1}
BENT = {"deformation_index_2": 0.8, "deformation_above": 0.4, "deformation_drive_2": 0.9}
PARTLY = {**BENT, "deformation_above": 0.11}


@pytest.fixture
def settled(make_units):
    """Return a maker of units that meet nothing but what is said of some rows."""

    def make(*changes, n=20, **columns):
        units = make_units(n, **{**SETTLED, **columns})
        for rows, values in changes:
            units.loc[list(rows), list(values)] = list(values.values())
        return units

    return make


@pytest.fixture
def judge(registry, criteria):
    def judge(units, sizes=None, pairs=(PAIR,)):
        tests = pair_table(units, pairs, registry, criteria)
        table = claim_table(units, tests, registry, criteria, sizes=sizes)
        return table[table.edition == "second"]

    return judge


def verdict(table, claim):
    (held,) = table.loc[table.claim == claim, "holds"].unique()
    return held


def deciding(table, claim, part):
    rows = table.set_index(["claim", "part", "kind"])
    return rows.loc[(claim, part, "decides")]


def test_counts_are_enough_unless_undecided_ones_could_turn_it():
    assert [enough(3, 0, 3), enough(2, 1, 3), enough(2, 0, 3)] == [True, None, False]


def test_second_edition_says_that_its_criteria_knew_the_units(settled, judge):
    assert set(judge(settled()).note) == {EXAMINED}


# --- C1 ---


def spread(low, high):
    return np.linspace(low, high, 20).tolist()


@pytest.mark.parametrize(
    ("first", "second", "held"),
    [
        (spread(1.2, 1.8), spread(1.2, 1.8), True),
        # One layer settles it: its median is below.
        (spread(1.2, 1.8), spread(0.2, 0.8), False),
        ([1.0] * 20, [1.0] * 20, False),  # no better than the surrogate
        # All medians are above; 36 of 40 are not clearly nine in ten, and half of them are not.
        ([0.9] * 2 + spread(1.2, 1.8)[2:], [0.9] * 2 + spread(1.2, 1.8)[2:], None),
        ([0.9] * 7 + [1.5] * 13, [0.9] * 7 + [1.5] * 13, False),
    ],
)
def test_c1_is_judged_layer_by_layer_and_by_its_share(settled, judge, first, second, held):
    table = judge(settled(**{**RATIOS, "surrogate_set_level_ratio": first + second}))
    assert verdict(table, "C1") is held


def test_c1_is_undecided_where_a_median_is(settled, judge):
    # Two units of the second layer have a ratio, one on either side of 1.
    ratios = [1.5] * 20 + [0.9, 1.2] + [np.nan] * 18
    table = judge(settled(**{**RATIOS, "surrogate_set_level_ratio": ratios}))
    row = deciding(table, "C1", "surrogate_set_level_ratio")
    assert (row.met, row.value, row.low, row.high) == (None, 1, 1, 2)
    assert row.reason.endswith("resnet50 layer1.1")


def test_c1_reports_every_layer_and_the_other_ratio_without_a_say(settled, judge):
    table = judge(settled(**{**RATIOS, "surrogate_set_ratio": 0.5}))
    assert verdict(table, "C1") is True
    own = table[table.claim == "C1"]
    ratio = own[own.part == "surrogate_set_ratio"].iloc[0]
    assert (ratio.kind, ratio.value, ratio.met) == ("beside", 0, False)
    layer = own[(own.part == "surrogate_set_level_ratio/vgg19/conv3_1")].set_index("kind")
    assert layer.value.to_dict() == {"test": 1.5, "share": 1}
    # Wilson's interval of 20 of 20.
    assert layer.loc["share", "low"] == pytest.approx(0.839, abs=5e-4)
    assert deciding(table, "C1", "surrogate_set_level_ratio").value == 2


def test_c1_does_not_judge_layers_whose_restarts_coincide(settled, judge):
    ratios = {"surrogate_set_level_ratio": 0.5, "distance_ratio": 25.0}
    # All of 40 are clearly nine in ten, all of 20 are not.
    table = judge(settled((range(40), ratios), n=40, **RATIOS))
    assert verdict(table, "C1") is True
    assert deciding(table, "C1", "surrogate_set_level_ratio").units == 40
    (coinciding,) = table.index[table.part == "coincide/vgg19/conv3_1"]
    assert table.loc[coinciding, "value"] == pytest.approx(0.04)
    # Restarts of no distance at all: an infinite ratio.
    for ratio, held in ((np.inf, True), (15.0, False)):
        units = settled((range(40), {**ratios, "distance_ratio": ratio}), n=40, **RATIOS)
        assert verdict(judge(units), "C1") is held


def test_c1_is_undecided_without_surrogates(settled, judge):
    table = judge(settled())
    assert verdict(table, "C1") is None
    assert deciding(table, "C1", "surrogate_set_level_ratio").reason == "no unit was measured"
    one_layer = judge(settled((range(20), {"surrogate_set_level_ratio": np.nan}), **RATIOS))
    assert verdict(one_layer, "C1") is None
    assert "vgg19 conv3_1" in deciding(one_layer, "C1", "surrogate_set_level_ratio").reason


# --- C2 and C3 ---


@pytest.mark.parametrize(
    ("yes", "open_ones", "held"), [(3, 0, True), (2, 1, None), (2, 0, False), (0, 3, None)]
)
def test_c2_counts_units_that_are_decided(settled, judge, yes, open_ones, held):
    both = range(yes), range(yes, yes + open_ones)
    table = judge(settled((both[0], PERFECT), (both[1], NEARLY)))
    assert verdict(table, "C2") is held
    row = deciding(table, "C2", "near_perfect")
    assert (row.value, row.units) == (yes, 20)
    assert row.reason == (f"{open_ones} more are undecided" if held is None else "")
    if open_ones:
        assert (row.low, row.high) == (yes, yes + open_ones)


def test_hand_picked_and_other_networks_units_have_no_say(settled, judge):
    units = settled((range(3), PERFECT | BENT), (range(20, 25), PERFECT | BENT))
    assert (verdict(judge(units), "C2"), verdict(judge(units), "C3")) == (True, False)
    units.loc[0, "hand_picked"] = 1
    table = judge(units)
    assert verdict(table, "C2") is False
    assert deciding(table, "C2", "near_perfect").units == 19
    # The shares of all layers are reported.
    shares = table[(table.claim == "C2") & (table.kind == "share")].set_index("part").value
    assert shares["near_perfect/vgg19/conv3_1"] == pytest.approx(2 / 19)
    assert shares["near_perfect/resnet50/layer1.1"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("bent", "partly", "perfect", "nearly", "held"),
    [
        (3, 0, 0, 0, True),
        (3, 0, 1, 0, True),
        (2, 1, 0, 0, None),
        (2, 0, 0, 0, False),
        (4, 0, 2, 0, False),  # half of them are C2's
        (4, 0, 1, 1, None),  # or may be
        (2, 0, 0, 2, False),  # too few, whatever they are
    ],
)
def test_c3_wants_units_most_of_which_are_not_of_c2(
    settled, judge, bent, partly, perfect, nearly, held
):
    table = judge(
        settled(
            (range(bent), BENT),
            (range(bent, bent + partly), PARTLY),
            (range(perfect), PERFECT),
            (range(perfect, perfect + nearly), NEARLY),
        )
    )
    assert verdict(table, "C3") is held


def test_c3_counts_beside_how_many_bend_more_than_they_shift(settled, judge):
    shifted = {"shift_above": 0.39, "shift_above_uncertainty": 0.01}
    more = {"shift_above": 0.6}
    table = judge(settled((range(4), BENT), ([0], shifted), ([1], more)))
    beside = table[table.part == "bends_more_than_shifts"].iloc[0]
    assert (beside.kind, beside.value, beside.units) == ("beside", 2, 4)
    assert (beside.low, beside.high) == (2, 3)
    assert beside.met is None


def test_withheld_indices_leave_claims_undecided(settled, judge):
    phase = [name for name in SETTLED if name.startswith("phase")]
    units = settled((range(4), BENT)).assign(**dict.fromkeys(phase, np.nan), withheld="phase")
    table = judge(units)
    failed = "controls of the phase index failed"
    assert {verdict(table, claim) for claim in ("C2", "C3", "C4")} == {None}
    for claim, part in (("C2", "near_perfect"), ("C3", "both"), ("C4", "pairs")):
        assert deciding(table, claim, part).reason == failed


def test_nothing_measured_decides_nothing(settled, judge):
    table = judge(settled(left_out="dead"))
    assert set(table.holds) == {None}
    reasons = table.loc[table.kind == "decides", "reason"]
    assert set(reasons) == {"no unit was measured"}


# --- C4 ---


def equal_size(**signs):
    """Return the table of sizes with the signs of the pair, quantity by quantity."""
    names = ("network", "layer", "other_network", "other_layer")
    about = dict(zip(names, (*PAIR[0], *PAIR[1]), strict=True)) | {"kind": "pair", "size": 25.0}
    rows = [{**about, "quantity": name, "sign": sign, "units": 40} for name, sign in signs.items()]
    return pd.DataFrame(rows, columns=list(SIZE_COLUMNS))


@pytest.fixture
def apart(settled):
    """Units of which the first network has more phase invariance, and as much of the other."""
    return settled((range(20), {"phase_above": 0.2}))


@pytest.mark.parametrize(
    ("signs", "held"),
    [
        ({"phase_above": "kept"}, True),
        ({"phase_above": "reversed"}, False),
        ({"phase_above": "undecided"}, None),
        ({"phase_above": "reversed", "deformation_above": "kept"}, False),  # that does not differ
        ({}, None),
    ],
)
def test_c4_wants_a_difference_that_keeps_its_sign(apart, judge, signs, held):
    table = judge(apart, equal_size(**signs))
    assert verdict(table, "C4") is held
    if held is None:
        assert "vgg19 conv3_1, resnet50 layer1.1" in deciding(table, "C4", "pairs").reason
    assert (table.part.str.startswith("equal_size/")).sum() == len(signs)


def test_c4_fails_where_nothing_differs(settled, judge):
    table = judge(settled(), equal_size(phase_above="kept", deformation_above="kept"))
    assert verdict(table, "C4") is False


def test_c4_is_undecided_where_units_are_too_few_or_nothing_is_compared(settled, judge):
    few = judge(settled((range(3), {"phase_above": 0.2}), n=3), equal_size(phase_above="kept"))
    assert verdict(few, "C4") is None
    assert "so few units" in deciding(few, "C4", "pairs").reason
    alone = judge(settled(), pairs=())
    assert verdict(alone, "C4") is None
    assert deciding(alone, "C4", "pairs").reason == "no layers are compared"


# --- Confirmation ---


@pytest.fixture
def confirm(registry, criteria):
    """Return the rows of the second edition, and those of the confirmation."""

    def confirm(units, sizes=None):
        tests = pair_table(units, (PAIR,), registry, criteria)
        table = claim_table(units, tests, registry, criteria, sizes=sizes)
        return (table[table.edition == name] for name in ("second", "confirmation"))

    return confirm


def new_from(units, first):
    """Return units of which no earlier run examined those from a channel on."""
    return units.assign(examined=(units["channel"] < first).astype(int))


def test_units_that_were_examined_have_no_say_in_the_confirmation(settled, confirm):
    """Three units meet C2 and other three C3; of the latter only one is new."""
    units = settled((range(17, 20), PERFECT), ((2, 3, 18), BENT))
    units.loc[18, list(PERFECT)] = [0.5, 0.3, 0.1]
    units.loc[4, list(PERFECT)] = [0.05, 0.8, 0.5]
    second, confirmed = confirm(new_from(units, 10))
    assert verdict(second, "C2") is True
    assert deciding(second, "C2", "near_perfect")["units"] == 20
    assert verdict(confirmed, "C2") is False
    count = deciding(confirmed, "C2", "near_perfect")
    assert (count["value"], count["units"]) == (2, 10)
    assert (verdict(second, "C3"), verdict(confirmed, "C3")) == (True, False)
    assert set(second.note) == {WITH_EXAMINED}
    (note,) = set(confirmed.note)
    assert note == (
        "on 20 units that no earlier run examined: vgg19 conv3_1 10, resnet50 layer1.1 10"
    )


def test_pairs_are_confirmed_by_tests_and_sizes_of_new_units(settled, confirm, criteria, tmp_path):
    """Old units are wholly apart, new ones are the same in both networks."""
    # By channel: old ones from 0 to 0.1 and from 0.3 to 0.4, new ones all alike.
    same = np.linspace(0.12, 0.28, 20)
    above = np.concatenate([np.linspace(0.3, 0.4, 20), same, np.linspace(0, 0.1, 20), same])
    alike = {"size": 24, "frequency": 0.1, "radius": 0.2}
    units = new_from(settled(n=40, phase_above=above, **alike), 20)
    write_frame(tmp_path / "units.csv", units)
    writes = {"sizes": tmp_path / "sizes.csv"}
    told = {"pairs": [PAIR], "criteria": criteria, "seed": 0}
    compare_sizes({"units": tmp_path / "units.csv"}, writes, **told)
    sizes = read_frame(tmp_path / "sizes.csv")
    of_pairs = sizes[sizes.quantity == "phase_above"].set_index("kind")
    assert of_pairs.loc["pair", "value"] > 0.1
    assert of_pairs.loc["confirmation pair", "value"] == pytest.approx(0, abs=1e-6)
    assert of_pairs.loc["confirmation pair", "units"] == 40
    second, confirmed = confirm(units, sizes)
    tested = "phase_above/vgg19/conv3_1/resnet50/layer1.1"
    rows = [table.set_index("part").loc[tested] for table in (second, confirmed)]
    assert [row["value"] for row in rows] == pytest.approx([0.75, 0])
    assert [row["units"] for row in rows] == [80, 40]
    assert verdict(confirmed, "C4") is False


def test_without_new_units_nothing_is_confirmed(settled, confirm):
    for units in (settled(), settled(examined=1), settled(examined=np.nan)):
        second, confirmed = confirm(units)
        assert confirmed.empty
        assert set(second.note) == {EXAMINED}
