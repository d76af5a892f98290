"""Trained networks against their nulls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.layers import ALL, finite, median
from diversevis.analysis.names import MARK, parts_of
from diversevis.analysis.statistics import (
    cliffs_delta,
    holm,
    least_p,
    mann_whitney,
    median_interval,
)
from diversevis.analysis.tables import groups_of, read_frame, rows_of, values_of, write_frame

COLUMNS = (
    "network",
    "layer",
    "null",
    "quantity",
    "trained_units",
    "trained_left_out",
    "trained_median",
    "trained_low",
    "trained_high",
    "null_units",
    "null_left_out",
    "null_median",
    "null_low",
    "null_high",
    "u",
    "p",
    "p_holm",
    "cliffs_delta",
    "low",
    "high",
    "exceeds",
)
"""Beside the medians of single seeds, ``null_median_seed_0`` and so on."""


@dataclass(frozen=True)
class Outcome:
    """What the layers say of one null and one quantity.

    Attributes
    ----------
    null, quantity : str
        As in the table.
    layers, exceeding : int
        All layers, and those whose trained units exceed the null's.
    units : int
        Trained units, and those of the null.
    met : bool or None
        Whether so large a share of the layers exceeds as the criterion asks for; None where layers
        that cannot be told would decide.
    reason : str
        Why these cannot be told.
    """

    null: str
    quantity: str
    layers: int
    exceeding: int
    units: int
    met: bool | None
    reason: str


def trained(units: pd.DataFrame) -> pd.Series:
    """Return which units are of trained networks."""
    return ~units["network"].str.contains(MARK, regex=False)


def chosen(units: pd.DataFrame) -> pd.Series:
    """Return which units were drawn, and not picked by hand."""
    return values_of(units, "hand_picked") != 1


def null_table(units: pd.DataFrame, criteria: Mapping[str, Any], *, seed: int = 0) -> pd.DataFrame:
    """Return the differences between trained networks and their nulls, layer by layer.

    Units that stay and are not picked by hand enter, of a null those of all its seeds together.

    Parameters
    ----------
    units
        `diversevis.analysis.units.unit_table`.
    criteria
        The section ``second.C5`` of ``config/criteria.yaml``.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS` and the medians of single seeds: one row per quantity, null, network
        and layer, then one of all layers of a network (``layer`` is ``all``). ``left_out`` units
        are driven by nothing, or have a flat contrast curve. Intervals of medians are bootstrap
        95 %. ``u`` is Mann and Whitney's for the trained units, with its two-sided ``p``; Holm's
        correction, in ``p_holm``, is over all networks, layers and nulls of one quantity, that of
        rows of all layers over these alone. ``cliffs_delta`` is positive where trained units have
        larger values; ``low`` and ``high`` are its 95 % interval. ``exceeds``: they do, and
        corrected p and delta meet the criterion. Where one side has no units there is no test: NaN,
        and ``exceeds`` is false.
    """
    names = pd.DataFrame(
        [parts_of(name) for name in units["network"]],
        columns=["of", "null", "null_seed"],
        index=units.index,
    )
    entering = units[chosen(units)].join(names)
    rows = [
        {
            "network": network,
            "layer": layer,
            "null": null,
            "quantity": quantity,
            **_row(own[own["null"] == ""], own[own["null"] == null], quantity, seed),
        }
        for quantity in criteria["quantities"]
        for network, layer, own in _layers(entering)
        for null in dict.fromkeys(own.loc[own["null"] != "", "null"])
    ]
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(COLUMNS))
    for (_, _), own in table.groupby(["quantity", table["layer"] == ALL]):
        table.loc[own.index, "p_holm"] = holm(own["p"].to_numpy(float))
    table["exceeds"] = (table["p_holm"] < criteria["p"]) & (
        table["cliffs_delta"] >= criteria["cliffs_delta"]
    )
    seeds = [name for name in table if name not in COLUMNS]
    at = COLUMNS.index("null_high") + 1
    return table[[*COLUMNS[:at], *seeds, *COLUMNS[at:]]]


def _layers(units: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield the layers that trained networks share with nulls, then all of each network's."""
    found = []
    for (network,), of_network in groups_of(units, "of"):
        layers = [
            (network, layer, own)
            for (layer,), own in groups_of(of_network, "layer")
            if (own["null"] == "").any() and (own["null"] != "").any()
        ]
        if layers:
            everything = pd.concat([own for _, _, own in layers])
            found.append((network, ALL, everything))
        yield from layers
    yield from found


def _row(
    trained_units: pd.DataFrame, null_units: pd.DataFrame, quantity: str, seed: int
) -> dict[str, Any]:
    first, second = _entering(trained_units, quantity), _entering(null_units, quantity)
    u, p = mann_whitney(first, second)
    delta, low, high = cliffs_delta(first, second)
    of_seeds = {
        f"null_median_seed_{number}": median(_entering(own, quantity))
        for (number,), own in groups_of(null_units.sort_values("null_seed"), "null_seed")
    }
    return {
        **_side("trained", trained_units, first, seed),
        **_side("null", null_units, second, seed),
        **of_seeds,
        "u": u,
        "p": p,
        "p_holm": np.nan,
        "cliffs_delta": delta,
        "low": low,
        "high": high,
    }


def _entering(units: pd.DataFrame, quantity: str) -> np.ndarray:
    return finite(values_of(units[units["left_out"] == ""], quantity))


def _side(name: str, units: pd.DataFrame, values: np.ndarray, seed: int) -> dict[str, float]:
    low, high = median_interval(values, seed=seed)
    return {
        f"{name}_units": len(values),
        f"{name}_left_out": int((units["left_out"] != "").sum()),
        f"{name}_median": median(values),
        f"{name}_low": low,
        f"{name}_high": high,
    }


def outcomes(table: pd.DataFrame, criteria: Mapping[str, Any]) -> list[Outcome]:
    """Return what the layers say of every null, quantity by quantity.

    A layer cannot be told where one side has no units, or both so few that no outcome could meet
    the criterion. If such layers could turn a verdict, nothing is decided.

    Parameters
    ----------
    table
        `null_table`.
    criteria
        The section ``second.C5`` of ``config/criteria.yaml``.
    """
    found = []
    layers = table[table["layer"] != ALL]
    sizes = zip(layers["trained_units"], layers["null_units"], strict=True)
    least = pd.Series([least_p(*pair) for pair in sizes], layers.index, dtype=float)
    for (quantity,), of_quantity in groups_of(layers, "quantity"):
        could = pd.Series(
            holm(least[of_quantity.index].to_numpy()) < criteria["p"], of_quantity.index
        )
        for (null,), own in groups_of(of_quantity, "null"):
            exceeding = int(own["exceeds"].sum())
            untold = own[~could[own.index]]
            wanted = criteria["share_of_layers"] * len(own)
            met = exceeding >= wanted
            undecided = not met and exceeding + len(untold) >= wanted
            found.append(
                Outcome(
                    null,
                    quantity,
                    len(own),
                    exceeding,
                    int(own["trained_units"].sum() + own["null_units"].sum()),
                    None if undecided else bool(met),
                    _reason(list(rows_of(untold))) if undecided else "",
                )
            )
    return found


def _reason(untold: Sequence[Any]) -> str:
    """Return why layers cannot be told, the layers by name."""
    said: dict[str, list[str]] = {}
    for row in untold:
        if row.trained_units and row.null_units:
            why = "so few units that no outcome could meet the criterion in"
        elif row.trained_units:
            why = "no unit of the null is measured in"
        else:
            why = "no trained unit is measured in"
        said.setdefault(why, []).append(f"{row.network} {row.layer}")
    return "; ".join(f"{why} {', '.join(layers)}" for why, layers in said.items())


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    criteria: Mapping[str, Any],
    seed: int,
) -> None:
    """Compare trained networks with their nulls."""
    table = null_table(read_frame(reads["units"]), criteria["second"]["C5"], seed=seed)
    write_frame(writes["nulls"], table)
