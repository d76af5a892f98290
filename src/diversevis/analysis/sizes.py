"""Two networks at equal receptive field: indices against the size of the patch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from diversevis.analysis.layers import finite, second_edition, unexamined
from diversevis.analysis.statistics import cliffs_delta
from diversevis.analysis.tables import groups_of, read_frame, values_of, write_frame
from diversevis.results.quantities import column

COLUMNS = (
    "kind",
    "quantity",
    "network",
    "layer",
    "other_network",
    "other_layer",
    "term",
    "size",
    "value",
    "low",
    "high",
    "units",
    "clusters",
    "cliffs_delta",
    "sign",
)

MEDIAN, DIFFERENCE, PAIR, ADJUSTED = "median", "difference", "pair", "adjusted"
CONFIRMED = "confirmation pair"
"""Kinds of rows; the last is that of pairs on units alone that no earlier run examined."""

KEPT, REVERSED, UNDECIDED = "kept", "reversed", "undecided"
"""Whether a pair's difference keeps its sign at equal size."""

TERMS = ("network", "log_size", "frequency", "radius")

Pair = Sequence[Sequence[str]]
"""Two layers: network and layer each."""


@dataclass(frozen=True)
class Curve:
    """Medians of a network's layers, against the size of their patches.

    Attributes
    ----------
    layers : tuple of str
        By rising size.
    sizes : ndarray
        ``[layers]``, pixels.
    medians : ndarray
        ``[1 + resamples, layers]``, of the units, then of resampled ones.
    units : ndarray
        ``[layers]``, how many there are.
    """

    layers: tuple[str, ...]
    sizes: np.ndarray
    medians: np.ndarray
    units: np.ndarray

    def at(self, size: float) -> np.ndarray:
        """Return the curve at a size, ``[1 + resamples]``: linear in the logarithm of the size."""
        every = np.eye(len(self.sizes))
        weights = [np.interp(np.log(size), np.log(self.sizes), one) for one in every]
        return np.asarray(self.medians @ np.array(weights))


def size_table(
    units: pd.DataFrame,
    pairs: Sequence[Pair],
    quantities: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = 4999,
) -> pd.DataFrame:
    """Return quantities against receptive field, and how networks differ where it is the same.

    Corresponding layers differ in size by up to a third, and indices change with size. Here both
    networks' medians are interpolated, linearly in the logarithm of the size, and compared at one
    size. That says nothing of sizes between layers beyond the line that joins them.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    pairs
        Two layers each, of two networks.
    quantities
        Columns of the unit table.
    seed, resamples
        Of the bootstrap: units are resampled within their layers.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; ``low`` and ``high`` are 95 % intervals. By ``kind``:

        - ``median``: of a layer, at its ``size``;
        - ``difference``: the first network's curve less the other's, at every layer's size that
          both curves reach;
        - ``pair``: the same where a pair of layers would meet, the geometric mean of their sizes,
          or the nearest size that both curves reach. ``cliffs_delta`` is that of the two layers as
          they are; ``sign`` says whether the difference at equal size keeps its sign, and is
          undecided where the interval contains zero;
        - ``adjusted``: `adjusted`, term by term.
    """
    kept = second_edition(units)
    stream = np.random.default_rng(seed)
    networks = list(dict.fromkeys((pair[0][0], pair[1][0]) for pair in pairs))
    rows: list[dict[str, Any]] = []
    for quantity in quantities:
        curves = {
            str(network): _curve(own, quantity, stream, resamples)
            for (network,), own in groups_of(kept, "network")
        }
        for network, curve in curves.items():
            rows += _medians(quantity, network, curve)
        for first, second in networks:
            if first == second or not {first, second} <= set(curves):
                continue
            both = curves[first], curves[second]
            about = {"quantity": quantity, "network": first, "other_network": second}
            own = [pair for pair in pairs if (pair[0][0], pair[1][0]) == (first, second)]
            rows += [{**about, **row} for row in _differences(*both)]
            rows += [{**about, **row} for row in _pairs(kept, quantity, own, *both)]
            rows += [{**about, **row} for row in adjusted(kept, quantity, first, second)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _curve(
    units: pd.DataFrame, quantity: str, stream: np.random.Generator, resamples: int
) -> Curve:
    found = []
    for (layer, size), own in groups_of(units, "layer", "size"):
        values = finite(values_of(own, quantity))
        if n := len(values):
            drawn = stream.integers(n, size=(resamples, n))
            medians = np.concatenate([[np.median(values)], np.median(values[drawn], axis=1)])
            found.append((float(size), str(layer), medians, n))
    found.sort(key=lambda entry: entry[0])
    sizes, layers, medians_of, counts = zip(*found, strict=True) if found else ((), (), (), ())
    table = np.stack(medians_of, 1) if found else np.zeros((resamples + 1, 0))
    return Curve(tuple(layers), np.array(sizes), table, np.array(counts, int))


def _interval(resampled: np.ndarray, units: int) -> dict[str, float]:
    """Return value and interval of ``[1 + resamples]``; a single unit has no interval."""
    low, high = np.quantile(resampled[1:], [0.025, 0.975]) if units > 1 else (np.nan, np.nan)
    return {"value": float(resampled[0]), "low": float(low), "high": float(high)}


def _medians(quantity: str, network: str, curve: Curve) -> Iterator[dict[str, Any]]:
    for number, layer in enumerate(curve.layers):
        units = int(curve.units[number])
        yield {
            "kind": MEDIAN,
            "quantity": quantity,
            "network": network,
            "layer": layer,
            "size": curve.sizes[number],
            "units": units,
            **_interval(curve.medians[:, number], units),
        }


def _common(first: Curve, second: Curve) -> tuple[float, float] | None:
    """Return the range of sizes that both curves reach; None if there is none."""
    if not (len(first.sizes) and len(second.sizes)):
        return None
    low = max(first.sizes.min(), second.sizes.min())
    high = min(first.sizes.max(), second.sizes.max())
    return (float(low), float(high)) if low <= high else None


def _differences(first: Curve, second: Curve) -> Iterator[dict[str, Any]]:
    """Yield the difference of two curves at every layer's size that both reach."""
    if (common := _common(first, second)) is None:
        return
    sizes = np.unique(np.concatenate([first.sizes, second.sizes]))
    for size in sizes[(sizes >= common[0]) & (sizes <= common[1])]:
        yield {"kind": DIFFERENCE, **_difference(first, second, float(size))}


def _difference(first: Curve, second: Curve, size: float) -> dict[str, Any]:
    least = min(first.units.min(), second.units.min())
    between = _interval(first.at(size) - second.at(size), int(least))
    return {"size": size, "units": int(first.units.sum() + second.units.sum()), **between}


def _pairs(
    units: pd.DataFrame, quantity: str, pairs: Sequence[Pair], first: Curve, second: Curve
) -> Iterator[dict[str, Any]]:
    """Yield, pair by pair, the difference at equal size and whether it keeps its sign."""
    common = _common(first, second)
    values = values_of(units, quantity)
    for (network, layer), (other_network, other_layer) in pairs:
        if common is None or layer not in first.layers or other_layer not in second.layers:
            continue
        sizes = (
            first.sizes[first.layers.index(layer)],
            second.sizes[second.layers.index(other_layer)],
        )
        size = float(np.clip(np.sqrt(sizes[0] * sizes[1]), *common))
        one, other = (
            finite(values[(units["network"] == name) & (units["layer"] == of)])
            for name, of in ((network, layer), (other_network, other_layer))
        )
        delta, found = cliffs_delta(one, other)[0], _difference(first, second, size)
        clear = found["low"] > 0 or found["high"] < 0
        kept = KEPT if np.sign(delta) == np.sign(found["value"]) else REVERSED
        yield {
            "kind": PAIR,
            "layer": layer,
            "other_layer": other_layer,
            "cliffs_delta": delta,
            "sign": kept if clear and delta else UNDECIDED,
            **found,
        }


def adjusted(
    units: pd.DataFrame, quantity: str, first: str, second: str
) -> Iterator[dict[str, Any]]:
    """Yield how a quantity goes with the network, the size, and what best patches look like.

    Ordinary least squares of the quantity on an indicator of the first network, the logarithm of
    the size, and the frequency (cycles per pixel) and radius (patch sides) of the unit's best patch
    ``x*``. Units of a layer are not independent: intervals are from the sandwich estimator with
    layers as clusters, corrected by ``G / (G - 1) * (N - 1) / (N - K)``, and Student's t with
    ``G - 1`` degrees of freedom (CR1; Cameron and Miller 2015, Journal of Human Resources 50,
    317-372).

    It is a check, and cannot show that a network as such makes a difference. Layers are few (eight
    clusters at most scales), for which such intervals are too narrow. Frequency and radius are
    measured on ``x*``: they may be effects of what makes a unit invariant, and to adjust for an
    effect takes away a part of what is asked for, or adds what is not there. Terms that bend with
    size are not in it.

    Parameters
    ----------
    units
        Rows of the unit table that have a say.
    quantity
        A column of it.
    first, second
        Two networks; the term ``network`` is 1 for the first.

    Yields
    ------
    dict
        One row per term of `TERMS`, with ``value`` (per unit of the term), interval, ``units`` and
        ``clusters``. No rows for fewer than three clusters, or if the terms do not differ enough to
        be told apart.
    """
    own = units[units["network"].isin([first, second])]
    table = pd.DataFrame(
        {
            "value": values_of(own, quantity),
            "network": (own["network"] == first).astype(float),
            "log_size": np.log(own["size"].astype(float)),
            "frequency": values_of(own, "frequency"),
            "radius": values_of(own, "radius"),
        }
    )
    table = table.loc[np.isfinite(table.to_numpy(float)).all(axis=1)]
    clusters = own.loc[table.index].groupby(["network", "layer"], sort=False).ngroup().to_numpy()
    matrix = np.column_stack([np.ones(len(table)), *(table[name] for name in TERMS)])
    n, k = matrix.shape
    groups = len(np.unique(clusters))
    if groups < 3 or n <= k or np.linalg.matrix_rank(matrix) < k:
        return
    estimate, deviation = clustered_least_squares(matrix, table["value"].to_numpy(), clusters)
    reach = stats.t.ppf(0.975, groups - 1) * deviation
    for number, term in enumerate(TERMS, start=1):
        value = float(estimate[number])
        low, high = value - float(reach[number]), value + float(reach[number])
        about = {"kind": ADJUSTED, "term": term, "units": n, "clusters": groups}
        yield {**about, "value": value, "low": low, "high": high}


def clustered_least_squares(
    matrix: np.ndarray, values: np.ndarray, clusters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates ``[k]`` and their standard deviations, robust by clusters (CR1).

    Parameters
    ----------
    matrix
        ``[n, k]``, of full rank.
    values, clusters
        ``[n]``; clusters by whole numbers.
    """
    n, k = matrix.shape
    inverse = np.linalg.inv(matrix.T @ matrix)
    estimate = inverse @ matrix.T @ values
    residuals = values - matrix @ estimate
    names = np.unique(clusters)
    scores = np.stack([matrix[clusters == g].T @ residuals[clusters == g] for g in names])
    correction = len(names) / (len(names) - 1) * (n - 1) / (n - k)
    variance = correction * inverse @ (scores.T @ scores) @ inverse
    return estimate, np.sqrt(np.diag(variance))


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    pairs: Sequence[Pair],
    criteria: Mapping[str, Any],
    seed: int,
) -> None:
    """Compare two networks at equal receptive field."""
    delta = criteria["C3"]["delta"]
    indices = [column("phase", "index"), column("deformation", "index", delta)]
    quantities = list(dict.fromkeys([*criteria["second"]["C4"]["quantities"], *indices]))
    units = read_frame(reads["units"])
    table, new = size_table(units, pairs, quantities, seed=seed), unexamined(units)
    if len(new):
        found = size_table(new, pairs, criteria["second"]["C4"]["quantities"], seed=seed)
        own = found[found["kind"] == PAIR].assign(kind=CONFIRMED)
        table = pd.concat([table, own] if len(own) else [table], ignore_index=True)
    write_frame(writes["sizes"], table)
