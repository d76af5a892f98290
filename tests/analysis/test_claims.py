"""The first edition's claims on tables whose verdict is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.claims import claim_table
from diversevis.analysis.pairs import pair_table
from diversevis.analysis.tables import read_frame, write_frame

C3 = ("C3", "deformation_invariant", "decides")
PAIR = (("vgg19", "conv3_1"), ("resnet50", "layer1.1"))


@pytest.fixture
def judge(registry, criteria):
    def judge(units, pairs=(PAIR,)):
        tests = pair_table(units, pairs, registry, criteria)
        return of_first(claim_table(units, tests, registry, criteria))

    return judge


def of_first(table):
    return table[table.edition == "first"].reset_index(drop=True)


def verdicts(table):
    held = table.groupby("claim")["holds"].agg(lambda column: column.unique().tolist())
    assert (held.str.len() == 1).all(), "one verdict a claim, in all of its rows"
    return {claim: values[0] for claim, values in held.items()}


def reason(table, claim, part):
    return table.set_index(["claim", "part", "kind"]).loc[(claim, part, "decides"), "reason"]


def invariant(phase=(), bent=()):
    """Return who is invariant to what among 20 units of either network."""
    at = np.arange(40)
    return {"phase_invariant": np.isin(at, phase), "deformation_invariant": np.isin(at, bent)}


def test_all_claims_hold(make_units, judge):
    table = judge(make_units(**invariant(phase=[0, 1], bent=[1, 2, 3])))
    assert verdicts(table) == {"C1": True, "C2": True, "C3": True, "C4": True}
    parts = table.set_index(["claim", "part", "kind"])
    assert parts.index.is_unique
    counted = parts.loc[[("C2", "phase_invariant", "decides"), C3]]
    assert counted.value.tolist() == [2, 3]
    assert counted.units.eq(20).all()  # of VGG-19
    overlap = parts.loc[("C3", "both_invariant", "decides")]
    assert overlap.value == pytest.approx(1 / 3)
    assert table.figure.ne("").all()
    assert set(table.table) == {"layers", "units", "pairs"}


@pytest.mark.parametrize(
    "change",
    [
        {"distance_ratio": [2.0] * 36 + [0.9] * 4},  # 90 % of units are not 95 %
        {"distance_ratio": 1.0},  # restarts themselves
        {"activation_ratio": 0.8},  # more distinct, but too weak
    ],
)
def test_c1_fails(make_units, judge, change):
    assert verdicts(judge(make_units(**change)))["C1"] is False


def test_units_left_out_do_not_count(make_units, judge):
    reasons = ["dead"] * 4 + [""] * 36
    units = make_units(left_out=reasons, distance_ratio=[0.5] * 4 + [2.0] * 36)
    units = units.assign(**invariant(phase=[0], bent=[1]))
    table = judge(units)
    assert verdicts(table) == {"C1": True, "C2": False, "C3": False, "C4": True}
    assert table[table.claim == "C1"].units.tolist() == [36, 36]


def test_c2_and_c3_are_about_every_vgg19_and_no_other(make_units, judge):
    units = make_units(**invariant(phase=range(20, 40), bent=range(20, 40)))
    found = verdicts(judge(units))
    assert (found["C2"], found["C3"]) == (False, False)
    renamed = units.replace({"network": {"resnet50": "vgg19-torchvision"}})
    assert verdicts(judge(renamed))["C2"] is True


def test_c3_fails_where_its_units_are_mostly_those_of_c2(make_units, judge):
    units = make_units(**invariant(phase=[0, 1, 2], bent=[1, 2, 3]))
    assert verdicts(judge(units))["C3"] is False


def test_c4_needs_one_pair_and_reports_all(make_units, judge):
    level = make_units(phase_above=np.tile(np.linspace(0, 0.6, 20), 2))
    assert verdicts(judge(level))["C4"] is False
    table = judge(make_units())
    rows = table[table.claim == "C4"]
    assert rows.kind.tolist() == ["decides", "test", "test"]
    assert rows.part.iloc[1] == "phase_response_above/vgg19/conv3_1/resnet50/layer1.1"
    assert rows.met.tolist() == [True, True, False]
    assert rows.value.tolist() == [1, -1, 0]
    assert "vgg19 conv3_1 below resnet50 layer1.1" in rows.quantity.iloc[1]


def test_c4_is_open_where_no_outcome_could_meet_it(make_units, judge):
    # Six against six, wholly apart: p is 2 / 924, so two tests can pass 0.01 and six cannot.
    units = make_units(6)
    assert verdicts(judge(units))["C4"] is True
    layers = [units.assign(layer=units.layer + end) for end in ("", "b", "c")]
    pairs = [tuple((network, layer + end) for network, layer in PAIR) for end in ("", "b", "c")]
    many = judge(pd.concat(layers, ignore_index=True), pairs)
    assert verdicts(many)["C4"] is None
    assert many[many.claim == "C4"].met.isna().all()
    assert "so few units" in reason(many, "C4", "pairs")


def test_withheld_indices_leave_claims_open(make_units, judge):
    bent = make_units(**invariant(bent=[2]))
    phase = [name for name in bent if name.startswith("phase_") and name != "phase_invariant"]
    table = judge(bent.assign(**dict.fromkeys(phase, np.nan), withheld="phase_response"))
    # C3 is open since it cannot be said whether its units are others than C2's.
    assert verdicts(table) == {"C1": True, "C2": None, "C3": None, "C4": None}
    failed = "controls of the phase index failed"
    assert reason(table, "C2", "phase_invariant") == failed
    assert reason(table, "C3", "both_invariant") == failed
    assert reason(table, "C4", "pairs") == failed
    assert reason(table, "C1", "more_distinct") == ""


def test_nothing_measured_decides_nothing(make_units, judge):
    units = make_units(left_out="dead")
    assert set(verdicts(judge(units)).values()) == {None}
    nothing = judge(units)
    assert reason(nothing, "C1", "more_distinct") == "no unit was measured"
    assert reason(nothing, "C4", "pairs") == "no unit was measured"


def test_c4_is_open_where_nothing_is_compared(make_units, judge, registry, criteria, tmp_path):
    units = make_units()
    table = judge(units, pairs=())
    assert verdicts(table)["C4"] is None
    assert reason(table, "C4", "pairs") == "no layers are compared"
    # A table without a row comes back from its file with columns of no type.
    write_frame(tmp_path / "pairs.csv", pair_table(units, (), registry, criteria))
    again = claim_table(units, read_frame(tmp_path / "pairs.csv"), registry, criteria)
    pd.testing.assert_frame_equal(of_first(again), table)


def test_c2_and_c3_speak_of_what_the_criteria_name(make_units, make_registry, families, criteria):
    # Without a registry entry there is no index to speak of.
    registry = make_registry(families[:1])
    units = make_units(**invariant(phase=[0], bent=[1])).drop(columns="deformation_response_above")
    tests = pair_table(units, [PAIR], registry, criteria)
    table = of_first(claim_table(units, tests, registry, criteria))
    assert verdicts(table)["C2"] is True
    assert verdicts(table)["C3"] is None


def test_verdicts_survive_the_file(make_units, judge, tmp_path):
    judge(make_units(withheld="phase_response")).to_csv(tmp_path / "claims.csv", index=False)
    read = pd.read_csv(tmp_path / "claims.csv")
    assert set(read[read.claim == "C1"].holds) == {True}
    assert read[read.claim == "C4"].holds.isna().all()
