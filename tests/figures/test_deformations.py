"""Figure of shifts against deformations."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from figure_contents import extent, overlapping, pictures, same_bytes, same_picture, shown

from diversevis.figures import deformations

SHIFTS, DEFORMATIONS, ROTATIONS = "#0072B2", "#D55E00", "#007A5A"


def lines(axes, colour, width):
    return [
        line.get_ydata().tolist()
        for line in axes.lines
        if line.get_color() == colour and line.get_linewidth() == width
    ]


@pytest.fixture
def draw(make_indices, make_tests, registry):
    def draw_with_tables(layers, units, registry=registry):
        tables = make_tests(*layers), units, make_indices(units)
        return deformations.draw(layers, *tables, registry)

    return draw_with_tables


@pytest.fixture
def layers(make_measured):
    return [make_measured(3), make_measured(3, "resnet50", "layer1.1")]


def test_units_medians_and_surrogates(draw, layers, make_units):
    figure = draw(layers, make_units(*layers))
    page, *panels = figure.axes
    assert len(panels) == 2
    for axes in panels:
        np.testing.assert_allclose(
            lines(axes, SHIFTS, 0.5), [[0.8, 0.7], [0.81, 0.71], [0.82, 0.72]]
        )
        np.testing.assert_allclose(lines(axes, SHIFTS, 1.5), [[0.81, 0.71]])
        np.testing.assert_allclose(lines(axes, SHIFTS, 1.0), [[0.6, 0.5]])
        np.testing.assert_allclose(lines(axes, DEFORMATIONS, 1.5), [[0.72, 0.62]])
        np.testing.assert_allclose(lines(axes, DEFORMATIONS, 1.0), [[0.5, 0.4]])
        assert axes.get_xticks().tolist() == [1, 2]
    assert "VGG-19 conv3_1" in shown(figure)
    assert "ResNet-50 layer1.1" in shown(figure)
    assert shown(figure).count("3 units") == 2
    assert len(page.get_legend().get_texts()) == 4
    assert overlapping(figure) == []


def test_a_single_displacement_is_drawn_as_strokes(draw, make_measured, make_units):
    """Lines of a single point would not be seen."""
    layer = make_measured(3, deltas=(2.0,))
    figure = draw([layer], make_units(layer, deltas=(2.0,)))
    _, axes = figure.axes
    np.testing.assert_allclose(
        lines(axes, DEFORMATIONS, 0.5), [[0.6, 0.6], [0.62, 0.62], [0.64, 0.64]]
    )
    np.testing.assert_allclose(lines(axes, DEFORMATIONS, 1.5), [[0.62, 0.62]])
    np.testing.assert_allclose(lines(axes, DEFORMATIONS, 1.0), [[0.4, 0.4]])
    assert axes.get_xticks().tolist() == [2]
    assert all(np.ptp(line.get_xdata()) > 0 for line in axes.lines)


def test_examples_are_the_units_furthest_from_their_surrogates(draw, layers, make_units):
    figure = draw(layers[:1], make_units(*layers))
    texts = shown(figure)
    names = [text for text in texts if text.startswith("VGG-19\n")]
    assert names == ["VGG-19\nconv3_1, 102", "VGG-19\nconv3_1, 100"]
    assert "δ = 2 px\nindex 0.64\nsurrogate 0.40" in texts
    assert "δ = 2 px\nindex 0.60\nsurrogate 0.40" in texts
    contrasts = np.linspace(1, 0.5, 12)
    for value in (*contrasts[:4], *contrasts[-4:]):
        assert texts.count(f"{value:.2f}") == 2
    assert len(pictures(figure)) == 2 * 9
    # A grid of five lines either way over each picture: two sets of contours.
    assert len(figure.axes[0].collections) == 2 * len(pictures(figure))


def test_grids_bend_with_the_member(draw, layers, make_units):
    page = draw(layers[:1], make_units(*layers)).axes[0]
    straight, _, bent, *_ = [
        [path.vertices[:, 0] for path in lines.get_paths()] for lines in page.collections
    ]
    assert len(straight) == len(bent) == 5
    left, right, *_ = page.images[0].get_extent()
    for mesh, line in enumerate(straight, start=1):
        np.testing.assert_allclose(line, left + mesh * (right - left) / 6)
    assert max(np.ptp(line) for line in bent) > 0.1


def test_members_are_those_of_the_seed_with_the_best_index(draw, make_measured, make_units):
    layers = [make_measured(1, seed=seed) for seed in (0, 1)]
    for layer, value in zip(layers, (50, -50), strict=True):
        layer.find("deformations", 2.0).patches[:] = value
    layers[0].find("deformations", 2.0).contrasts[:] *= 0.5
    _, member, *_ = pictures(draw(layers, make_units(layers[0])))
    assert same_picture(member, np.full((3, 10, 10), -50))


def test_units_picked_by_hand_have_lines_and_no_say(draw, layers, make_units):
    units = make_units(*layers)
    units.loc[2, "hand_picked"] = 1
    figure = draw(layers, units)
    np.testing.assert_allclose(lines(figure.axes[1], SHIFTS, 1.5), [[0.805, 0.705]])
    assert len(lines(figure.axes[1], SHIFTS, 0.5)) == 3
    assert len([text for text in shown(figure) if text.endswith("\npicked by hand")]) == 1
    assert "2 units, 1 by hand" in shown(figure)
    assert overlapping(figure) == []


def test_displacement_in_cycles(draw, layers, make_units):
    units = make_units(*layers).assign(displacement_cycles_2=0.25)
    texts = [text.get_text() for text in draw(layers, units).axes[1].texts]
    assert texts == ["2 px: 0.25 cycles"]


@pytest.mark.parametrize("units", [1, 32])
@pytest.mark.parametrize("count", [1, 4, 6])
def test_any_number_of_layers_and_units(draw, make_measured, make_units, units, count):
    names = [("vgg19", "conv3_1"), ("resnet50", "layer1.1"), ("vgg19", "conv3_2")]
    names += [("resnet50", "layer1.2"), ("vgg19", "conv3_4"), ("resnet50", "layer2.0")]
    layers = [make_measured(units, *name) for name in names[:count]]
    figure = draw(layers, make_units(*layers))
    assert len(figure.axes) == 1 + count
    assert overlapping(figure) == []


def test_panels_share_their_scale_and_wrap(draw, make_measured, make_units):
    layers = [make_measured(2, "vgg19", f"conv{i}_1") for i in range(7)]
    layers += [make_measured(2, "resnet50", "layer1.0")]
    units = make_units(*layers)
    units.loc[0, "shift_index_1"] = 1.3
    empty = units.layer == "conv3_1"
    units.loc[empty, [name for name in units if "_index_" in name or "_surrogate_" in name]] = (
        np.nan
    )
    figure = draw(layers, units)
    assert len({axes.get_ylim() for axes in figure.axes[1:]}) == 1
    assert figure.axes[1].get_ylim()[1] > 1.3
    tops = [round(axes.get_position().y1, 6) for axes in figure.axes[1:]]
    assert [tops.count(top) for top in dict.fromkeys(tops)] == [4, 3, 1]
    assert shown(figure).count("not measured") == 1
    assert overlapping(figure) == []


def test_eight_layers_and_units_left_out(draw, make_measured, make_units, never_driven):
    names = [
        (network, f"layer{i}.0{network[0]}") for network in ("vgg19", "resnet50") for i in range(4)
    ]
    layers = [make_measured(32, *name) for name in names]
    layers[7], units = never_driven(layers[7], make_units(*layers), 0)
    figure = draw(layers, units)
    assert len(figure.axes) == 9
    assert shown(figure).count("31 of 32") == 1
    assert overlapping(figure) == []


def test_examples_are_at_the_displacement_of_the_registry(
    draw, make_measured, make_units, make_registry
):
    layer, registry = make_measured(2, deltas=(0.5, 3.0)), make_registry(delta=3.0)
    units = make_units(layer, deltas=(0.5, 3.0))
    units["deformation_above"] = [0.1, 0.2]
    figure = draw([layer], units, registry)
    assert figure.axes[1].get_xticks().tolist() == [0.5, 3]
    assert len([text for text in shown(figure) if text.startswith("δ = 3 px")]) == 2


def test_examples_show_what_the_unit_was_shown(draw, make_measured, make_units):
    layer = make_measured(1)
    tests = layer.find("deformations", 2.0)
    first, *members = pictures(draw([layer], make_units(layer)))
    assert same_picture(first, tests.unmoved[0])
    for image, patch in zip(members, tests.patches[0], strict=True):
        assert same_picture(image, patch)


def test_any_displaced_family_is_drawn(draw, make_measured, make_units, make_registry):
    names = "all-shifts", "shifts", "deformations", "rotations", "blurs"
    layer = make_measured(3, families=names)
    units = make_units(layer)
    for delta in (1, 2):
        units[f"rotation_index_{delta}"] = 0.5 / delta
        units[f"rotation_surrogate_{delta}"] = 0.25 / delta
    figure = draw([layer], units, make_registry(*names))
    assert lines(figure.axes[1], ROTATIONS, 1.5) == [[0.5, 0.25]]
    assert lines(figure.axes[1], ROTATIONS, 1.0) == [[0.25, 0.125]]
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "rotations: median of units" in texts
    assert overlapping(figure) == []
    box = extent(figure, figure.axes[0].get_legend())
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_without_displaced_families(draw, make_measured, make_units, make_registry):
    layer = make_measured(2, families=("all-shifts",))
    figure = draw([layer], make_units(layer, deltas=()), make_registry("all-shifts"))
    assert len(pictures(figure)) == 0
    assert overlapping(figure) == []


def test_leaves_out_units_that_nothing_drives(draw, layers, make_units, never_driven):
    layer, units = never_driven(layers[0], make_units(*layers), 2)
    figure = draw([layer, layers[1]], units)
    assert "2 of 3" in shown(figure)
    assert "1 unit left out: not driven above zero" in shown(figure)
    assert "VGG-19\nconv3_1, 102" not in shown(figure)
    assert len(lines(figure.axes[1], SHIFTS, 0.5)) == 2
    assert overlapping(figure) == []


def test_layer_without_any_driven_unit(draw, make_measured, make_units, never_driven):
    layer = make_measured(1)
    layer, units = never_driven(layer, make_units(layer), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw([layer], units)
    assert "0 of 1" in shown(figure)
    assert len(pictures(figure)) == 0


def test_same_bytes(draw, layers, make_units, tmp_path):
    assert same_bytes(lambda: draw(layers[:1], make_units(*layers)), tmp_path)
