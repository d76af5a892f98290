"""Small layers and sets, made up, with numbers that a reader can follow."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from diversevis.figures.data import Layer
from diversevis.figures.invariance_data import FamilyData, MeasuredLayer
from diversevis.invariance.families import get_family
from diversevis.stimuli.masks import window
from diversevis.synthesis.diverse import DiverseSets

SIZE = 5
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def criteria():
    """What the claims and controls are held to."""
    return yaml.safe_load((ROOT / "config/criteria.yaml").read_text())


@pytest.fixture
def make_layer():
    def make(units: int = 3, n: int = 6, *, selected: bool = True, driven: bool = True) -> Layer:
        rng = np.random.default_rng(0)

        def patches(*shape):
            return rng.normal(0, 40, (*shape, 3, SIZE, SIZE)).astype(np.float32)

        unit = np.arange(units)[:, None]
        sign = 1 if driven else -1
        restarts = sign * (50.0 + 10 * unit + np.linspace(-2, 2, n))
        diverse = restarts * 0.95 if selected else restarts
        images = patches(units, n)
        return Layer(
            network="vgg19",
            layer="conv3_1",
            channels=100 + np.arange(units),
            restarts=images,
            restart_activations=restarts,
            restart_distance=np.full(units, 2.0),
            diverse=patches(units, n) if selected else images,
            diverse_activations=diverse,
            diverse_distance=np.full(units, 5.0 if selected else 2.0),
            relative_diversity=np.full(units, 0.1 if selected else 0.0),
            natural=patches(units),
            natural_quantiles=np.tile([-3.0, -1.0, 0.0, 1.0, 12.34], (units, 1)),
            natural_levels=np.array([0.0, 0.25, 0.5, 0.75, 1.0]),
        )

    return make


@pytest.fixture
def make_sets():
    def make(units: int = 2, n: int = 6, names: tuple[str, ...] | None = None) -> DiverseSets:
        stream = torch.Generator().manual_seed(0)
        pairs = n * (n - 1) // 2
        return DiverseSets(
            network="vgg19",
            layer="conv3_1",
            names=names or tuple(str(100 + unit) for unit in range(units)),
            images=torch.randn(units, n, 3, SIZE, SIZE, generator=stream) * 40,
            activations=torch.arange(units * n).view(units, n) + 10.25,
            distances=torch.arange(pairs).expand(units, pairs) + 3.21,
            diversity=torch.full((units,), 0.0125),
            steps=torch.ones(units),
            losses=torch.zeros(units, 1),
            distance="conv2_2",
            seed=0,
        )

    return make


@pytest.fixture
def sweeps() -> pd.DataFrame:
    """Two networks, three layers, two units each; the last layer's second unit is not driven."""
    rows = []
    for network, layer in (("vgg19", "conv2_2"), ("vgg19", "conv3_1"), ("resnet50", "layer1.0")):
        for channel in (3, 8):
            f0 = -1.0 if (layer, channel) == ("layer1.0", 8) else 10.0 * channel
            for c, kept, gained in ((0.0, 1.0, 1.0), (0.1, 0.95, 2.0), (0.3, 0.5, 8.0)):
                rows.append(
                    {
                        "network": network,
                        "layer": layer,
                        "channel": channel,
                        "mean_activation": f0 * kept,
                        "min_distance": 0.5 * gained,
                        "relative_diversity": c,
                        "selected": int(c == (0.1 if f0 > 0 else 0)),
                    }
                )
    return pd.DataFrame(rows)


PATCH, DELTAS = 10, (1.0, 2.0)


@functools.cache
def family_of(name: str, delta: float | None):
    """Return a family, made once: deformations first find out how rare those are that fit."""
    return get_family(name)(PATCH, delta)


@pytest.fixture
def make_measured():
    """Tests of a layer; responses fall from 2 at the first member to 1 at the last, times unit."""

    def make(
        units: int = 2,
        network: str = "vgg19",
        layer: str = "conv3_1",
        *,
        families: tuple[str, ...] = ("all-shifts", "shifts", "deformations"),
        deltas: tuple[float, ...] = DELTAS,
        masks: tuple[str, ...] = ("fixed", "learned"),
    ) -> MeasuredLayer:
        rng = np.random.default_rng(0)

        def family(name: str, delta: float | None, mask: str) -> FamilyData:
            kind = family_of(name, delta)
            if delta is None:
                members = kind.complete().float().numpy()
            else:
                shape = (12, 2, 13) if name == "deformations" else (12,)
                members = rng.normal(0, 0.02, shape).astype(np.float32)
            scale = 10.0 * (1 + np.arange(units))[:, None]
            return FamilyData(
                name,
                delta,
                mask,
                rng.normal(0, 40, (units, 3, kind.side, kind.side)).astype(np.float32),
                np.tile(window(PATCH).numpy(), (units, 1, 1)),
                scale * np.linspace(2, 1, len(members)),
                members,
                np.full(units, 0.125),
            )

        strengths = [
            (name, delta, mask)
            for name in families
            for delta, mask in (
                [(None, mask) for mask in masks]
                if name == "all-shifts"
                else [(delta, "fixed") for delta in deltas]
            )
        ]
        return MeasuredLayer(
            network,
            layer,
            tuple(str(100 + unit) for unit in range(units)),
            rng.normal(0, 40, (units, 3, PATCH, PATCH)).astype(np.float32),
            20.0 * (1 + np.arange(units)),  # so that the first member reaches it
            tuple(family(*strength) for strength in strengths),
        )

    return make


@pytest.fixture
def make_units():
    """Rows of the joined table for the units of layers, with indices that rise with the unit."""

    def make(*layers: MeasuredLayer, deltas: tuple[float, ...] = DELTAS) -> pd.DataFrame:
        rows = []
        for layer in layers:
            for unit, name in enumerate(layer.names):
                row = {
                    "network": layer.network,
                    "layer": layer.layer,
                    "channel": int(name),
                    "needed_natural": False,
                    "phase_index": 0.5 + 0.1 * unit,
                    "phase_surrogate": 0.21,
                    "phase_uncertainty": 0.03,
                    "deformation_above_uncertainty": 0.02,
                    "f1_f0": 1.34 - 0.1 * unit,
                    "left_out": np.nan,
                }
                for delta in deltas:
                    row |= {
                        f"shift_index_{delta:g}": 0.9 - 0.1 * delta + 0.01 * unit,
                        f"shift_surrogate_{delta:g}": 0.7 - 0.1 * delta,
                        f"deformation_index_{delta:g}": 0.8 - 0.1 * delta + 0.02 * unit,
                        f"deformation_surrogate_{delta:g}": 0.6 - 0.1 * delta,
                    }
                rows.append(row)
        return above(pd.DataFrame(rows).astype({"left_out": object}))

    return make


def above(units: pd.DataFrame) -> pd.DataFrame:
    """Add what the table of units derives from indices, by the criteria of C2 and C3."""
    units = units.assign(phase_above=units.phase_index - units.phase_surrogate)
    for family in ("shift", "deformation"):
        index, surrogate = (f"{family}_{part}_2" for part in ("index", "surrogate"))
        known = {index, surrogate} <= set(units.columns)
        units[f"{family}_above"] = units[index] - units[surrogate] if known else np.nan
    gained = units.deformation_above - units.deformation_above_uncertainty
    units["phase_invariant"] = (units.phase_index >= 0.8) & (units.phase_above >= 0.5)
    units["deformation_invariant"] = gained >= 0.1
    return units


@pytest.fixture
def medians():
    """The table of layers for a table of units, with intervals a tenth to either side."""

    def make(units: pd.DataFrame, *quantities: str) -> pd.DataFrame:
        kept = units[units.left_out.isna()]
        rows = [
            {
                "network": network,
                "layer": layer,
                "quantity": quantity,
                "statistic": "median",
                "value": own[quantity].median(),
                "low": own[quantity].median() - 0.1,
                "high": own[quantity].median() + 0.1,
            }
            for (network, layer), own in kept.groupby(["network", "layer"], sort=False)
            for quantity in quantities
        ]
        columns = ["network", "layer", "quantity", "statistic", "value", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    return make


@pytest.fixture
def never_driven():
    """Take a unit out: nothing drives it, in the tests and in the table."""

    def take_out(layer: MeasuredLayer, units: pd.DataFrame, unit: int):
        f_max = layer.f_max.copy()
        f_max[unit] = -1.0
        units = units.copy()
        here = (units.layer == layer.layer) & (units.channel == int(layer.names[unit]))
        units.loc[here, "left_out"] = "no patch drives it above zero"
        units.loc[here, [name for name in units if name.endswith("_above") or "_index" in name]] = (
            np.nan
        )
        return replace(layer, f_max=f_max), units

    return take_out
