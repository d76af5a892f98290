"""Controls that pass, and controls that fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from diversevis.analysis.controls import controls_table


def outcome(layer, channel, family, delta, mean, surrogate, *, seed=0, mask="fixed", **other):
    return {
        "network": "net",
        "layer": layer,
        "channel": channel,
        "family": family,
        "delta": delta,
        "mean": mean,
        "p10": mean - 0.1,
        "min": mean - 0.2,
        "surrogate_mean": surrogate,
        "f_max": 10.0,
        "members": 4,
        "seed": seed,
        "mask": mask,
        "from_noise": 9.0,
        "left_out": "",
        **other,
    }


def controls(complex_phase=0.95, simple_phase=0.2, deformable=0.75, simple_surrogate=0.2):
    rows = []
    for channel in range(2):
        rows += [
            outcome("simple", channel, "all-shifts", np.nan, simple_phase, simple_surrogate),
            outcome("complex", channel, "all-shifts", np.nan, complex_phase, 0.2),
            outcome("rigid", channel, "deformations", 2.0, 0.5, 0.5),
            outcome("deformable", channel, "deformations", 2.0, deformable, 0.5),
        ]
    return pd.DataFrame(rows)


def test_controls_that_pass(criteria):
    table = controls_table(controls(), criteria["controls"])
    assert table.holds.all()
    assert set(table["index"]) == {"phase", "deformation"}


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({"complex_phase": 0.85}, "lowest phase index"),
        ({"simple_phase": 0.4, "simple_surrogate": 0.4}, "above simple cells"),
        ({"deformable": 0.58}, "deformable above rigid"),
        ({"simple_surrogate": 0.25}, "linear units"),
    ],
)
def test_controls_that_fail_say_which(criteria, change, fails):
    table = controls_table(controls(**change), criteria["controls"])
    failed = table[~table.holds]
    assert len(failed) == 1
    assert fails in failed.criterion.iloc[0]
