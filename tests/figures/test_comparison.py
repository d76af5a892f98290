"""Figure of the comparison, and of phase against deformation index."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, same_bytes, shown

from diversevis.figures import comparison
from diversevis.figures.style import FAINT, INK, network_colour


@pytest.fixture
def units(make_measured, make_units, above):
    """Two networks of two layers of four units; of the first layer, one of each kind."""
    names = [("vgg19", "conv3_1"), ("vgg19", "conv3_2")]
    names += [("resnet50", "layer1.1"), ("resnet50", "layer1.2")]
    table = make_units(*[make_measured(4, *name) for name in names])
    table["phase_index"] = 0.4 + 0.05 * (table.channel - 100)
    table["phase_surrogate"] = 0.35
    table["phase_variation"] = 0.5
    table["deformation_surrogate_2"] = table.deformation_index_2 - 0.02 * (table.channel - 101)
    first = table.index[:3]  # phase invariant, deformation invariant, both
    table.loc[first, "phase_index"] = [0.9, 0.3, 0.9]
    table.loc[first, "phase_surrogate"] = [0.3, 0.3, 0.3]
    table.loc[first, "phase_variation"] = [0.05, 0.5, 0.05]
    gain = pd.Series([0, 0.2, 0.2], index=first)
    table.loc[first, "deformation_surrogate_2"] = table.deformation_index_2[first] - gain
    return above(table)


@pytest.fixture
def draw(criteria, medians, registry):
    """The figure; without pairs the points alone."""

    def draw_with_tables(units, pairs=NO_PAIRS):
        drawn = ("phase_above", "deformation_above", "phase_index") if len(units) else ()
        table, second = medians(units, *drawn), criteria["second"]
        return comparison.draw(units, table, pairs, registry, criteria=second)

    return draw_with_tables


COLUMNS = ["first_network", "first_layer", "second_network", "second_layer", "quantity"]
COLUMNS += ["p_holm", "cliffs_delta", "low", "high", "differs"]
NO_PAIRS = pd.DataFrame(columns=COLUMNS)


@pytest.fixture
def pairs():
    rows = [
        ("vgg19", f"conv3_{place}", "resnet50", f"layer1.{place}", quantity, *found)
        for quantity in ("phase_above", "deformation_above", "phase_index", "f1_f0")
        for place, found in (
            (1, (0.0004, -0.5, -0.7, -0.3, True)),
            (2, (0.25, 0.1, -0.2, 0.4, False)),
        )
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def points(axes):
    marks = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    return [line for line in marks if line.get_markerfacecolor() != "none"]


def test_one_point_a_unit_above_both_surrogates(draw, units):
    figure = draw(units)
    found = [line.get_xydata()[0] for line in points(figure.axes[1])]
    expected = np.column_stack(
        [
            units.phase_index - units.phase_surrogate,
            units.deformation_index_2 - units.deformation_surrogate_2,
        ]
    )
    np.testing.assert_allclose(found, expected)
    assert overlapping(figure) == []


def test_colours_networks_markers_layers_and_fills_by_c2(draw, units):
    for line, unit in zip(points(draw(units).axes[1]), units.itertuples(), strict=True):
        assert line.get_markeredgecolor() == network_colour(unit.network)
        assert line.get_marker() == ("o" if unit.layer.endswith("1") else "s")
        filled = line.get_markerfacecolor() != "white"
        assert filled == (unit.phase_variation <= 0.1)


def test_units_that_are_not_decided_are_grey(draw, units):
    units.loc[0, "phase_variation_uncertainty"] = 0.03  # 0.05 may be 0.11
    figure = draw(units)
    assert points(figure.axes[1])[0].get_markerfacecolor() == FAINT
    assert "meet C2: 1 of 8, 1 undecided" in shown(figure)
    assert overlapping(figure) == []


def test_error_bars_are_the_uncertainties_where_there_are_any(draw, units):
    units.loc[0, "deformation_above_uncertainty"] = np.nan
    bars = [collection.get_segments()[0] for collection in draw(units).axes[1].collections]
    assert len(bars) == 2 * len(units) - 1
    lengths = np.abs(np.diff(np.array(bars), axis=1))[:, 0]
    assert sorted({tuple(length) for length in lengths.round(6)}) == [(0, 0.04), (0.06, 0)]
    unknown = units.drop(columns=["phase_above_uncertainty", "deformation_above_uncertainty"])
    assert not draw(unknown).axes[1].collections


def test_criteria_and_counts(draw, units):
    figure = draw(units)
    axes = figure.axes[1]
    dashed = [line for line in axes.lines if line.is_dashed()]
    assert [line.get_xdata()[0] for line in dashed if np.ptp(line.get_xdata()) == 0] == [0.3]
    assert [line.get_ydata()[0] for line in dashed if np.ptp(line.get_ydata()) == 0] == [0.1]
    texts = shown(figure)
    assert texts.index("meet C2: 2 of 8, 0 undecided") < texts.index("ResNet-50")
    assert texts.index("meet C3: 2 of 8, 0 undecided") < texts.index("ResNet-50")
    assert texts.index("meet both: 1") < texts.index("ResNet-50")
    assert texts.count("meet both: 0") == 1
    assert "C2: 0.3 across, index 0.5," in texts
    assert "C3: 0.1 up, index 0.5," in texts


def test_units_picked_by_hand_are_ringed_and_not_counted(draw, units, pairs):
    units.loc[0, "hand_picked"] = 1
    figure = draw(units, pairs)
    rings = [
        [line.get_xydata().tolist() for line in axes.lines if line.get_markerfacecolor() == "none"]
        for axes in figure.axes[1:]
    ]
    first = units.iloc[0]
    assert [some[0][0][1] for some in rings[:3]] == [
        pytest.approx(first[name]) for name in ("phase_above", "deformation_above", "phase_index")
    ]
    np.testing.assert_allclose(rings[3], [[[first.phase_above, first.deformation_above]]])
    texts = shown(figure)
    assert "meet C2: 1 of 7, 0 undecided" in texts
    assert texts.count("n = 3") == 1
    assert overlapping(figure) == []


def test_labels_outstanding_units(draw, units):
    texts = shown(draw(units))
    assert "conv3_1, 100" in texts
    assert "conv3_1, 102" in texts
    assert "layer1.1, 100" not in texts


def test_leaves_out_units_that_nothing_drives(draw, units, make_measured, never_driven):
    _, units = never_driven(make_measured(4), units, 1)
    figure = draw(units)
    assert len(points(figure.axes[1])) == 15
    assert "conv3_1: 3 units" in shown(figure)
    assert "1 unit left out:\nnot driven above zero" in shown(figure)
    assert overlapping(figure) == []


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_units(draw, units, rows):
    figure = draw(units[:rows])
    assert len(points(figure.axes[1])) == rows
    assert overlapping(figure) == []


def test_without_deformations(draw, make_measured, make_units):
    figure = draw(make_units(make_measured(2), deltas=()))
    assert points(figure.axes[1]) == []
    assert not [text for text in shown(figure) if "both" in text]


def test_hundreds_of_units(draw, make_measured, make_units, above):
    layers = [make_measured(32, "vgg19", f"conv3_{i}") for i in range(4)]
    layers += [make_measured(32, "resnet50", f"layer1.{i}") for i in range(4)]
    table = make_units(*layers)
    rng = np.random.default_rng(0)
    table["phase_index"] = rng.uniform(0, 1, len(table))
    figure = draw(above(table))
    assert len(points(figure.axes[1])) == 2 * 2 * 32  # of the first two markers
    assert overlapping(figure) == []
    assert not figure.axes[1].collections  # error bars would hide the points


def test_same_bytes(draw, units, tmp_path):
    assert same_bytes(lambda: draw(units), tmp_path)


def test_distributions_by_pair(draw, units, pairs):
    figure = draw(units, pairs)
    assert len(figure.axes) == 1 + 3 + 1  # F1/F0 is in the table alone
    for axes, quantity in zip(
        figure.axes[1:], ("phase_above", "deformation_above", "phase_index"), strict=False
    ):
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        own = [
            units[units.layer == layer] for layer in ("conv3_1", "layer1.1", "conv3_2", "layer1.2")
        ]
        for line, some in zip(dots, own, strict=True):
            np.testing.assert_allclose(line.get_ydata(), np.sort(some[quantity]))
            assert line.get_markerfacecolor() == network_colour(some.network.iloc[0])
        bars = [line.get_ydata()[0] for line in axes.lines if line.get_color() == INK]
        np.testing.assert_allclose(bars, [some[quantity].median() for some in own])
    assert shown(figure).count("n = 4") == 4
    of_what = "(effective contrast)"
    assert f"phase index,\nexploratory\n{of_what}" in shown(figure)
    title = "deformation index at δ = 2 px,\nless linear surrogate's"
    assert f"{title}\n{of_what}" in shown(figure)
    points = figure.axes[-1]
    assert points.get_ylabel() == f"{title} {of_what}".replace("\n", " ")
    assert overlapping(figure) == []


def test_tests_of_the_confirmation_are_not_drawn(draw, units, pairs):
    confirmed = pairs.assign(family="confirmation C4", cliffs_delta=0.123)
    figure = draw(units, pd.concat([pairs.assign(family="second C4"), confirmed]))
    assert shown(figure) == shown(draw(units, pairs))


def test_tests_of_pairs_stand_over_them(draw, units, pairs):
    figure = draw(units, pairs)
    texts = {text.get_text(): text.get_weight() for text in figure.axes[0].texts}
    minus = "\N{MINUS SIGN}"
    found = f"Cliff's δ {minus}0.50 ({minus}0.70 to {minus}0.30)\np < 0.001"
    assert texts[found] == "bold"
    assert texts[f"Cliff's δ 0.10 ({minus}0.20 to 0.40)\np = 0.25"] == "normal"
    pairs.loc[:, ["p_holm", "cliffs_delta", "low", "high"]] = np.nan
    assert shown(draw(units, pairs)).count("not tested") == 6


def test_withheld_indices_have_no_panel(draw, units, pairs):
    names = [name for name in units if name.startswith("deformation_") and name.count("_") < 3]
    units[[name for name in names if name != "deformation_invariant"]] = np.nan
    figure = draw(units, pairs)
    assert len(figure.axes) == 1 + 2 + 1
    assert points(figure.axes[-1]) == []
    assert overlapping(figure) == []


def test_pairs_with_a_layer_without_units(draw, units, pairs):
    figure = draw(units[units.layer != "layer1.2"], pairs)
    assert shown(figure).count("n = 0") == 1
    assert overlapping(figure) == []
