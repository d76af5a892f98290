"""The figure shows what the tables hold, and some of them alone will do."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.figure import draw, main, read
from benchmarks.measures import SHARE, STEP_TIME
from benchmarks.quality import CONVERGED, WITHIN


def steps() -> pd.DataFrame:
    rows = [
        ("published loop", "float32", STEP_TIME, 1.25),
        ("engine", "float32", STEP_TIME, 0.417),
        ("trunk alone", "float32", STEP_TIME, 0.612),
        ("trunk alone", "float32", STEP_TIME, 0.401),
        ("engine", "float32", SHARE, 0.962),
    ]
    table = pd.DataFrame(rows, columns=["contender", "dtype", "quantity", "median"])
    return table.assign(low=0.95 * table["median"], high=1.05 * table["median"])


def quality() -> pd.DataFrame:
    names = [CONVERGED, WITHIN, "swift", "hasty"]
    table = pd.DataFrame({"contender": names, "median": [6.1, 3.2, 0.45, 0.15]})
    ratios = {"activation": [1, 0.991, 0.994, 0.92], "distance": [1, 0.98, 1.04, 1.2]}
    ends = {
        f"{name}{end}": [f * v for v in values]
        for name, values in ratios.items()
        for end, f in (("", 1), ("_low", 0.97), ("_high", 1.03))
    }
    table = table.assign(low=table["median"], high=table["median"], mean=table["median"], **ends)
    return table.assign(as_good=[1, 1, 1, 0])


def texts(figure) -> set[str]:
    found = {text.get_text() for axes in figure.axes for text in axes.texts}
    return found | {label.get_text() for axes in figure.axes for label in axes.get_yticklabels()}


def test_values_stand_at_their_marks():
    shown = texts(draw({"steps": steps(), "quality": quality()}))
    assert {"1.25", "0.417", "0.401", "0.962", "6.10", "0.450"} <= shown
    assert "0.612" not in shown, "of the trunk's batches only the best counts"
    assert {"engine, swift", "engine, hasty", CONVERGED, WITHIN} <= shown


def test_only_settings_that_are_as_good_are_filled():
    figure = draw({"quality": quality()})
    marks = [line for axes in figure.axes for line in axes.lines if line.get_marker() == "o"]
    faces = [mark.get_markerfacecolor() for mark in marks]
    # Three axes, one of four contenders is not as good.
    assert len(faces) == 12
    assert faces.count("white") == 3


def test_reads_what_is_there(tmp_path):
    steps().to_csv(tmp_path / "steps.csv", index=False)
    assert list(read(tmp_path)) == ["steps"]
    assert main(str(tmp_path), str(tmp_path / "figure")) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"steps.csv", "figure.png", "figure.pdf"}


def test_nothing_measured(tmp_path, capsys):
    assert main(str(tmp_path), str(tmp_path / "figure")) == 2
    assert "make bench" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["steps", "quality"])
def test_tables_do_not_need_each_other(name):
    assert draw({name: {"steps": steps, "quality": quality}[name]()}).axes
