"""Figure of the controls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, pictures, same_bytes, shown

from diversevis.figures.controls import draw

KINDS = ("simple", "rectified", "complex", "rigid", "deformable")


@pytest.fixture
def controls(make_measured, make_units):
    """Layers, rows of tests, and indices by unit; the indices tell the kinds apart."""

    def make(kinds=KINDS, units: int = 4, **settings):
        layers = {kind: make_measured(units, "controls", kind, **settings) for kind in kinds}
        table = make_units(*layers.values())
        unit = table.channel - 100
        table["phase_index"] = np.where(table.layer == "complex", 0.95, 0.2) + 0.01 * unit
        above = np.where(table.layer == "deformable", 0.3, 0.0) + 0.01 * unit
        table["deformation_index_2"] = table["deformation_surrogate_2"] + above
        table = table[table.network == "controls"].reset_index(drop=True)
        measured = {data.family for data in layers[kinds[0]].families}
        return layers, rows(table, measured), table

    def rows(table, measured):
        parts = []
        for family, prefix, delta in (
            ("all-shifts", "phase", None),
            ("shifts", "shift", 1.0),
            ("deformations", "deformation", 1.0),
            ("deformations", "deformation", 2.0),
        ):
            strength = "" if delta is None else f"_{delta:g}"
            part = table[["network", "layer", "channel"]].assign(
                family=family,
                delta=np.nan if delta is None else delta,
                mean=table[f"{prefix}_index{strength}"],
                surrogate_mean=table[f"{prefix}_surrogate{strength}"],
                mask="fixed",
            )
            if family in measured:
                parts += [part, part.assign(mask="learned", mean=9)] if delta is None else [part]
        other = parts[0].assign(network="vgg19", layer="conv3_1", mean=9)
        return pd.concat([other, *parts], ignore_index=True)

    return make


@pytest.fixture
def controls_criteria(criteria):
    return criteria["controls"]


def dots(axes, *, filled: bool):
    """Values of all units, kind by kind."""
    return np.concatenate(
        [
            line.get_xdata()
            for line in axes.lines
            if line.get_marker() == "o" and (line.get_markerfacecolor() != "white") == filled
        ]
    )


def criteria(axes):
    """Where dashed lines are, top to bottom."""
    return [
        collection.get_segments()[0][0, 0]
        for collection in axes.collections
        if hasattr(collection, "get_segments") and collection.get_linestyle()[0][1] is not None
    ]


def test_shows_all_units_of_all_kinds(controls, controls_criteria):
    layers, tests, table = controls()
    figure = draw(layers, tests, criteria=controls_criteria)
    _, phase, deformation, above = figure.axes
    np.testing.assert_allclose(dots(phase, filled=True), table.phase_index)
    np.testing.assert_allclose(dots(phase, filled=False), table.phase_surrogate)
    np.testing.assert_allclose(dots(deformation, filled=True), table.deformation_index_2)
    np.testing.assert_allclose(dots(deformation, filled=False), table.deformation_surrogate_2)
    difference = table.deformation_index_2 - table.deformation_surrogate_2
    np.testing.assert_allclose(dots(above, filled=True), difference)
    assert [text for text in shown(figure) if text in KINDS] == list(KINDS)
    assert len(pictures(figure)) == 3 * len(KINDS) + 1
    assert overlapping(figure) == []


def test_draws_the_criteria(controls, controls_criteria):
    layers, tests, _ = controls()
    _, phase, deformation, above = draw(layers, tests, criteria=controls_criteria).axes
    assert criteria(phase) == pytest.approx([0.9, 0.23 + 0.6])
    assert criteria(deformation) == []
    assert criteria(above) == pytest.approx([0.03 + 0.1])


def test_linear_units_tell_their_largest_difference(controls, controls_criteria):
    layers, tests, _ = controls()
    here = (tests.layer == "rigid") & (tests.channel == 102) & (tests.family == "shifts")
    tests.loc[here, "mean"] = tests.surrogate_mean - 0.321
    texts = [
        text
        for text in shown(draw(layers, tests, criteria=controls_criteria))
        if text.startswith("largest")
    ]
    # Simple cells: deformations by 1 px, where the made-up index is furthest from its stand-in.
    assert texts == ["largest in any\nfamily 0.260", "largest in any\nfamily 0.321"]


def test_seeds_are_averaged_and_the_order_of_rows_does_not_matter(controls, controls_criteria):
    layers, tests, table = controls()
    tests = pd.concat([tests.assign(mean=tests["mean"] + shift) for shift in (-0.1, 0.1)])
    phase = draw(layers, tests.sample(frac=1, random_state=0), criteria=controls_criteria).axes[1]
    np.testing.assert_allclose(dots(phase, filled=True), table.phase_index)


@pytest.mark.parametrize("kinds", [("simple",), ("complex", "deformable")])
def test_some_kinds(controls, controls_criteria, kinds):
    layers, tests, _ = controls(kinds, units=1)
    figure = draw(layers, tests, criteria=controls_criteria)
    assert [text for text in shown(figure) if text in KINDS] == list(kinds)
    assert overlapping(figure) == []


def test_without_deformations_or_textures(controls, controls_criteria):
    layers, tests, _ = controls(families=("all-shifts",), masks=("fixed",))
    figure = draw(layers, tests, criteria=controls_criteria)
    assert len(dots(figure.axes[1], filled=True)) == 20
    assert not [line for line in figure.axes[3].lines if line.get_marker() == "o"]
    layers, tests, _ = controls(families=("deformations",))
    figure = draw(layers, tests, criteria=controls_criteria)
    assert len(dots(figure.axes[3], filled=True)) == 20
    assert overlapping(figure) == []


def test_a_unit_without_an_index_has_no_dot(controls, controls_criteria):
    layers, tests, _ = controls()
    tests.loc[(tests.layer == "rigid") & (tests.channel == 101), "mean"] = np.nan
    _, phase, _, above = draw(layers, tests, criteria=controls_criteria).axes
    assert np.isnan(dots(phase, filled=True)).sum() == 1
    assert criteria(above) == pytest.approx([0.03 + 0.1])
    assert np.isfinite(above.get_xlim()).all()


def test_same_bytes(controls, controls_criteria, tmp_path):
    layers, tests, _ = controls(("simple", "complex"), units=1)
    assert same_bytes(lambda: draw(layers, tests, criteria=controls_criteria), tmp_path)
