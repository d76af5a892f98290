"""Schedules and precisions by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from diversevis.devices import DTYPES
from diversevis.errors import UserError
from diversevis.optimisation.schedule import (
    FAST,
    PRECISIONS,
    PUBLISHED,
    SETS,
    TESTS,
    Schedule,
    get_schedule,
)


def test_published_schedule():
    assert (PUBLISHED.learning_rate, PUBLISHED.steps, PUBLISHED.patience) == (1.0, 2000, 100)


def test_by_name_or_itself():
    assert get_schedule("fast") == FAST
    assert get_schedule(PUBLISHED) is PUBLISHED
    assert get_schedule("fast", TESTS).steps == 100
    assert (get_schedule("fast", steps=7).steps, get_schedule("fast", steps=7).patience) == (7, 7)
    assert set(SETS) == set(TESTS)


@pytest.mark.parametrize(
    ("name", "steps", "message"),
    [("fats", None, "did you mean fast"), ("fast", 0, "at least 1, for steps")],
)
def test_bad_input(name, steps, message):
    with pytest.raises(UserError, match=message):
        get_schedule(name, steps=steps)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimiser": "sgd"}, "the name of an optimiser"),
        ({"optimiser": "Adam"}, "did you mean adam"),
        ({"learning_rate": 0.0}, "above 0 for learning_rate"),
        ({"learning_rate": -1.0}, "above 0 for learning_rate"),
        ({"learning_rate": float("nan")}, "above 0 for learning_rate"),
        ({"learning_rate": "fast"}, "above 0 for learning_rate"),
        ({"steps": 0}, "at least 1, for steps"),
        ({"steps": 1.5}, "at least 1, for steps"),
        ({"steps": True}, "at least 1, for steps"),
        ({"patience": 0}, "at least 1, for patience"),
        ({"decay": 1.0}, "at least 0 and below 1 for decay"),
        ({"decay": -0.1}, "at least 0 and below 1 for decay"),
        ({"betas": (0.9, 1.0)}, "at least 0 and below 1 for betas"),
        ({"betas": 0.9}, "two decays for betas"),
        ({"eps": 0}, "above 0 for eps"),
    ],
)
def test_a_schedule_out_of_range_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        Schedule(**change)


def test_neither_a_name_nor_a_schedule():
    with pytest.raises(UserError, match="fast, published"):
        get_schedule(5)


def test_every_precision_has_a_dtype():
    assert tuple(DTYPES) == PRECISIONS


def test_needs_no_torch():
    script = "import sys, diversevis.optimisation.schedule; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
