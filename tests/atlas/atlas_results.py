"""A small folder of results of every kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from diversevis.results.formats import write_rows
from diversevis.results.natural import NaturalResult
from diversevis.results.quantities import Registry, quantities
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import TEST_COLUMNS, FamilyInfo, FamilyTests, LayerTests

ROOT = Path(__file__).parents[2]
SIZE, IMAGES, LEVELS, SHOWN, DELTAS = 10, 3, 3, 2, (1.0, 2.0)
PLACES = {"vgg19": ["conv3_1", "conv3_2"], "resnet50": ["layer1.0"]}
CHANNELS = [3, 8, 21, 187]
NO_INDEX, UNDRIVEN = 8, 21
"""The unit of every layer whose shift index is not known, and the one that nothing drives."""

FAMILIES = {
    "all-shifts": FamilyInfo("all-shifts", "phase", "all shifts", "#0072B2"),
    "shifts": FamilyInfo("shifts", "shift", "shifts", "#0072B2"),
    "deformations": FamilyInfo("deformations", "deformation", "deformations", "#D55E00"),
}


def _patches(rng: np.random.Generator, *shape: int, size: int = SIZE) -> np.ndarray:
    return rng.normal(0, 40, (*shape, 3, size, size)).astype(np.float32)


def _tests(network: str, layer: str, seed: int, rng: np.random.Generator) -> LayerTests:
    units = len(CHANNELS)
    f_max = np.where(np.array(CHANNELS) == UNDRIVEN, -1.0, 20.0 * (1 + np.arange(units)))

    def family(name: str, delta: float | None) -> FamilyTests:
        at = np.arange(SIZE - 1)
        members = np.linspace(0.1, 0.9, 12)
        if name == "all-shifts":
            members = np.stack(np.meshgrid(at, at, indexing="ij"), -1).reshape(-1, 2)
            members = rng.permutation(members)
        count = len(members)
        contrasts = rng.uniform(0.1, 1.0, (units, count))
        order = np.argsort(-contrasts, 1)
        side = 2 * SIZE - 1 if delta is None else SIZE + 4
        return FamilyTests(
            FAMILIES[name],
            delta,
            "fixed",
            canvases=_patches(rng, units, size=side),
            masks=np.tile(np.hanning(SIZE) ** 0.5 * np.ones((SIZE, 1)), (units, 1, 1)),
            responses=contrasts * np.abs(f_max)[:, None],
            contrasts=contrasts,
            members=members,
            surrogate=np.full(units, 0.125),
            surrogate_responses=np.tile(np.linspace(0.25, 0, count), (units, 1)),
            shown=np.concatenate([order[:, :SHOWN], order[:, -SHOWN:]], 1),
            patches=_patches(rng, units, 2 * SHOWN),
        )

    return LayerTests(
        network,
        layer,
        channels=np.array(CHANNELS),
        best=_patches(rng, units),
        f_max=f_max,
        from_noise=f_max,
        offset=np.zeros(units),
        elasticity=np.ones(units),
        curve_fault=np.zeros(units),
        contrast=f_max[:, None] * np.linspace(-2, 2, 257),
        measure="contrast",
        families=tuple(
            family(name, delta)
            for name in FAMILIES
            for delta in ((None,) if name == "all-shifts" else DELTAS)
        ),
        seed=seed,
    )


def _sweep(network: str, layer: str, rng: np.random.Generator) -> SweepResult:
    units = len(CHANNELS)

    def level(number: int) -> ImageSets:
        kept = (50.0 + 10 * np.arange(units)) * (1 - 0.05 * number)
        return ImageSets(
            network,
            layer,
            channels=np.array(CHANNELS),
            images=_patches(rng, units, IMAGES),
            activations=kept[:, None] + np.linspace(-2, 2, IMAGES),
            min_distance=np.full(units, 2.0 + number),
            mean_distance=np.full(units, 3.0 + number),
            diversity=np.full(units, 0.5 * number),
            steps=np.ones(units),
            distance="conv2_2",
            seed=0,
        )

    levels = tuple(level(number) for number in range(LEVELS))
    chosen = np.ones(units, int)
    return SweepResult(levels, np.array([0.0, 0.1, 1.0]), chosen, np.zeros(units, bool))


def _natural(network: str, layer: str, rng: np.random.Generator) -> NaturalResult:
    channels = max(CHANNELS) + 1
    levels = np.array([0.0, 0.5, 1.0])
    return NaturalResult(
        network,
        layer,
        best=_patches(rng, channels),
        places=np.tile([[5, 0, 0], [7, 1, 2]], (channels, 1, 1)),
        top=np.tile([12.34, 11.0], (channels, 1)),
        quantiles=np.tile([-3.0, 0.0, 12.34], (channels, 1)),
        levels=levels,
        count=100,
    )


def _row(tests: LayerTests, place: int) -> dict[str, Any]:
    channel = CHANNELS[place]
    row: dict[str, Any] = {
        "network": tests.network,
        "layer": tests.layer,
        "channel": channel,
        "size": SIZE,
        "activation_ratio": 0.95,
        "distance_ratio": 1.5 + 0.1 * place,
        "f1_f0": 1.3 - 0.3 * place,
        "f_max": float(tests.f_max[place]),
        "left_out": "no patch drives it above zero" if channel == UNDRIVEN else "",
        "hand_picked": int(channel == 3),
        "phase_invariant": channel == 187,
        "deformation_invariant": False,
    }
    for own in tests.families:
        index, at = own.family.index, "" if own.delta is None else f"_{own.delta:g}"
        known = channel != UNDRIVEN and not (index == "shift" and channel == NO_INDEX)
        mean = float(own.contrasts[place].mean()) if known else np.nan
        row |= {f"{index}_index{at}": mean, f"{index}_surrogate{at}": 0.125}
        row[f"{index}_drive{at}"] = 0.9
        if own.delta in (None, 2.0):
            row |= {f"{index}_above": mean - 0.125, f"{index}_uncertainty": 0.01}
            row |= {f"{index}_above_uncertainty": 0.01, f"{index}_drive_uncertainty": 0.01}
    # The last unit is near perfectly phase invariant.
    row |= {"phase_variation": 0.05 if channel == 187 else 0.3, "phase_variation_uncertainty": 0.01}
    if channel == 187:
        row |= {"phase_index": 0.9, "phase_above": 0.775}
    return row


def write_results(root: Path, places: Mapping[str, list[str]] = PLACES) -> Path:
    """Write a scale's results with three layers of four units; return its folder."""
    rng = np.random.default_rng(0)
    rows, tested = [], []
    for network, layers in places.items():
        for layer in layers:
            every = [_tests(network, layer, seed, rng) for seed in (0, 1)]
            for seed, tests in enumerate(every):
                folder = root / "tests" / network / layer / f"seed-{seed}"
                folder.mkdir(parents=True)
                files = ("tests.npz", "tests.csv", "peaks.csv", "families.json")
                tests.save(*(folder / name for name in files))
                tested += tests.rows()
            rows += [_row(every[0], place) for place in range(len(CHANNELS))]
            folder = root / "sweeps" / network / layer
            folder.mkdir(parents=True)
            _sweep(network, layer, rng).save(folder / "sweep.npz", folder / "sweep.csv")
            _natural(network, layer, rng).save(root / f"natural/{network}/{layer}/natural.npz")
    tables = root / "tables"
    tables.mkdir()
    pd.DataFrame(rows).to_csv(tables / "units.csv", index=False)
    write_rows(tables / "tests.csv", tested, TEST_COLUMNS)
    indices = pd.DataFrame(tested)
    indices[indices.seed == 0].drop(columns="seed").to_csv(tables / "indices.csv", index=False)
    displaced = set(FAMILIES) - {"all-shifts"}
    Registry(quantities(FAMILIES.values(), displaced, (), 2.0)).save(tables / "quantities.csv")
    titles = {"vgg19": "VGG-19", "resnet50": "ResNet-50"}
    about = ("name", "title", "weights_sha256", "licence", "reference")
    networks = [
        dict(zip(about, (n, titles.get(n, n), 64 * "a", "MIT", "somewhere"), strict=True))
        for n in places
    ]
    write_rows(tables / "networks.csv", networks, about)
    _claims(root)
    return root


def _claims(root: Path) -> None:
    criteria = yaml.safe_load((ROOT / "config/criteria.yaml").read_text())
    (root / "provenance").mkdir()
    record = {"settings": {"criteria": {n: criteria[n] for n in ("C1", "C2", "C3", "second")}}}
    (root / "provenance/claims.json").write_text(json.dumps(record))
    rows = [
        {
            "edition": edition,
            "claim": "C2",
            "statement": "Some units are phase invariant.",
            "part": "units",
            "kind": "decides",
            "criterion": "at least 1",
            "quantity": "units",
            "value": 2,
            "low": np.nan,
            "high": np.nan,
            "met": True,
            "holds": True,
            "note": "",
        }
        for edition in ("first", "second")
    ]
    pd.DataFrame(rows).to_csv(root / "tables/claims.csv", index=False)
