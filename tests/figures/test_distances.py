"""Figure of restarts, pixel distance and feature distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, pictures, same_bytes, shown

from diversevis.figures.distances import draw
from diversevis.figures.style import DIVERSE, INK, PIXELS, RESTARTS

RATIOS = {"restarts": (1, 1, 1), "pixels": (0.92, 2.5, 1.5), "features": (0.97, 1.5, 2.5)}


@pytest.fixture
def table():
    def make(channels) -> pd.DataFrame:
        rows = [
            (c, kind, "conv2_2", 50 * a, 10 * p, 2 * f, a, p * (1 + i / 10), f)
            for i, c in enumerate(channels)
            for kind, (a, p, f) in RATIOS.items()
        ]
        names = ["channel", "set", "features", "mean_activation", "pixel_distance"]
        names += ["feature_distance", "activation_ratio", "pixel_ratio", "feature_ratio"]
        return pd.DataFrame(rows, columns=names)

    return make


@pytest.mark.parametrize(("units", "n", "shown_units"), [(1, 6, 1), (6, 6, 4), (3, 2, 3)])
def test_images_and_numbers(make_layer, table, units, n, shown_units):
    sets = make_layer(units, n)
    figure = draw(sets, sets, table(sets.channels))
    texts = shown(figure)
    assert len(pictures(figure)) == shown_units * 3 * n
    assert len([text for text in texts if text.isdigit()]) == shown_units
    assert "activation 50.0\ndistance: 10.0 in pixels, 2.00 in features" in texts
    assert "activation 46.0 (92 %)\ndistance: 25.0 in pixels, 3.00 in features" in texts
    assert "activation 48.5 (97 %)\ndistance: 15.0 in pixels, 5.00 in features" in texts
    assert "distinct in features (conv2_2)" in texts
    assert overlapping(figure) == []


def test_panels_show_all_units_relative_to_restarts(make_layer, table):
    sets = make_layer(6)
    rows = table(sets.channels)
    figure = draw(sets, sets, rows)
    for axes, quantity in zip(
        figure.axes[1:], ("activation_ratio", "pixel_ratio", "feature_ratio"), strict=True
    ):
        for colour, kind in ((RESTARTS, "restarts"), (PIXELS, "pixels"), (DIVERSE, "features")):
            (dots,) = [line for line in axes.lines if line.get_color() == colour]
            np.testing.assert_allclose(dots.get_ydata(), rows[rows.set == kind][quantity])
        bars = [line.get_ydata()[0] for line in axes.lines if line.get_color() == INK]
        medians = rows.groupby("set")[quantity].median()
        np.testing.assert_allclose(bars, medians[list(RATIOS)])
    assert "6 units" in shown(figure)


def test_only_units_of_both_runs(make_layer, table):
    features = make_layer(4)
    pixels = features.take([103, 101])
    figure = draw(features, pixels, table([101, 103]))
    assert [text for text in shown(figure) if text.isdigit()] == ["101", "103"]
    second = figure.axes[0].images[6 + 6 * 3]  # of the second row: restarts, then pixels
    first_pixels = figure.axes[0].images[6]
    expected = draw(features.take([101]), features.take([101]), table([101])).axes[0].images[6]
    np.testing.assert_array_equal(first_pixels.get_array(), expected.get_array())
    assert not np.array_equal(first_pixels.get_array(), second.get_array())


def test_sets_that_kept_too_little_are_pale(make_layer, table):
    features = make_layer(1)
    pixels = make_layer(1, selected=False)
    figure = draw(features, pixels, table(features.channels))
    assert "no diverse set kept its activation\nrestarts repeated" in shown(figure)
    assert len([image for image in pictures(figure) if image.get_alpha() < 1]) == 6


def test_units_that_restarts_do_not_drive(make_layer, table):
    sets, rows = make_layer(2), table([100, 101])
    rows.loc[rows.channel == 101, [name for name in rows if name.endswith("_ratio")]] = np.nan
    figure = draw(sets, sets, rows)
    (dots,) = [line for line in figure.axes[1].lines if line.get_color() == PIXELS]
    assert len(dots.get_ydata()) == 1


def test_same_bytes(make_layer, table, tmp_path):
    sets = make_layer(1, 2)
    assert same_bytes(lambda: draw(sets, sets, table(sets.channels)), tmp_path)
