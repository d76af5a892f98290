"""Rank correlations of indices with natural stability, where they are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from diversevis.analysis.prediction import COLUMNS, prediction_table


@pytest.fixture
def units(make_units):
    """The index of deformations tells stability, its surrogate nothing; of shifts the other way."""
    stream = np.random.default_rng(0)
    told, untold = np.tile(np.linspace(0, 1, 20), 2), stream.normal(size=40)
    return make_units(
        deformation_index_2=told**3,
        deformation_surrogate_2=untold,
        natural_deformation_2=told,
        shift_index_2=untold,
        shift_surrogate_2=-told,
        natural_shift_2=told,
        phase_index=untold,
        phase_surrogate=0.3,
    )


def predict(units, **more):
    table = prediction_table(units, 2, resamples=300, **more)
    return table, table.set_index(["layer", "index"])


def test_correlation_baseline_and_difference(units):
    table, found = predict(units)
    assert table.columns.tolist() == list(COLUMNS)
    bent = found.loc[("conv3_1", "deformation_index_2")]
    assert (bent["correlation"], bent["low"], bent["high"]) == pytest.approx((1, 1, 1))
    own = units[units["layer"] == "conv3_1"]
    other = stats.spearmanr(own["deformation_surrogate_2"], own["natural_deformation_2"]).statistic
    assert bent["baseline"] == pytest.approx(other, abs=1e-12)
    assert bent["difference"] == pytest.approx(1 - other, abs=1e-12)
    assert bent["difference_low"] <= bent["difference"] <= bent["difference_high"]
    assert (bent["stability"], bent["units"]) == ("natural_deformation_2", 20)
    shifted = found.loc[("conv3_1", "shift_index_2")]
    assert shifted["baseline"] == pytest.approx(-1)


def test_layers_networks_and_all_units(units):
    table, _ = predict(units)
    names = table[["network", "layer"]].drop_duplicates().apply(tuple, axis=1).tolist()
    assert names == [
        ("vgg19", "conv3_1"),
        ("resnet50", "layer1.1"),
        ("vgg19", "all"),
        ("resnet50", "all"),
        ("all", "all"),
    ]
    assert table[table["network"] == "all"]["units"].eq(40).all()
    assert table[table["index"] == "phase_index"]["stability"].eq("natural_shift_2").all()


def test_values_that_do_not_differ_have_no_correlation(units):
    _, found = predict(units)
    phase = found.loc[("conv3_1", "phase_index")]
    assert np.isfinite(phase["correlation"])
    # The surrogates' phase indices are all the same.
    assert phase[["baseline", "baseline_low", "difference", "difference_high"]].isna().all()


def test_units_without_a_say_and_what_was_not_measured(units):
    units.loc[units["channel"] < 4, "hand_picked"] = 1
    units.loc[units["channel"] == 5, "left_out"] = "dead"
    units.loc[units["channel"] == 6, "natural_deformation_2"] = np.nan
    _, found = predict(units)
    assert found.loc[("conv3_1", "deformation_index_2"), "units"] == 14
    assert found.loc[("conv3_1", "shift_index_2"), "units"] == 15
    few, without = units[units["channel"] < 8], units.drop(columns="natural_shift_2")
    assert predict(few)[1].loc[("conv3_1", "deformation_index_2"), "units"] == 2
    assert predict(few)[0]["correlation"].isna().loc[:2].all()
    assert predict(without)[1].loc[("conv3_1", "shift_index_2"), "units"] == 0
