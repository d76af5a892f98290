"""What is subtracted, and who takes turns, by a clock that runs as told."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.timing import SHORT, Contender, row, seconds, step_times

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("benchmarks.timing.time.perf_counter", lambda: now[0])
    return now


def test_fixed_costs_cancel(clock):
    calls = []

    def work(name: str, fixed: float, a_step: float):
        def run(steps: int) -> None:
            calls.append((name, steps))
            clock[0] += fixed + steps * a_step

        return Contender(run, patches=5, settings={})

    contenders = {"one": work("one", 7.0, 0.5), "other": work("other", 0.1, 0.25)}
    times = step_times(contenders, steps=10, repeats=3, device=CPU)
    # Milliseconds an image and step; float64 sums.
    np.testing.assert_allclose(times["one"], [100.0] * 3, rtol=1e-9)
    np.testing.assert_allclose(times["other"], [50.0] * 3, rtol=1e-9)
    turn = [(name, n) for name in contenders for n in (SHORT, SHORT + 10)]
    assert calls == [("one", SHORT), ("other", SHORT), *turn, *turn, *turn]


def test_seconds(clock):
    def run() -> None:
        clock[0] += 2.5

    assert seconds(run, CPU) == 2.5


def test_row_has_median_and_quartiles():
    entry = row({"contender": "engine"}, "time", "s", np.array([5.0, 1.0, 2.0, 4.0, 3.0]))
    assert entry == {
        "contender": "engine",
        "quantity": "time",
        "median": 3.0,
        "low": 2.0,
        "high": 4.0,
        "unit": "s",
        "repeats": 5,
    }
