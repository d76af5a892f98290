"""Verdicts in words, and what a run prints at its end."""

from __future__ import annotations

import pandas as pd
import pytest

from diversevis.analysis.calibration import calibration_table
from diversevis.analysis.claims import EXAMINED, STATEMENTS, claim_table
from diversevis.analysis.pairs import pair_table
from diversevis.analysis.reproduction import reproduction_table
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.analysis.verdicts import (
    between,
    in_words,
    number,
    outcome,
    verdict_text,
    verdicts,
)

PAIRS = [[["vgg19", "conv3_1"], ["resnet50", "layer1.1"]]]


@pytest.fixture
def claims(make_units, registry, criteria):
    units = make_units()
    tests = pair_table(units, PAIRS, registry, criteria)
    return claim_table(units, tests, registry, criteria)


@pytest.mark.parametrize(
    ("holds", "text"),
    [
        *((value, "holds") for value in (True, "True")),
        *((value, "does not hold") for value in (False, "False")),
        *((value, "undecided") for value in (None, float("nan"))),
    ],
)
def test_verdicts_as_tables_hold_them(holds, text):
    assert in_words(holds) == text


def test_numbers_and_intervals():
    assert between(0.12345, 0.1, 0.25) == "0.123 (0.1 to 0.25)"
    assert between(3, float("nan"), float("nan")) == "3"
    assert number(float("nan")) == "not measured"


def test_every_claim_has_one_verdict_and_single_tests_stay_out(claims):
    found = verdicts(claims)
    four = list(STATEMENTS.items())[:4]  # C5 is judged where there are nulls
    assert [(entry.claim, entry.statement) for entry in found] == 2 * four
    assert [entry.edition for entry in found] == ["first"] * 4 + ["second"] * 4
    # Two parts, the count with its share, the same and the overlap, the number of pairs.
    assert [len(entry.measured) for entry in found] == 2 * [2, 1, 2, 1]
    assert "pairs of layers that differ" in found[3].measured[0]
    assert found[1].verdict == "does not hold"  # no unit of the table is phase invariant


def test_shares_stand_beside_their_counts_and_reasons_at_the_end(claims):
    phase = verdicts(claims)[1].measured
    text = "units with phase index at least 0.8, 0.5 above surrogate: 0 of 20, a share of 0 "
    assert phase == (f"{text}(0 to 0.161); wanted at least 1",)
    open_part = (claims.claim == "C4") & (claims.kind == "decides") & (claims.edition == "first")
    claims.loc[open_part, "reason"] = "nobody looked"
    assert verdicts(claims)[3].measured[0].endswith("; undecided: nobody looked")
    # What rows are is said by keys: their words may change.
    renamed = verdicts(claims.assign(quantity="share of: x"))
    assert [len(entry.measured) for entry in renamed] == 2 * [2, 1, 2, 1]


def test_what_has_no_say_stands_beside(claims):
    judged = {(entry.edition, entry.claim): entry for entry in verdicts(claims)}
    (gains,) = judged["second", "C3"].beside
    assert gains.startswith("of these, units that gain more")
    assert "wanted" not in gains
    assert judged["first", "C3"].beside == ()
    assert f"\n    beside: {gains}" in verdict_text(claims)


def test_the_second_edition_says_on_which_units_it_is_judged(claims, tmp_path):
    # As read from a file, whose texts may be empty.
    write_frame(tmp_path / "claims.csv", claims)
    text = verdict_text(read_frame(tmp_path / "claims.csv"))
    first, second = (line for line in text.splitlines() if line.startswith("Claims"))
    assert first == "Claims, first edition (responses over the peak):"
    assert second == f"Claims, second edition (effective contrast), {EXAMINED}:"


def test_the_confirmation_comes_last_with_its_units(make_units, registry, criteria):
    units = make_units()
    units["examined"] = (units["channel"] < 10).astype(int)
    tests = pair_table(units, PAIRS, registry, criteria)
    text = verdict_text(claim_table(units, tests, registry, criteria))
    heads = [line for line in text.splitlines() if line.startswith("Claims")]
    new = "on 20 units that no earlier run examined: vgg19 conv3_1 10, resnet50 layer1.1 10"
    assert heads[2] == f"Claims, confirmation (the second edition's criteria), {new}:"
    assert len(heads) == 3


def test_the_end_of_a_run_is_what_its_tables_say(tmp_path, claims, make_units, criteria):
    assert list(outcome(tmp_path, None)) == []  # a run of some other target has neither
    write_frame(tmp_path / "claims.csv", claims)
    assert len(list(outcome(tmp_path, None))) == 1
    check = reproduction_table(make_units(), make_units(), criteria["reproduction"])
    write_frame(tmp_path / "reproduction.csv", check)
    calibration = calibration_table(make_units(), make_units(), criteria)
    write_frame(tmp_path / "calibration.csv", calibration)
    first, calibrated, second = outcome(tmp_path, "standard")
    assert "against standard: 440 of 440 values" in first
    assert calibrated.startswith("Calibration with standard:")
    assert "responses over the peak):\nC1 holds: Diverse sets" in second
    assert "C2 does not hold" in second


def test_claims_without_any_measurement_are_not_decided(claims):
    blank = claims.assign(value=float("nan"), low=float("nan"), high=float("nan"), units=0)
    blank["holds"] = pd.Series([None] * len(blank), dtype=object)
    for entry in verdicts(blank):
        assert entry.verdict == "undecided"
        assert all("not measured (0 units)" in part for part in entry.measured)
