"""The repository's criteria, and units whose values are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from diversevis.results.quantities import Registry, quantities
from diversevis.results.tests import FamilyInfo
from diversevis.study.settings import read_criteria


@pytest.fixture
def criteria():
    return read_criteria(Path(__file__).parents[2] / "config" / "criteria.yaml")


FAMILIES = [
    FamilyInfo("all-shifts", "phase", "all shifts", "#000001"),
    FamilyInfo("shifts", "shift", "shifts", "#000002"),
    FamilyInfo("deformations", "deformation", "deformations", "#000003"),
]
SPINS = FamilyInfo("spins", "spin", "spins", "#000004")
"""A family that no other file knows of."""


@pytest.fixture
def families():
    return list(FAMILIES)


@pytest.fixture
def spins():
    return SPINS


@pytest.fixture
def make_registry():
    """Return a maker of registries: of the usual families, or of some."""

    def make(families=FAMILIES):
        displaced = {family.name for family in families} - {"all-shifts"}
        return Registry(quantities(families, displaced, {"all-shifts"}, 2))

    return make


@pytest.fixture
def registry(make_registry):
    return make_registry()


@pytest.fixture
def make_units():
    """Return a maker of unit tables: two layers, 20 units each, values to be overridden."""

    def make(n=20, **columns):
        total = 2 * n
        table = pd.DataFrame(
            {
                "network": ["vgg19"] * n + ["resnet50"] * n,
                "layer": ["conv3_1"] * n + ["layer1.1"] * n,
                "channel": np.tile(np.arange(n), 2),
                "size": [24] * n + [27] * n,
                "restart_mean_activation": 50.0,
                "diverse_mean_activation": 48.0,
                "diverse_min_distance": 2.0,
                "activation_ratio": 0.96,
                "distance_ratio": np.linspace(1.5, 3, total),
                "f_max": 60.0,
                "f_max_spread": 0.02,
                "needed_natural": False,
                "phase_index": np.linspace(0.1, 0.9, total),
                "phase_above": np.linspace(0.0, 0.6, total),
                "phase_uncertainty": 0.01,
                "phase_learned_mask": 0.5,
                "shift_index_2": 0.7,
                "shift_above": 0.1,
                "shift_uncertainty": 0.01,
                "deformation_index_2": 0.5,
                "deformation_above": np.tile(np.linspace(-0.1, 0.2, n), 2),
                "deformation_uncertainty": 0.01,
                "deformation_above_uncertainty": 0.01,
                "f1_f0": 1.0,
                "stability_mean_2": 20.0,
                "stability_median_2": 30.0,
                "phase_invariant": False,
                "deformation_invariant": False,
                "left_out": "",
                "withheld": "",
            }
        )
        table = table.assign(**columns)
        # The first edition's are the same, if nothing else is said.
        for index in ("phase", "shift", "deformation"):
            for name in [name for name in table if name.startswith(f"{index}_")]:
                other = name.replace(index, f"{index}_response", 1)
                if "response" not in name and "invariant" not in name and other not in table:
                    table[other] = table[name]
            table[f"{index}_spread"] = table[f"{index}_uncertainty"]
        return table.assign(measure="contrast", hand_picked=0)

    return make


@pytest.fixture
def outcome():
    """Return a maker of one test's rows, one for each statistic."""

    def make(
        layer, channel, family, delta, mean, surrogate, *, seed=0, mask="fixed", measure="response"
    ):
        about = {"network": "net", "layer": layer, "channel": channel, "family": family}
        about |= {"delta": delta, "mask": mask, "measure": measure, "members": 4, "seed": seed}
        values = {"mean": (mean, surrogate), "p10": (mean - 0.1, np.nan)}
        values["min"] = (mean - 0.2, np.nan)
        return [
            {**about, "statistic": name, "value": value, "surrogate": linear}
            for name, (value, linear) in values.items()
        ]

    return make
