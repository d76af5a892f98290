"""Small layers and sets, made up, with numbers that a reader can follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from diversevis.figures import style
from diversevis.results.quantities import Registry, column, quantities
from diversevis.results.sets import ImageSets
from diversevis.results.shown import SetsAndNatural
from diversevis.results.tests import TEST_COLUMNS, FamilyInfo, FamilyTests, LayerTests

SIZE = 5
ROOT = Path(__file__).parents[2]
TITLES = {"vgg19": "VGG-19", "resnet50": "ResNet-50"}
FAMILIES = {
    info.name: info
    for info in (
        FamilyInfo("all-shifts", "phase", "all shifts", "#0072B2"),
        FamilyInfo("shifts", "shift", "shifts", "#0072B2"),
        FamilyInfo("deformations", "deformation", "deformations", "#D55E00"),
        FamilyInfo("rotations", "rotation", "rotations", "#007A5A"),
        FamilyInfo("blurs", "blur", "blurs", "#B0619A"),
    )
}


@pytest.fixture(autouse=True)
def _titles():
    with style.titles(TITLES):
        yield


@pytest.fixture(scope="session")
def criteria():
    """What the claims and controls are held to."""
    return yaml.safe_load((ROOT / "config/criteria.yaml").read_text())


@pytest.fixture
def make_layer():
    def make(
        units: int = 3, n: int = 6, *, selected: bool = True, driven: bool = True
    ) -> SetsAndNatural:
        rng = np.random.default_rng(0)

        def patches(*shape):
            return rng.normal(0, 40, (*shape, 3, SIZE, SIZE)).astype(np.float32)

        unit = np.arange(units)[:, None]
        sign = 1 if driven else -1
        restarts = sign * (50.0 + 10 * unit + np.linspace(-2, 2, n))
        diverse = restarts * 0.95 if selected else restarts
        images = patches(units, n)
        return SetsAndNatural(
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
    def make(units: int = 2, n: int = 6, names: tuple[str, ...] = ()) -> ImageSets:
        rng = np.random.default_rng(0)
        return ImageSets(
            network="vgg19",
            layer="conv3_1",
            channels=np.array(names) if names else 100 + np.arange(units),
            images=rng.normal(0, 40, (units, n, 3, SIZE, SIZE)).astype(np.float32),
            activations=np.arange(units * n).reshape(units, n) + 10.25,
            min_distance=np.full(units, 3.21),
            mean_distance=np.full(units, 4.5),
            diversity=np.full(units, 0.0125),
            steps=np.ones(units),
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


PATCH, DELTAS, SHOWN = 10, (1.0, 2.0), 4


@pytest.fixture
def make_measured():
    """Tests of a layer: responses fall from f_max at the first member to half of it, contrasts too.

    Those of surrogates fall from 0.25 to 0.
    """

    def make(
        units: int = 2,
        network: str = "vgg19",
        layer: str = "conv3_1",
        *,
        families: tuple[str, ...] = ("all-shifts", "shifts", "deformations"),
        deltas: tuple[float, ...] = DELTAS,
        masks: tuple[str, ...] = ("fixed", "learned"),
        seed: int = 0,
    ) -> LayerTests:
        rng = np.random.default_rng(0)

        def patches(*shape: int, size: int = PATCH) -> np.ndarray:
            return rng.normal(0, 40, (*shape, 3, size, size)).astype(np.float32)

        def family(name: str, delta: float | None, mask: str) -> FamilyTests:
            at = np.arange(PATCH - 1)
            members = np.linspace(0.1, 0.9, 12)
            if name == "all-shifts":
                members = np.stack(np.meshgrid(at, at, indexing="ij"), -1).reshape(-1, 2)
            count = len(members)
            shown = np.append(np.arange(SHOWN), np.arange(count - SHOWN, count))
            wave = np.sin(2 * np.pi * np.arange(PATCH) / PATCH)
            bent = np.stack(np.meshgrid(wave, wave, indexing="ij"), -1)
            moves = name in ("shifts", "deformations", "rotations")
            scale = 10.0 * (1 + np.arange(units))[:, None]
            return FamilyTests(
                FAMILIES[name],
                delta,
                mask,
                canvases=patches(units, size=2 * PATCH - 1),
                masks=np.ones((units, PATCH, PATCH)),
                responses=scale * np.linspace(2, 1, count),
                contrasts=np.tile(np.linspace(1, 0.5, count), (units, 1)),
                members=members,
                surrogate=np.full(units, 0.125),
                surrogate_responses=np.tile(np.linspace(0.25, 0, count), (units, 1)),
                shown=np.tile(shown, (units, 1)),
                patches=patches(units, 2 * SHOWN),
                unmoved=patches(units) if moves else None,
                fields=np.tile(bent, (units, 2 * SHOWN, 1, 1, 1)) if moves else None,
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
        f_max = 20.0 * (1 + np.arange(units))  # so that the first member reaches it
        return LayerTests(
            network,
            layer,
            channels=100 + np.arange(units),
            best=patches(units),
            f_max=f_max,
            from_noise=f_max,
            offset=np.zeros(units),
            elasticity=np.ones(units),
            curve_fault=np.zeros(units),
            contrast=f_max[:, None] * np.linspace(-2, 2, 257),
            measure="contrast",
            families=tuple(family(*strength) for strength in strengths),
            seed=seed,
        )

    return make


@pytest.fixture
def make_tests():
    """The table of tests: all rows of layers, seed by seed."""

    def make(*layers: LayerTests) -> pd.DataFrame:
        return pd.DataFrame([row for layer in layers for row in layer.rows()], columns=TEST_COLUMNS)

    return make


@pytest.fixture
def make_registry():
    """The quantities of a run with these families, all of which but all shifts are displaced."""

    def make(
        *families: str, delta: float = 2.0, default: tuple[str, ...] = tuple(FAMILIES)[:3]
    ) -> Registry:
        names = families or default
        displaced = set(names) - {"all-shifts"}
        infos = [FAMILIES[name] for name in names]
        return Registry(quantities(infos, displaced, ["all-shifts"], delta))

    return make


@pytest.fixture
def registry(make_registry):
    return make_registry()


@pytest.fixture
def make_indices():
    """The tidy table of the indices in a table of units."""

    def make(units: pd.DataFrame) -> pd.DataFrame:
        parts = [
            units[["network", "layer", "channel"]].assign(
                family=info.name,
                delta=np.nan if delta is None else delta,
                mask="fixed",
                measure="contrast",
                statistic="mean",
                value=units[column(info.index, "index", delta)],
                surrogate=units[column(info.index, "surrogate", delta)],
                uncertainty=0.02,
            )
            for info in FAMILIES.values()
            for delta in (None, 0.5, 1.0, 2.0, 3.0)
            if column(info.index, "index", delta) in units
        ]
        others = [
            parts[0].assign(mask="learned", value=9),
            parts[0].assign(statistic="p10", value=9),
            parts[0].assign(measure="response", value=9),
        ]
        return pd.concat([*parts, *others], ignore_index=True)

    return make


@pytest.fixture
def make_units():
    """Rows of the joined table for the units of layers, with indices that rise with the unit."""

    def make(*layers: LayerTests, deltas: tuple[float, ...] = DELTAS) -> pd.DataFrame:
        rows = []
        for layer in layers:
            for unit, channel in enumerate(layer.channels.tolist()):
                row = {
                    "network": layer.network,
                    "layer": layer.layer,
                    "channel": channel,
                    "needed_natural": False,
                    "phase_index": 0.5 + 0.1 * unit,
                    "phase_surrogate": 0.21,
                    "phase_variation": 0.4 - 0.1 * unit,
                    "phase_uncertainty": 0.03,
                    "phase_variation_uncertainty": 0.01,
                    "phase_above_uncertainty": 0.03,
                    "deformation_uncertainty": 0.02,
                    "deformation_drive_uncertainty": 0.02,
                    "deformation_drive_2": 0.9,
                    "deformation_above_uncertainty": 0.02,
                    "hand_picked": 0,
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
        return _above(pd.DataFrame(rows).astype({"left_out": object}))

    return make


@pytest.fixture
def above():
    """Add what the table of units derives from indices."""
    return _above


def _above(units: pd.DataFrame) -> pd.DataFrame:
    units = units.assign(phase_above=units.phase_index - units.phase_surrogate)
    for family in ("shift", "deformation"):
        index, surrogate = (f"{family}_{part}_2" for part in ("index", "surrogate"))
        known = {index, surrogate} <= set(units.columns)
        units[f"{family}_above"] = units[index] - units[surrogate] if known else np.nan
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

    def take_out(layer: LayerTests, units: pd.DataFrame, unit: int):
        f_max = layer.f_max.copy()
        f_max[unit] = -1.0
        units = units.copy()
        here = (units.layer == layer.layer) & (units.channel == layer.channels[unit])
        units.loc[here, "left_out"] = "no patch drives it above zero"
        units.loc[here, [name for name in units if name.endswith("_above") or "_index" in name]] = (
            np.nan
        )
        return replace(layer, f_max=f_max), units

    return take_out
