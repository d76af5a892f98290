"""Contact sheet, and the command line without matplotlib."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from figure_contents import extent, overlapping, pictures, shown

from diversevis.figures.optional import try_contact_sheet
from diversevis.figures.sheet import contact_sheet
from diversevis.figures.style import number
from diversevis.results.sets import SweepResult


@pytest.mark.parametrize(("units", "n"), [(1, 6), (12, 6), (1, 2), (2, 13), (1, 24)])
def test_shows_every_image_with_its_numbers(make_sets, units, n):
    sets = make_sets(units, n)
    figure = contact_sheet(sets)
    assert len(pictures(figure)) == units * n
    texts = shown(figure)
    for unit, channel in enumerate(sets.channels):
        assert str(channel) in texts
        for activation in sets.activations[unit].tolist():
            assert number(activation) in texts
    assert texts.count("distance 3.21\nλ 0.013") == units
    assert "VGG-19 conv3_1" in texts
    assert overlapping(figure) == []
    assert figure.get_size_inches()[0] * 25.4 <= 180 + 1e-9


def test_single_images_have_no_distance(make_sets):
    figure = contact_sheet(make_sets(1, 1))
    assert len(pictures(figure)) == 1
    assert "λ 0.013" in shown(figure)
    assert not [text for text in shown(figure) if "distance" in text]
    assert overlapping(figure) == []


@pytest.mark.parametrize(("n", "natural"), [(2, False), (6, True), (8, True)])
def test_a_sweep_has_restarts_beside_what_was_chosen(make_sets, n, natural):
    restarts = make_sets(2, n)
    diverse = replace(restarts, activations=restarts.activations * 0.93, min_distance=np.ones(2))
    best = {"natural": restarts.images[:, 0], "natural_activations": np.array([7.77, 8.88])}
    sweep = SweepResult(
        (restarts, diverse),
        relative=np.array([0.0, 0.1]),
        selected=np.array([1, 0]),
        from_natural=np.zeros(2, bool),
        **(best if natural else {}),
    )
    figure = contact_sheet(sweep)
    assert len(pictures(figure)) == 2 * (2 * n + natural)
    texts = shown(figure)
    assert ("7.77" in texts) == natural
    assert "93 % of it kept; distance 1.00, 0.312 times theirs" in texts
    assert "no diverse set keeps enough: the restarts again" in texts
    mean = number(restarts.activations[0].mean())
    assert f"activation {mean}, distance 3.21" in texts
    assert overlapping(figure) == []
    assert figure.get_size_inches()[0] * 25.4 <= 180 + 1e-9


def test_long_names_have_room(make_sets):
    figure = contact_sheet(make_sets(2, 6, names=("direction-0", "direction-100")))
    name = next(text for text in figure.axes[0].texts if text.get_text() == "direction-100")
    right = extent(figure, name).x1
    assert right < figure.axes[0].transData.transform((pictures(figure)[0].get_extent()[0], 0))[0]
    assert overlapping(figure) == []


def test_hundreds_of_units_can_be_saved(make_sets, tmp_path):
    path = tmp_path / "sheet.png"
    assert try_contact_sheet(path, make_sets(300, 1))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_says_so(make_sets, tmp_path, monkeypatch, capsys):
    path = tmp_path / "contact_sheet.png"
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # makes its import fail
    assert not try_contact_sheet(path, make_sets(1))
    assert list(tmp_path.iterdir()) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert "contact_sheet.png is left out" in line
    assert "matplotlib is not installed" in line


def test_command_line_needs_neither_matplotlib_nor_pandas():
    code = (
        "import sys; import diversevis.cli; "
        "print({'matplotlib', 'seaborn', 'pandas'} & set(sys.modules) or 'none')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "none", result.stderr
