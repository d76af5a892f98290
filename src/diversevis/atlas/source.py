"""What an atlas is made of: the tables of a scale, and the arrays of one layer at a time."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.conditions import second_conditions
from diversevis.analysis.names import parts_of
from diversevis.analysis.tables import UNIT, groups_of, read_frame
from diversevis.controls.name import CONTROLS
from diversevis.errors import UserError
from diversevis.measures import CONTRAST
from diversevis.results.formats import read_json, read_rows
from diversevis.results.natural import NaturalResult
from diversevis.results.quantities import Quantity, Registry
from diversevis.results.sets import SweepResult
from diversevis.results.tests import FIXED, FamilyTests, LayerTests
from diversevis.study.layout import Layout

ALL_SHIFTS = "all-shifts"
"""The family of the canvas under the frame."""

NULLS = "nulls"
"""The scale whose trained units have nulls beside them."""


@dataclass(frozen=True)
class LayerArrays:
    """The arrays of a layer, as far as they are there.

    Attributes
    ----------
    network, layer : str
        The layer.
    sweep : SweepResult or None
        Restarts and diverse sets.
    seeds : tuple of LayerTests
        Transformation tests, one for each seed.
    natural : NaturalResult or None
        Responses to natural patches.
    missing : tuple of str
        Files that are not there.
    """

    network: str
    layer: str
    sweep: SweepResult | None
    seeds: tuple[LayerTests, ...]
    natural: NaturalResult | None
    missing: tuple[str, ...]

    def without(self, what: str) -> list[str]:
        """Return the missing files of a kind: ``sweeps``, ``tests`` or ``natural``."""
        return [path for path in self.missing if f"/{what}/" in path]


@dataclass(frozen=True)
class Source:
    """The results of a scale.

    Attributes
    ----------
    root : Path
        Its folder, ``results/standard`` for instance.
    units, claims, indices, tests, layers, controls : DataFrame
        Its tables; empty where a run has none.
    registry : Registry
        Its quantities.
    networks : dict
        Rows of the table of networks, by name.
    """

    root: Path
    units: pd.DataFrame
    claims: pd.DataFrame
    indices: pd.DataFrame
    tests: pd.DataFrame
    layers: pd.DataFrame
    controls: pd.DataFrame
    registry: Registry
    networks: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, root: Path) -> Source:
        """Return the results in a folder; raise `UserError` if these are not those of a scale."""
        tables = root / "tables"
        if not (tables / "units.csv").is_file():
            wanted = f"results of a scale in {root}, with tables/units.csv"
            remedy = "name a folder such as results/standard, or make it: make reproduce"
            raise UserError(wanted, "none", remedy)
        try:
            registry = Registry.load(tables / "quantities.csv")
            found = {
                name: _frame(tables / f"{name}.csv")
                for name in ("units", "claims", "indices", "tests", "layers")
            }
            controls = _frame(tables / "control_indices.csv")
            networks = {row["name"]: row for row in read_rows(tables / "networks.csv")}
            _check(found["units"], tables / "units.csv")
        except (KeyError, ValueError, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
            remedy = f"make the tables anew: make reproduce SCALE={root.name}"
            raise UserError(f"tables of a scale in {tables}", reason, remedy) from error
        return cls(root, **found, controls=controls, registry=registry, networks=networks)

    @property
    def scale(self) -> str:
        """Its name."""
        return self.root.resolve().name

    @property
    def layout(self) -> Layout:
        """Its paths."""
        return Layout(self.root.name, self.root.parent)

    @property
    def command(self) -> str:
        """The command that makes what is missing."""
        return f"make reproduce SCALE={self.scale}"

    def title(self, network: str) -> str:
        """Return what to call a network."""
        base, null, seed = parts_of(network)
        title = self.networks.get(base, {}).get("title") or base
        return title if not null else f"{title} ({null}, seed {seed})"

    def name(self, row: Mapping[str, Any]) -> str:
        """Return what to call a unit, from its row of a table."""
        return f"{self.title(row['network'])} {row['layer']}, {row['channel']}"

    @cached_property
    def places(self) -> list[tuple[str, str]]:
        """Networks and layers, in the order of the table."""
        pairs = zip(self.units["network"], self.units["layer"], strict=True)
        return list(dict.fromkeys(pairs))

    @cached_property
    def main(self) -> list[Quantity]:
        """The indices, by effective contrast, that pages are about: one for each family."""
        return self.registry.having("index", CONTRAST)

    @cached_property
    def criteria(self) -> Mapping[str, Any]:
        """What claims were judged by, as their record says; empty if none were."""
        path = self.layout.record("claims")
        record = read_json(path) if path.is_file() else {}
        try:
            found = dict(record["settings"]["criteria"])
            return found if {"C2", "C3"} <= found["second"].keys() else {}
        except (KeyError, TypeError, ValueError, AttributeError):
            return {}

    @cached_property
    def judged(self) -> pd.DataFrame:
        """What the second edition says of each unit, those picked by hand too; as `units`."""
        if not self.criteria:
            return pd.DataFrame(index=self.units.index)
        return second_conditions(self.units.assign(hand_picked=0), self.criteria["second"])

    def arrays(self, network: str, layer: str) -> LayerArrays:
        """Return a layer's arrays; raise `UserError` for files that are damaged or of elsewhere."""
        layout = self.layout
        missing: list[str] = []

        def there(path: Path) -> bool:
            if not path.is_file():
                missing.append(str(path))
            return path.is_file()

        sweep = layout.sweep(network, layer)["arrays"]
        natural = layout.natural(network, layer)
        own = self.tests[(self.tests["network"] == network) & (self.tests["layer"] == layer)]
        repeats = range(max(1, own["seed"].nunique()))
        paths = [layout.tests(network, layer, repeat)["arrays"] for repeat in repeats]
        return LayerArrays(
            network,
            layer,
            SweepResult.load(sweep) if there(sweep) else None,
            tuple(LayerTests.load(path) for path in paths if there(path)),
            NaturalResult.load(natural) if there(natural) else None,
            tuple(missing),
        )

    def pictured(self, network: str, layer: str) -> set[Any]:
        """Return the channels of a layer whose pages have a picture of their best patch.

        Those of the first seed's tests of all shifts; none of a file that cannot be read, which
        `arrays` refuses.
        """
        path = self.layout.tests(network, layer, 0)["arrays"]
        try:
            with np.load(path) as file:
                families = json.loads(str(file["about"]))["families"]
                channels = file["channels"].tolist()
            names = {entry["family"]["name"] for entry in families if entry["mask"] == FIXED}
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return set()
        return set(channels) if ALL_SHIFTS in names else set()

    def control(self, kind: str) -> LayerTests | None:
        """Return the tests of a kind of control from which the table of controls was made."""
        table = self.controls
        if not len(table):
            return None
        mean = table[(table["layer"] == kind) & (table["statistic"] == "mean")]
        for path in sorted(self.root.parent.glob(f"{CONTROLS}/*/{kind}/tests.npz")):
            rows = read_frame(path.with_name("tests.csv"))
            rows = rows[(rows["statistic"] == "mean") & rows["family"].isin(mean["family"])]
            if len(mean) and set(mean["value"].round(6)) <= set(rows["value"].round(6)):
                return LayerTests.load(path)
        return None

    def provenance(self, network: str, layer: str) -> dict[str, Any]:
        """Return what records say of the files that a layer's pages are made of, by their keys.

        Weights, settings, digests of files; of code and versions only where they are recorded.
        """
        place = f"{network}/{layer}"
        keys = (f"sweep/{place}", f"natural/{place}", f"tests/{place}/seed-0", "units")
        kept = ("created", "settings", "files", "network", "device", "checkout", "packages")
        found = {key: self.layout.record(key) for key in keys}
        return {
            key: {name: record[name] for name in kept if name in record}
            for key, path in found.items()
            if path.is_file() and isinstance(record := read_json(path), dict)
        }

    @cached_property
    def beside(self) -> Source | None:
        """The results of the scale `NULLS` beside this one; None if there are none."""
        root = self.root.parent / NULLS
        return Source.of(root) if (root / "tables" / "units.csv").is_file() else None

    @cached_property
    def nulls(self) -> pd.DataFrame:
        """Units of nulls of these networks' weights, of the scale `NULLS` or else of this one."""
        units = self.units
        if self.beside is not None:
            theirs = self.beside.networks
            same = [
                name
                for name, row in self.networks.items()
                if theirs.get(name, {}).get("weights_sha256") == row["weights_sha256"]
            ]
            units = self.beside.units
            units = units[units["network"].map(lambda name: parts_of(name)[0]).isin(same)]
        return units[units["network"].map(lambda name: bool(parts_of(name)[1]))]


def _frame(path: Path) -> pd.DataFrame:
    if not path.is_file():
        columns = [*UNIT, "seed", "family", "statistic", "value", "edition", "quantity"]
        return pd.DataFrame(columns=columns)
    return read_frame(path)


def _check(units: pd.DataFrame, path: Path) -> None:
    """Raise `UserError` unless a table has units, each once."""
    remedy = "make the table anew"
    if lost := [name for name in (*UNIT, "size", "left_out") if name not in units]:
        raise UserError(f"the columns of units in {path}", f"no {', '.join(lost)}", remedy)
    if not len(units) or units.duplicated(UNIT).any():
        received = "one twice" if len(units) else "none"
        raise UserError(f"units, each once, in {path}", received, remedy)


def best_tests(
    seeds: tuple[LayerTests, ...], channel: Any
) -> dict[tuple[str, float | None], tuple[LayerTests, FamilyTests, int]]:
    """Return, by family and displacement, a unit's tests of the seed that reached most.

    With the unit's place among them. Masks are fixed; most is the mean effective contrast.
    """
    found: dict[tuple[str, float | None], tuple[float, tuple[LayerTests, FamilyTests, int]]] = {}
    for of_seed, tests, place in _of_unit(seeds, channel):
        key = tests.family.name, tests.delta
        mean = float(np.nan_to_num(of_seed.measured(tests)[place].mean(), nan=-np.inf))
        if key not in found or mean > found[key][0]:
            found[key] = mean, (of_seed, tests, place)
    return {key: best for key, (_, best) in found.items()}


def _of_unit(
    seeds: tuple[LayerTests, ...], channel: Any
) -> Iterator[tuple[LayerTests, FamilyTests, int]]:
    for of_seed in seeds:
        place = of_seed.place(channel)
        if place is not None:
            yield from (
                (of_seed, tests, place) for tests in of_seed.families if tests.mask == FIXED
            )


def layers_of(units: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield the units of each network's layer."""
    for (network, layer), own in groups_of(units, "network", "layer"):
        yield (str(network), str(layer)), own


def dicts_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, columns by name."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
