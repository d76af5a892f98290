"""Whether an index tells how stable a unit is on its natural patches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from diversevis.analysis.layers import groups, second_edition
from diversevis.analysis.tables import read_frame, values_of, write_frame
from diversevis.results.quantities import column, with_delta

COLUMNS = (
    "network",
    "layer",
    "index",
    "stability",
    "correlation",
    "low",
    "high",
    "baseline",
    "baseline_low",
    "baseline_high",
    "difference",
    "difference_low",
    "difference_high",
    "units",
)

_LEAST = 4  # units, below which ranks say nothing


def prediction_table(
    units: pd.DataFrame, delta: float, *, seed: int = 0, resamples: int = 1999
) -> pd.DataFrame:
    """Return rank correlations of indices with the stability of units on natural patches.

    The index of deformations is held against natural patches that are deformed, those of shifts and
    of phase against natural patches that are shifted. A unit that likes low frequencies is stable
    without being invariant, and its linear surrogate has a high index as well: what an index tells
    beyond that is its correlation less that of the surrogate's index with the same stability.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    delta
        The displacement that claims speak of.
    seed, resamples
        Of the bootstrap over units.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`, one row per index and layer, network (``layer`` is ``all``) and all
        units: Spearman's ``correlation`` of ``index`` and ``stability``, two columns of the unit
        table; the surrogate's ``baseline``; and their ``difference``, of the same resampled units.
        Intervals are bootstrap 95 % (percentiles). NaN for fewer than four units, and where all
        values are the same.
    """
    rows = []
    for (network, layer, _), group in groups(second_edition(units)):
        for index, surrogate, stability in _held_against(delta):
            names = (index, surrogate, stability)
            values = np.stack([values_of(group, name).to_numpy(float) for name in names])
            values = values[:, np.isfinite(values).all(0)]
            found = _compared(values, np.random.default_rng(seed), resamples)
            row = (network, layer, index, stability, *found, values.shape[1])
            rows.append(dict(zip(COLUMNS, row, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _held_against(delta: float) -> Iterator[tuple[str, str, str]]:
    """Yield an index, its surrogate's, and the stability that it should tell."""
    for start, at, natural in (
        ("deformation", delta, "natural_deformation"),
        ("shift", delta, "natural_shift"),
        ("phase", None, "natural_shift"),
    ):
        own, linear = (column(start, name, at) for name in ("index", "surrogate"))
        yield own, linear, with_delta(natural, delta)


def _compared(values: np.ndarray, stream: np.random.Generator, resamples: int) -> Iterator[float]:
    """Yield correlation, baseline and difference, each with its interval, of ``[3, n]`` values."""
    n = values.shape[1]
    if n < _LEAST:
        yield from [np.nan] * 9
        return
    drawn = stream.integers(n, size=(resamples, n))
    index, linear, stability = (np.concatenate([row[None], row[drawn]]) for row in values)
    of_index, of_surrogate = (_rank_correlation(one, stability) for one in (index, linear))
    for found in (of_index, of_surrogate, of_index - of_surrogate):
        yield float(found[0])
        # Resamples of a single value have no correlation.
        known = found[1:][np.isfinite(found[1:])]
        inside = len(known) and np.isfinite(found[0])
        yield from np.quantile(known, [0.025, 0.975]).tolist() if inside else [np.nan] * 2


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of ``[m, n]`` values, row by row."""
    first, second = (stats.rankdata(values, axis=1) for values in (one, other))
    first, second = (ranks - ranks.mean(1, keepdims=True) for ranks in (first, second))
    with np.errstate(invalid="ignore"):
        found = (first * second).sum(1) / np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return np.asarray(found)


def run(reads: Mapping[str, Any], writes: Mapping[str, Path], *, delta: float, seed: int) -> None:
    """Hold the indices of units against their natural patches."""
    units = read_frame(reads["units"])
    write_frame(writes["prediction"], prediction_table(units, delta, seed=seed))
