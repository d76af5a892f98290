"""One row per unit: everything that was measured of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diversevis.analysis.conditions import PHASE, invariant
from diversevis.analysis.indices import (
    agreement_table,
    by_unit,
    index_table,
    with_common_peak,
    without,
)
from diversevis.analysis.tables import (
    UNIT,
    groups_of,
    read_frame,
    read_frames,
    values_of,
    write_frame,
)
from diversevis.results.natural import NaturalResult
from diversevis.results.quantities import Registry, quantities, with_delta
from diversevis.results.tests import (
    LEARNED,
    NEVER_DRIVEN,
    TEMPLATE_COLUMNS,
    FamilyInfo,
    load_families,
)


def synthesis_table(sweeps: pd.DataFrame, natural: Iterable[NaturalResult]) -> pd.DataFrame:
    """Return restarts beside the chosen diverse set and natural patches, one row per unit.

    Parameters
    ----------
    sweeps
        Rows with the columns `diversevis.results.sets.SWEEP_COLUMNS`, of any number of layers.
    natural
        Responses of these layers to natural patches.

    Returns
    -------
    pandas.DataFrame
        Indexed by `UNIT`: ``size`` of the patch in pixels, then activations and distances of
        restarts and of the chosen set, their ratios (NaN for units that restarts do not drive above
        zero), and the responses to natural patches. Distances are root mean square differences in
        the layer's own distance space, activations are before the ReLU.
    """
    columns = ["mean_activation", "min_distance", "mean_distance"]
    restarts = sweeps[sweeps["relative_diversity"] == 0].set_index(UNIT)[columns]
    chosen = sweeps[sweeps["selected"] == 1].set_index(UNIT)
    chosen = chosen[
        [*columns, "min_activation", "max_activation", "relative_diversity", "diversity", "steps"]
    ]
    table = restarts.add_prefix("restart_").join(chosen.add_prefix("diverse_"), how="left")
    driven = table["restart_mean_activation"] > 0
    activation = table["diverse_mean_activation"] / table["restart_mean_activation"]
    distance = table["diverse_min_distance"] / table["restart_min_distance"]
    table["activation_ratio"] = activation.where(driven)
    table["distance_ratio"] = distance.where(driven)
    of_layer = {(result.network, result.layer): result for result in natural}
    rows = [_natural_row(of_layer[network, layer], unit) for network, layer, unit in table.index]
    shown = pd.DataFrame(rows, index=table.index)
    table.insert(0, "size", shown.pop("size"))
    return table.join(shown)


def _natural_row(responses: NaturalResult, channel: int) -> dict[str, float | int]:
    return {
        "size": responses.best.shape[-1],
        "natural_median": responses.at(channel, 0.5),
        "natural_99_percent": responses.at(channel, 0.99),
        "natural_maximum": responses.at(channel, 1.0),
    }


def peak_table(peaks: pd.DataFrame) -> pd.DataFrame:
    """Return each unit's best response over all seeds, indexed by `UNIT`.

    Responses are the largest of any seed's, and what its best patch looks like is of that seed's.
    ``f_max_spread`` is the relative difference between the
    seeds' own best responses. ``needed_natural`` marks units that no start from noise drove above
    zero. ``left_out`` says why a unit has no indices, if every seed says so.

    Parameters
    ----------
    peaks
        Rows with the columns `PEAK_COLUMNS` of `diversevis.results.tests`.
    """
    by_seed = peaks.drop(columns="seed").set_index(UNIT)
    reasons = by_seed.pop("left_out").groupby(level=UNIT, sort=False)
    numbers = by_seed.astype(float)
    own = numbers.groupby(level=UNIT, sort=False)
    table = own.max()
    f_max = table["f_max"]
    # Of equal ones the first; NaN sorts last.
    first = numbers.sort_values("f_max", ascending=False, kind="stable")
    best = first[~first.index.duplicated()].reindex(table.index)
    table = table.assign(**{name: best[name] for name in TEMPLATE_COLUMNS})
    table["f_max_spread"] = ((f_max - own["f_max"].min()) / f_max).where(f_max > 0)
    table["needed_natural"] = (table["from_noise"] <= 0) & (f_max > 0)
    table["left_out"] = reasons.agg(lambda given: given.iloc[0] if (given != "").all() else "")
    return table


def measures(table: pd.DataFrame) -> pd.DataFrame:
    """Return all columns of a table of measures, indexed by `UNIT`.

    A table with rows for several displacements has each column once for each of them.
    """
    content = table.drop(columns="seed", errors="ignore").set_index(UNIT)
    if "delta" not in content:
        return content
    found = pd.DataFrame(index=content.index.unique())
    for (delta,), part in groups_of(content, "delta"):
        for name in part.columns.drop("delta"):
            found[with_delta(name, delta)] = part[name]
    return found


def unit_table(
    parts: Sequence[pd.DataFrame],
    registry: Registry,
    criteria: Mapping[str, Any],
    withheld: Collection[str] = (),
) -> pd.DataFrame:
    """Return one row per unit, with what the criteria of C2 and C3 say of it.

    Parameters
    ----------
    parts
        Tables indexed by `UNIT`: `synthesis_table`, whose units these are, then `peak_table` and
        any others, of the same units or fewer.
    registry
        Quantities of the run; those that no table has are NaN.
    criteria
        ``config/criteria.yaml``; its sections ``C2`` and ``C3`` are used.
    withheld
        Indices that are not reported, since controls failed.

    Returns
    -------
    pandas.DataFrame
        The columns of all tables, and

        - ``phase_invariant``, ``deformation_invariant``: the unit meets the criterion of C2, of C3;
        - ``left_out``: why the unit is left out of all statistics, empty for those that stay;
        - ``withheld``: the same in all rows.
    """
    table = parts[0]
    for part in parts[1:]:
        table = table.join(part, validate="one_to_one")
    table = table.reset_index()
    for quantity in registry:
        table[quantity.name] = values_of(table, quantity)
    table["needed_natural"] = table["needed_natural"].eq(True)
    # Layers too small for any test have no reason of theirs.
    best = table[["f_max", "restart_mean_activation", "natural_maximum"]].max(axis=1)
    reasons = table.pop("left_out").fillna("")
    return table.assign(
        **invariant(table, registry, criteria),
        left_out=reasons.where((best > 0) | (reasons != ""), NEVER_DRIVEN),
        withheld=" ".join(withheld),
    )


def registry_of(families: Iterable[FamilyInfo], tests: pd.DataFrame, main_delta: float) -> Registry:
    """Return the registry of a run's quantities from its tests."""
    displaced = set(tests.loc[tests["delta"].notna(), "family"])
    learned = set(tests.loc[tests["mask"] == LEARNED, "family"])
    return Registry(quantities(families, displaced, learned, main_delta))


def run(
    reads: Mapping[str, Any], writes: Mapping[str, Path], *, criteria: Mapping[str, Any]
) -> None:
    """Join all that was measured into one row per unit, and say how well the measures agree."""
    found = {name: read_frames(reads[name]) for name in _TABLES}
    sweeps, raw, peaks, gratings, stability = (found[name] for name in _TABLES)
    families, main_delta = load_families(reads["families"]), criteria["C3"]["delta"]
    controls = read_frame(reads["controls"])
    withheld = controls.loc[~controls["holds"].astype(bool), "index"].unique()
    registry = registry_of(families, raw, main_delta)
    tests = with_common_peak(raw, peaks)
    indices = without(index_table(tests), families, withheld)
    parts = [
        synthesis_table(sweeps, map(NaturalResult.load, reads["natural"])),
        peak_table(peaks),
        by_unit(indices, families, main_delta),
        measures(gratings),
        measures(stability),
    ]
    units = unit_table(parts, registry, criteria, withheld)
    phase = registry.of(PHASE)
    compared = [(phase, registry.named("f1_f0"))] if phase else []
    for name, table in {
        "units": units,
        "sweeps": sweeps,
        "tests": raw,
        "indices": indices,
        "agreement": agreement_table(tests, units, families, compared),
    }.items():
        write_frame(writes[name], table)
    registry.save(writes["quantities"])


_TABLES = ("sweeps", "tests", "peaks", "gratings", "stability")
