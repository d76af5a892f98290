"""Figure of the most and the least phase invariant units."""

from __future__ import annotations

import numpy as np
import pytest
from figure_contents import overlapping, pictures, same_bytes, same_picture, shown

from diversevis.figures import phase
from diversevis.figures.style import GREY, INK, network_colour


@pytest.fixture
def draw(criteria, medians, registry, make_tests):
    def draw_with_tables(layers, units, **options):
        tables = make_tests(*layers), units, medians(units, "phase_index")
        limits = criteria["second"]["C2"]
        return phase.draw(layers, *tables, registry, criteria=limits, **options)

    return draw_with_tables


def names_and_ranks(figure):
    texts = shown(figure)
    names = [text for text in texts if text.startswith(("conv", "layer"))]
    return names, [text for text in texts if text.startswith("rank")]


@pytest.fixture
def layers(make_measured):
    return [
        make_measured(8, families=("all-shifts",)),
        make_measured(8, "resnet50", "layer1.1", families=("all-shifts",)),
    ]


def test_shows_most_and_least_of_each_network(draw, layers, make_units):
    figure = draw(layers, make_units(*layers), most=3)
    names, ranks = names_and_ranks(figure)
    order = [107, 106, 105, 102, 101, 100]
    assert names == [f"{layer}, {unit}" for layer in ("conv3_1", "layer1.1") for unit in order]
    assert ranks == [f"rank {rank} of 8" for rank in (1, 2, 3, 6, 7, 8)] * 2
    assert "VGG-19: 8 units, the most and the least invariant to phase" in shown(figure)
    assert len(pictures(figure)) == 2 * 6 * 2 + 1
    assert overlapping(figure) == []


def test_prints_the_table(draw, layers, make_units):
    texts = shown(draw(layers[:1], make_units(*layers), most=1))
    minus = "\N{MINUS SIGN}"
    assert f"index 1.20 (0.21), variation {minus}0.30, F1/F0 0.64" in texts
    assert "index 0.50 (0.21), variation 0.40, F1/F0 1.34" in texts
    units = make_units(*layers).drop(columns="f1_f0")
    without = "index 0.50 (0.21), variation 0.40, F1/F0 \N{EN DASH}"
    assert without in shown(draw(layers, units))


def test_maps_are_of_effective_contrasts_on_one_scale(draw, layers, make_units):
    tests = layers[0].find("all-shifts")
    tests.contrasts[7] *= 0.5
    tests.responses[:] = 99
    figure = draw(layers[:1], make_units(*layers), most=1)
    first, second = [image for image in pictures(figure) if np.ndim(image.get_array()) == 2][:2]
    assert np.max(first.get_array()) == pytest.approx(0.5)
    assert np.max(second.get_array()) == pytest.approx(1)
    assert first.norm.vmin == second.norm.vmin == 0
    assert first.norm.vmax == second.norm.vmax == 1


def test_the_canvas_is_that_of_the_seed_with_the_best_index(draw, make_measured, make_units):
    layers = [make_measured(2, families=("all-shifts",), seed=seed) for seed in (0, 1)]
    first, second = (layer.find("all-shifts") for layer in layers)
    first.contrasts[1] *= 0.5
    second.contrasts[0] *= 0.5
    for tests, sign in ((first, 1), (second, -1)):
        tests.canvases[:] = sign * 100
    drawn = pictures(draw(layers, make_units(layers[0]), most=1))
    # The second unit first, its index is higher: canvas and map, then those of the other.
    assert same_picture(drawn[0], second.canvases[1])
    assert np.max(drawn[1].get_array()) == pytest.approx(1)
    assert same_picture(drawn[2], first.canvases[0])
    assert np.max(drawn[3].get_array()) == pytest.approx(1)


def test_units_picked_by_hand_are_marked_and_not_counted(draw, layers, make_units):
    units = make_units(*layers)
    units.loc[7, "hand_picked"] = 1
    figure = draw(layers, units, most=1)
    texts = shown(figure)
    assert "conv3_1, 107 (picked by hand)" in texts
    assert "ringed: picked by hand" in texts
    assert texts.count("n = 7") == texts.count("n = 8") == 1
    rings = [line for line in figure.axes[1].lines if line.get_markerfacecolor() == "none"]
    assert [line.get_ydata().tolist() for line in rings] == [[pytest.approx(1.2)]]
    assert overlapping(figure) == []


@pytest.mark.parametrize(("units", "expected"), [(1, 1), (2, 2), (5, 5), (8, 6), (32, 6)])
def test_no_unit_twice(draw, make_measured, make_units, units, expected):
    layer = make_measured(units, families=("all-shifts",), masks=("fixed",))
    figure = draw([layer], make_units(layer))
    names, _ = names_and_ranks(figure)
    assert len(names) == len(set(names)) == expected
    assert overlapping(figure) == []


@pytest.mark.parametrize("most", [1, 2, 6])
def test_more_or_fewer(draw, make_measured, make_units, most):
    layer = make_measured(16, families=("all-shifts",), masks=("fixed",))
    figure = draw([layer], make_units(layer), most=most)
    assert len(names_and_ranks(figure)[0]) == 2 * most
    assert overlapping(figure) == []


def test_leaves_out_units_that_nothing_drives(draw, layers, make_units, never_driven):
    layer, units = never_driven(layers[0], make_units(*layers), 7)
    figure = draw([layer, layers[1]], units)
    assert "conv3_1, 107" not in shown(figure)
    assert "VGG-19: 7 units, the most and the least invariant to phase" in shown(figure)
    assert "1 unit left out: not driven above zero" in shown(figure)
    assert overlapping(figure) == []


def test_layers_without_textures(draw, make_measured, make_units):
    layer = make_measured(2, families=("shifts",))
    figure = draw([layer], make_units(layer))
    assert names_and_ranks(figure) == ([], [])


def test_same_bytes(draw, layers, make_units, tmp_path):
    assert same_bytes(lambda: draw(layers, make_units(*layers), most=1), tmp_path)


def test_distributions_show_all_units_with_the_tables_medians(draw, layers, make_units):
    units = make_units(*layers)
    figure = draw(layers, units, most=1)
    axes = figure.axes[1]
    filled = [line for line in axes.lines if line.get_marker() == "o"]
    shown_values = [sorted(line.get_ydata()) for line in filled]
    own = [units[units.layer == layer.layer] for layer in layers]
    expected = [sorted(some[name]) for some in own for name in ("phase_index", "phase_surrogate")]
    np.testing.assert_allclose(shown_values, expected)
    colours = [line.get_markerfacecolor() for line in filled]
    assert colours == [network_colour("vgg19"), "white", network_colour("resnet50"), "white"]
    bars = [line.get_ydata()[0] for line in axes.lines if line.get_color() == INK]
    np.testing.assert_allclose(bars, [0.85, 0.21, 0.85, 0.21])
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.75, 0.95))
    dashed = [line.get_ydata()[0] for line in axes.lines if line.get_color() == GREY]
    assert 0.5 in dashed
    assert "C2: at least 0.5, 0.3 above surrogate, variation ≤ 0.1" in shown(figure)
    assert shown(figure).count("n = 8") == 2


def test_no_distributions_without_indices(draw, layers, make_units):
    units = make_units(*layers)
    units["phase_index"] = np.nan  # withheld
    figure = draw(layers, units)
    assert len(figure.axes) == 1
    assert names_and_ranks(figure) == ([], [])


def test_layers_that_are_too_small_are_passed_over(draw, layers, make_measured, make_units):
    small = make_measured(2, "vgg19", "conv1_1", families=())
    units = make_units(small, *layers)
    units.loc[units.layer == "conv1_1", ["phase_index", "phase_surrogate", "phase_above"]] = np.nan
    figure = draw([small, *layers], units)
    labels = [label.get_text() for label in figure.axes[1].get_xticklabels()]
    assert labels == ["conv3_1", "layer1.1"]
    assert overlapping(figure) == []
