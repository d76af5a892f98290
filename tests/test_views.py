"""Results as people handle them: a line, pictures, a table, files."""

from __future__ import annotations

import base64
import re
import sys
from types import ModuleType

import numpy as np
import pytest

import diversevis as dv
from diversevis.controls.units import Controls
from diversevis.errors import UserError
from diversevis.results.formats import write_arrays
from diversevis.results.loading import load
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests

KINDS = {"DiverseSets": ImageSets, "Sweep": SweepResult, "Invariance": LayerTests}
FEW = {"schedule": dv.Schedule(steps=2), "progress": False}


@pytest.fixture(scope="module")
def results():
    units, some = Controls("complex"), {"channels": [0, 2], **FEW}
    measured = dv.invariance(
        units,
        families=["shifts"],
        delta=[2],
        training=8,
        held_out=4,
        per_step=2,
        trial_steps=1,
        **some,
    )
    return {
        "DiverseSets": dv.visualize(units, images=2, diversity=9.0, **some),
        "Sweep": dv.visualize(units, images=2, grid=[0.3], **some),
        "Invariance": measured,
    }


@pytest.fixture(params=KINDS)
def result(request, results):
    found = results[request.param]
    assert type(found).__name__ == request.param
    return found


def test_arrays_are_the_same_result(result):
    arrays = result.numpy()
    assert type(arrays) is KINDS[type(result).__name__]
    assert arrays.numpy() is arrays
    assert arrays.channels.tolist() == [0, 2]


def test_one_line_says_what_it_is(result):
    for one in (result, result.numpy()):
        assert len(repr(one)) < 200
        assert "\n" not in repr(one)
        assert repr(one).startswith(f"{type(one).__name__}(controls complex, units 0 and 2: ")


def test_a_notebook_gets_the_pictures_and_the_line(result):
    shown = result._repr_html_()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
    assert len(pictures) == (2 if isinstance(result, dv.Invariance) else 1)
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)
    assert "controls complex, units 0 and 2" in shown


def test_tables_have_the_rows_of_files(result):
    rows = result.numpy().rows()
    table = result.to_pandas()
    assert len(table) == len(rows)
    assert list(table) == list(rows[0])
    assert table["channel"].tolist() == [row["channel"] for row in rows]


def test_what_is_saved_can_be_loaded(result, tmp_path):
    path = tmp_path / "result.npz"
    result.save(path)
    there = dv.load(path)
    assert repr(there) == repr(result.numpy())
    again = tmp_path / "again.npz"
    there.save(again)
    with np.load(path) as first, np.load(again) as second:
        assert set(first) == set(second)
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])


def test_a_folder_has_its_most_telling_result(results, tmp_path):
    results["DiverseSets"].save(tmp_path / "visualizations.npz")
    assert isinstance(load(tmp_path), ImageSets)
    results["Sweep"].save(tmp_path / "sweep.npz")
    assert isinstance(load(tmp_path), SweepResult)


def test_other_files_are_no_results(tmp_path):
    write_arrays(tmp_path / "other.npz", "natural", {}, {})
    np.savez(tmp_path / "bare.npz", a=1)
    (tmp_path / "text.npz").write_text("text")
    for name in ("other.npz", "bare.npz", "text.npz"):
        with pytest.raises(UserError, match="images, a sweep or tests"):
            load(tmp_path / name)


def test_without_what_draws_and_makes_tables(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "diversevis.figures.pictures", None)
    sets = results["DiverseSets"]
    with pytest.raises(UserError, match="pandas"):
        sets.to_pandas()
    with pytest.raises(UserError, match="matplotlib"):
        sets.show()
    assert "<img" not in sets._repr_html_()
    assert "controls complex" in sets._repr_html_()


def test_shown_in_the_viewer_or_said_that_there_is_none(results, monkeypatch):
    shown = []
    monkeypatch.setattr("PIL.ImageShow.show", lambda image, **_: shown.append(image.size) or True)
    results["Invariance"].show()
    assert len(shown) == 2
    monkeypatch.setattr("PIL.ImageShow.show", lambda image, **_: False)
    with pytest.raises(UserError, match="program that shows pictures"):
        results["Sweep"].show()


def test_shown_below_the_cell_of_a_notebook(results, monkeypatch):
    shell, screen, shown = ModuleType("IPython"), ModuleType("IPython.display"), []
    shell.get_ipython = lambda: type("Shell", (), {"kernel": None})()
    screen.display = shown.append
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    results["Sweep"].show()
    assert shown == [results["Sweep"]]
