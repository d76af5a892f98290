"""Figure of one unit, and figures of all units of a test."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from figure_contents import overlapping, pictures, same_bytes, same_picture, shown

from diversevis.figures.optional import try_unit_figures
from diversevis.figures.transforms import ratio
from diversevis.figures.unit import draw


def test_shows_every_family_with_its_numbers(make_measured):
    layer = make_measured(2)
    figure = draw(layer, 1)
    texts = shown(figure)
    assert "VGG-19 conv3_1, unit 101" in texts
    assert "response 40.0" in texts
    what = "effective contrasts: that of the best patch is 1"
    assert f"receptive field 10 px (squares); {what}" in texts
    for title in ("all shifts, fixed mask", "all shifts, learned mask", "deformations, δ = 2 px"):
        assert title in texts
    # Contrasts fall evenly from 1 to 0.5, of few members over their mean by 0.21, of many by 0.20.
    index = (
        "index 0.75, linear surrogate 0.12; best 1.00, a tenth below 0.55, least 0.50; variation "
    )
    assert texts.count(f"{index}0.21") == 4
    assert len([text for text in texts if text.startswith(index)]) == 6
    # Best patch; page, map, scale and members of two masks; page and members of four others.
    assert len(pictures(figure)) == 1 + 2 * (3 + 8) + 4 * (1 + 8)
    assert overlapping(figure) == []
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(180)


def test_members_are_the_extremes_with_their_responses(make_measured):
    layer = make_measured(1, families=("deformations",), deltas=(2.0,))
    texts = shown(draw(layer, 0))
    relative = layer.relative(layer.families[0])[0]
    for value in (*relative[:4], *relative[-4:]):
        assert ratio(value) in texts
    assert ratio(relative[5]) not in texts


@pytest.mark.parametrize("delta", [None, 1.0])
def test_members_of_any_family_are_shown_as_the_unit_saw_them(make_measured, delta):
    layer = make_measured(1, families=("blurs",), deltas=(delta,))
    (tests,) = layer.families
    assert 0 < tests.members.min() < tests.members.max() < 1  # strengths, no whole numbers
    figure = draw(layer, 0)
    best, canvas, *members = pictures(figure)
    assert same_picture(best, layer.best[0])
    assert same_picture(canvas, tests.canvases[0])
    assert len(members) == len(tests.patches[0])
    for image, patch in zip(members, tests.patches[0], strict=True):
        assert same_picture(image, patch)
    assert figure.axes[2].lines[-1].get_color() == "#B0619A"
    assert overlapping(figure) == []


def test_curves_are_sorted_responses_above_the_surrogate(make_measured):
    layer = make_measured(1)
    panels = draw(layer, 0).axes[2:]
    assert len(panels) == len(layer.families)
    for axes, tests in zip(panels, layer.families, strict=True):
        curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
        np.testing.assert_allclose(curve.get_ydata(), np.sort(layer.relative(tests)[0])[::-1])
        assert 0 < curve.get_xdata()[0] < curve.get_xdata()[-1] < 100
        assert 0.125 in [line.get_ydata()[0] for line in axes.lines]


def test_responses_where_canvases_maximise_them(make_measured):
    layer = replace(make_measured(1), measure="response")
    layer.find("shifts", 1.0).contrasts[:] = 9
    figure = draw(layer, 0)
    what = "responses relative to the best patch's"
    assert f"receptive field 10 px (squares); {what}" in shown(figure)
    assert figure.axes[4].lines[-1].get_ydata()[0] == pytest.approx(1)


def test_contrast_curve_of_the_best_patch(make_measured):
    layer = replace(make_measured(2), offset=np.full(2, 0.25), elasticity=np.full(2, 0.8))
    growth = draw(layer, 1).axes[1]
    curve = max(growth.lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(curve.get_xdata(), np.linspace(0, 2, 129))
    np.testing.assert_allclose(curve.get_ydata(), 40 * np.linspace(0, 2, 129))
    assert growth.lines[-1].get_xydata().tolist() == [[1, 40]]
    assert growth.get_title(loc="left") == "offset 0.25\nelasticity 0.80"
    assert (growth.get_xlabel(), growth.get_ylabel()) == ("contrast", "response")


@pytest.mark.parametrize("families", [("all-shifts",), ("shifts",), ("rotations", "blurs")])
def test_few_families(make_measured, families):
    layer = make_measured(1, families=families, deltas=(1.0,), masks=("fixed",))
    figure = draw(layer, 0)
    assert len(figure.axes) == 2 + len(families)
    assert overlapping(figure) == []


def test_says_that_nothing_drives_a_unit(make_measured, make_units, never_driven):
    layer = make_measured(2)
    layer, _ = never_driven(layer, make_units(layer), 0)
    figure = draw(layer, 0)
    texts = shown(figure)
    assert texts.count("no patch drives it above zero: no index") == 6
    assert "response −1.00" in texts  # noqa: RUF001
    assert len(pictures(figure)) == 1 + 6
    assert not [text for text in texts if "nan" in text.lower()]
    assert overlapping(figure) == []


def test_same_bytes(make_measured, tmp_path):
    layer = make_measured(1, deltas=(2.0,), masks=("fixed",))
    assert same_bytes(lambda: draw(layer, 0), tmp_path)


@pytest.fixture
def layer(make_measured):
    return make_measured(2, families=("all-shifts",), masks=("fixed",))


def test_writes_one_file_per_unit(layer, tmp_path):
    layer = replace(layer, channels=np.array(["0", "edge"]))
    assert try_unit_figures(tmp_path, layer, {"vgg19": "VGG-19"})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["unit_0.png", "unit_edge.png"]
    assert (tmp_path / "unit_edge.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_says_so(layer, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # makes its import fail
    assert not try_unit_figures(tmp_path, layer)
    assert list(tmp_path.iterdir()) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "figures of units are left out: matplotlib is not installed"
