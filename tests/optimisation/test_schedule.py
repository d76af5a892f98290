"""Schedules and precisions by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from diversevis.devices import DTYPES
from diversevis.errors import UserError
from diversevis.optimisation.schedule import FAST, PRECISIONS, PUBLISHED, SETS, TESTS, get_schedule


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
    [("fats", None, "did you mean fast"), ("fast", 0, "at least one step")],
)
def test_bad_input(name, steps, message):
    with pytest.raises(UserError, match=message):
        get_schedule(name, steps=steps)


def test_every_precision_has_a_dtype():
    assert tuple(DTYPES) == PRECISIONS


def test_needs_no_torch():
    script = "import sys, diversevis.optimisation.schedule; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
