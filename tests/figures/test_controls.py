"""Figure of the controls."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from figure_contents import overlapping, pictures, same_bytes, shown

from diversevis.figures.controls import draw

KINDS = ("simple", "rectified", "complex", "rigid", "deformable")


@pytest.fixture
def controls(make_measured, make_units, make_indices):
    """Layers, tidy indices, and the same by unit; the indices tell the kinds apart."""

    def make(kinds=KINDS, units: int = 4, **settings):
        layers = [make_measured(units, "controls", kind, **settings) for kind in kinds]
        table = make_units(*layers)
        unit = table.channel - 100
        table["phase_index"] = np.where(table.layer == "complex", 0.95, 0.2) + 0.01 * unit
        above = np.where(table.layer == "deformable", 0.3, 0.0) + 0.01 * unit
        table["deformation_index_2"] = table["deformation_surrogate_2"] + above
        indices = make_indices(table)
        measured = {tests.family.name for tests in layers[0].families}
        return layers, indices[indices.family.isin(measured)], table

    return make


def dots(axes, *, filled: bool):
    """Values of all units, kind by kind."""
    return np.concatenate(
        [
            line.get_xdata()
            for line in axes.lines
            if line.get_marker() == "o" and (line.get_markerfacecolor() != "white") == filled
        ]
    )


def dashed(axes):
    """Where dashed lines are, top to bottom."""
    return [
        collection.get_segments()[0][0, 0]
        for collection in axes.collections
        if hasattr(collection, "get_segments") and collection.get_linestyle()[0][1] is not None
    ]


def test_shows_all_units_of_all_kinds(controls, criteria):
    layers, indices, table = controls()
    figure = draw(layers, indices, criteria=criteria)
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


def test_draws_the_criteria(controls, criteria):
    layers, indices, _ = controls()
    _, phase, deformation, above = draw(layers, indices, criteria=criteria).axes
    assert dashed(phase) == []
    assert dashed(deformation) == []
    assert dashed(above) == pytest.approx([0.03 + 0.1])


def test_linear_units_tell_their_largest_difference(controls, criteria):
    layers, indices, _ = controls()
    here = (indices.layer == "rigid") & (indices.channel == 102) & (indices.family == "shifts")
    indices.loc[here, "value"] = indices.surrogate - 0.321
    texts = [
        text
        for text in shown(draw(layers, indices, criteria=criteria))
        if text.startswith("largest in")
    ]
    # Simple cells: deformations by 1 px, where the made-up index is furthest from its surrogate.
    assert texts == ["largest in any\nfamily 0.260", "largest in any\nfamily 0.321"]


def test_complex_cells_tell_their_largest_variation(controls, criteria):
    layers, indices, _ = controls()
    spread = indices[(indices.layer == "complex") & (indices.family == "all-shifts")]
    spread = spread[(spread.statistic == "mean") & (spread["mask"] == "fixed")]
    spread = spread[spread.measure == "contrast"].assign(statistic="variation")
    indices = pd.concat([indices, spread.assign(value=[0.01, 0.04, 0.02, 0.03])])
    assert "largest variation\nover shifts 0.040" in shown(draw(layers, indices, criteria=criteria))


def test_variants_stand_beside_their_plain_kinds(controls, criteria):
    layers, indices, _ = controls()
    assert len(draw(layers, indices, criteria=criteria).axes) == 4

    def variant(name, off):
        own = indices[(indices.layer == name.partition("-")[0]) & (indices["mask"] == "fixed")]
        return own.assign(layer=name, value=own.value + off)

    cells = [variant("complex-squared", 0.02), variant("complex-s6", -0.1)]
    indices = pd.concat([indices, variant("simple-soft", 0.04), *cells])
    rows = indices[(indices.family == "all-shifts") & indices.layer.str.startswith("complex")]
    rows = rows[(rows["mask"] == "fixed") & (rows.statistic == "mean")]
    indices = pd.concat([indices, rows.assign(statistic="variation", value=0.0375)])
    figure = draw(layers, indices, criteria=criteria)
    phase, bent, spread = figure.axes[4:]
    weights = {text.get_text(): text.get_weight() for text in phase.texts}
    assert weights == {
        "0.040": "bold",  # beyond 0.03
        "0.020": "normal",
        "simple": "bold",
        "complex": "bold",
        "complex, envelopes": "bold",
    }
    names = ["plain", "threshold", "plain", "square", "plain", "s/6"]
    assert [label.get_text() for label in bent.get_xticklabels()] == names
    first = [line.get_ydata() for line in phase.lines if line.get_linestyle() == "-"][:4]
    np.testing.assert_allclose(first, [[0.2 + 0.01 * u, 0.24 + 0.01 * u] for u in range(4)])
    assert 0.05 in [line.get_ydata()[0] for line in spread.lines if line.is_dashed()]
    assert [label.get_text() for label in spread.get_xticklabels()] == ["plain", "square", "s/6"]
    assert overlapping(figure) == []


def test_the_order_of_rows_does_not_matter(controls, criteria):
    layers, indices, table = controls()
    phase = draw(layers, indices.sample(frac=1, random_state=0), criteria=criteria).axes[1]
    np.testing.assert_allclose(dots(phase, filled=True), table.phase_index)


def test_the_displacement_is_that_of_claim_c3(controls, criteria):
    layers, indices, table = controls()
    figure = draw(layers, indices, criteria={**criteria, "C3": {"delta": 1}})
    np.testing.assert_allclose(dots(figure.axes[2], filled=True), table.deformation_index_1)
    assert "δ = 1 px" in shown(figure)


@pytest.mark.parametrize("kinds", [("simple",), ("complex", "deformable")])
def test_some_kinds(controls, criteria, kinds):
    layers, indices, _ = controls(kinds, units=1)
    figure = draw(layers, indices, criteria=criteria)
    assert [text for text in shown(figure) if text in KINDS] == list(kinds)
    assert overlapping(figure) == []


def test_without_deformations_or_textures(controls, criteria):
    layers, indices, _ = controls(families=("all-shifts",), masks=("fixed",))
    figure = draw(layers, indices, criteria=criteria)
    assert len(dots(figure.axes[1], filled=True)) == 20
    assert np.isnan(dots(figure.axes[3], filled=True)).all()
    layers, indices, _ = controls(families=("deformations",))
    figure = draw(layers, indices, criteria=criteria)
    assert len(dots(figure.axes[3], filled=True)) == 20
    assert overlapping(figure) == []


def test_a_unit_without_an_index_has_no_dot(controls, criteria):
    layers, indices, _ = controls()
    indices.loc[(indices.layer == "rigid") & (indices.channel == 101), "value"] = np.nan
    _, phase, _, above = draw(layers, indices, criteria=criteria).axes
    assert np.isnan(dots(phase, filled=True)).sum() == 1
    assert dashed(above) == pytest.approx([0.03 + 0.1])
    assert np.isfinite(above.get_xlim()).all()


def test_same_bytes(controls, criteria, tmp_path):
    layers, indices, _ = controls(("simple", "complex"), units=1)
    assert same_bytes(lambda: draw(layers, indices, criteria=criteria), tmp_path)
