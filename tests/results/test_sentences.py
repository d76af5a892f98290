"""What is said of an index: the words are those of the criteria."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from diversevis.measures import CONTRAST, RESPONSE
from diversevis.results.sentences import OTHERS, PHASE, Bar, sentences
from diversevis.results.tests import FamilyInfo, FamilyTests, LayerTests
from diversevis.results.words import listed

CRITERIA = yaml.safe_load((Path(__file__).parents[2] / "config/criteria.yaml").read_text())
SHIFTS = FamilyInfo("all-shifts", "phase", "all shifts", "#0072B2")
BENDS = FamilyInfo("deformations", "deformation", "deformations", "#D55E00")


def layer_of(values, linear, info=SHIFTS, *, measure=CONTRAST, f_max=10.0) -> LayerTests:
    """One unit, whose members reach `values`."""
    values = np.array([values], dtype=float)
    nothing = np.zeros((1, 1))
    family = FamilyTests(
        info,
        delta=None if info is SHIFTS else 2.0,
        mask="fixed",
        canvases=nothing,
        masks=nothing,
        responses=values * f_max,
        members=nothing,
        contrasts=values,
        surrogate=np.array([linear]),
        surrogate_responses=np.full_like(values, linear),
        shown=nothing,
        patches=nothing,
    )
    one = np.zeros(1)
    of_units = {"f_max": np.array([f_max]), "from_noise": one, "offset": one, "elasticity": one}
    return LayerTests(
        "vgg19",
        "conv3_1",
        np.array([21]),
        np.zeros((1, 3, 5, 5)),
        **of_units,
        curve_fault=one,
        contrast=nothing,
        measure=measure,
        families=(family,),
        seed=0,
    )


def said(*arguments, **more) -> str:
    (sentence,) = sentences(layer_of(*arguments, **more), 21)
    where, _, words = sentence.partition("): ")
    assert where.startswith("vgg19 conv3_1 21, ")
    return words


def test_thresholds_are_those_of_the_criteria():
    second, first = CRITERIA["second"], CRITERIA
    stated = {
        CONTRAST: (
            Bar(
                index=second["C2"]["phase_index"],
                above=second["C2"]["above"],
                variation=second["C2"]["variation"],
            ),
            Bar(**{name: second["C3"][name] for name in ("index", "above", "drive")}),
        ),
        RESPONSE: (
            Bar(index=first["C2"]["phase_index"], above=first["C2"]["above"]),
            Bar(above=first["C3"]["above"]),
        ),
    }
    for measure, bars in stated.items():
        assert [asdict(PHASE[measure]), asdict(OTHERS[measure])] == [asdict(bar) for bar in bars]


@pytest.mark.parametrize(
    ("values", "linear", "verdict"),
    [
        ([0.82, 0.78], 0.28, "near perfectly phase invariant"),
        ([1.0, 0.6], 0.28, "partly phase invariant"),  # varies too much
        ([0.42, 0.38], 0.05, "partly phase invariant"),  # too low
        (
            [0.62, 0.58],
            0.35,
            "partly phase invariant",
        ),  # a linear unit does nearly as well
        ([0.62, 0.58], 0.55, "no more phase invariant than a linear unit"),
    ],
)
def test_phase(values, linear, verdict):
    assert said(values, linear).startswith(f"{verdict}: effective contrast ")


@pytest.mark.parametrize(
    ("values", "linear", "verdict"),
    [
        ([0.9, 0.5], 0.4, "invariant to deformations"),
        ([0.55, 0.5], 0.2, "partly invariant to deformations"),  # the best member is weak
        ([0.9, 0.5], 0.65, "no more invariant to deformations than a linear unit"),
    ],
)
def test_other_families(values, linear, verdict):
    assert said(values, linear, BENDS).startswith(f"{verdict}: ")


def test_numbers():
    steady = said([0.82, 0.78], 0.28)
    assert steady.endswith(
        "effective contrast 0.80 throughout, varying by 2 %; "
        "a linear unit with the same best patch: 0.28"
    )
    assert "0.70 on average, 0.50 to 0.90; " in said([0.9, 0.5], 0.4, BENDS)
    assert "0.80 of its best response throughout" in said([0.82, 0.78], 0.28, measure=RESPONSE)


def test_units_without_an_index():
    assert said([1.0], 0.5, f_max=-1.0) == "nothing drives it above zero, so that it has no index"
    assert said([np.nan], 0.5).startswith("grey drives it as much")
    assert list(sentences(layer_of([1.0], 0.5), 22)) == []


def test_units_in_words():
    assert listed(np.array([21])) == "unit 21"
    assert listed(np.array([21, 187])) == "units 21 and 187"
    assert listed(np.arange(256)) == "units 0, 1, 2 and 253 more"
