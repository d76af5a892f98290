"""Which canvas of a unit to show: that of the seed whose index is the unit's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.figures.transforms import at_delta, means_of
from diversevis.results.quantities import Quantity
from diversevis.results.tests import FamilyTests, LayerTests

Unit = tuple[str, str, Any]
"""Network, layer and channel."""


@dataclass(frozen=True)
class Canvas:
    """A unit's canvas, and what its members reached.

    Attributes
    ----------
    layer : LayerTests
        Tests of the seed that made it.
    tests : FamilyTests
        Those of its family.
    place : int
        Of the unit among the layer's.
    """

    layer: LayerTests
    tests: FamilyTests
    place: int

    @property
    def name(self) -> Unit:
        """The unit."""
        return self.layer.network, self.layer.layer, self.layer.channels[self.place].item()

    @property
    def contrasts(self) -> np.ndarray:
        """Effective contrasts of the members, ``[members]``, by the seed's own best patch."""
        return np.asarray(self.tests.contrasts[self.place])


def load_tests_of(paths: Iterable[Path | str], index: Quantity | None) -> list[LayerTests]:
    """Return the tests of files, seed by seed, with those of one index alone: others are large."""
    return [_only(LayerTests.load(path), index) for path in paths]


def _only(layer: LayerTests, index: Quantity | None) -> LayerTests:
    found = layer.find(index.family, index.delta) if index else None
    return replace(layer, families=() if found is None else (found,))


def best_canvases(
    layers: Sequence[LayerTests], rows: pd.DataFrame, index: Quantity | None
) -> Mapping[Unit, Canvas]:
    """Return each unit's canvas that reached the highest index of all seeds', by unit.

    Parameters
    ----------
    layers
        Tests of layers, of all seeds; those without the index's are passed over.
    rows
        The table of tests, with a row for every seed.
    index
        Whose canvases.
    """
    if index is None:
        return {}
    means = at_delta(means_of(rows, index.family), index.delta)
    names = ["network", "layer", "channel", "seed"]
    reached = means.dropna(subset="value").set_index(names)["value"].to_dict()
    best: dict[Unit, tuple[float, Canvas]] = {}
    for canvas in _canvases(layers, index):
        value = reached.get((*canvas.name, canvas.layer.seed), -np.inf)
        if canvas.name not in best or value > best[canvas.name][0]:
            best[canvas.name] = value, canvas
    return {unit: canvas for unit, (_, canvas) in best.items()}


def _canvases(layers: Sequence[LayerTests], index: Quantity) -> Iterator[Canvas]:
    for layer in layers:
        tests = layer.find(index.family, index.delta)
        if tests is not None:
            yield from (Canvas(layer, tests, place) for place in range(len(layer.channels)))
