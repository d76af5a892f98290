"""Effective contrasts of all seeds' canvases, relative to the best patch that any seed found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from diversevis.invariance.contrast import ContrastCurves
from diversevis.measures import CONTRAST
from diversevis.results.best import best_of
from diversevis.results.formats import write_rows
from diversevis.results.tests import TEST_COLUMNS, FamilyTests, LayerTests, load_tests

if TYPE_CHECKING:
    from diversevis.study.stage import Reads, Writes


def run(reads: Reads, writes: Writes, *, network: str, layer: str) -> dict[str, Any]:
    """Write ``table`` from ``tests``, the arrays of all seeds of a layer.

    Parameters
    ----------
    network, layer
        Where the units are; the arrays say the same.
    """
    tests = on_common_curves(load_tests(cast(Sequence[Path], reads["tests"])))
    rows = [row for of_seed in tests for row in of_seed.rows() if row["measure"] == CONTRAST]
    write_rows(writes["table"], rows, TEST_COLUMNS)
    return {"seeds": [of_seed.seed for of_seed in tests]}


def on_common_curves(tests: Sequence[LayerTests]) -> list[LayerTests]:
    """Return tests whose effective contrasts all refer to each unit's best patch over seeds.

    Parameters
    ----------
    tests
        Of the same units, one for each seed.

    Returns
    -------
    list of LayerTests
        The same with other ``contrasts``. Surrogates are those of the seed that found the patch,
        where it made the same test, and the seed's own elsewhere. ``f_max`` and ``contrast`` are
        those of the patch as well.
    """
    best = best_of(tests)
    curves = ContrastCurves(torch.from_numpy(best.contrast))
    units = np.arange(len(best.seeds))

    def moved(own: FamilyTests) -> FamilyTests:
        same = [of_seed.find(own.family.name, own.delta, own.mask) for of_seed in tests]
        surrogates = np.stack([(test or own).surrogate_responses for test in same])
        responses = torch.from_numpy(own.responses).double()
        contrasts = curves.effective(responses).numpy()
        return replace(own, contrasts=contrasts, surrogate_responses=surrogates[best.seeds, units])

    return [
        replace(
            of_seed,
            f_max=best.f_max,
            contrast=best.contrast,
            families=tuple(map(moved, of_seed.families)),
        )
        for of_seed in tests
    ]
