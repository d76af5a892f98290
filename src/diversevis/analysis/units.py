"""One row per unit: everything that was measured of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diversevis.analysis.conditions import PHASE, invariant
from diversevis.analysis.effort import COLUMNS as EFFORT_COLUMNS
from diversevis.analysis.effort import biases, effort_table
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
from diversevis.measures import CONTRAST
from diversevis.results.natural import NaturalResult
from diversevis.results.quantities import Registry, column, quantities, start, with_delta
from diversevis.results.tests import (
    LEARNED,
    NEVER_DRIVEN,
    TEMPLATE_COLUMNS,
    FamilyInfo,
    load_families,
)

FLAT = "its contrast curve is flat"
"""Why a unit is left out that grey drives as much as any patch."""

Included = Mapping[str, Mapping[str, Collection[int]]]
"""Channels that were picked by hand, by network and layer."""

DELTA_PATCH = 24
"""Displacements are pixels per so many pixels of patch."""

_LEAST_RISE = 1e-6  # of the peak: what contrast curves call flat


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
    shown = natural_table(table.index, natural)
    table.insert(0, "size", shown.pop("size"))
    return table.join(shown)


def natural_table(units: pd.Index, natural: Iterable[NaturalResult]) -> pd.DataFrame:
    """Return the ``size`` of units' patches, and their responses to natural ones."""
    of_layer = {(result.network, result.layer): result for result in natural}
    rows = [_natural_row(of_layer[network, layer], unit) for network, layer, unit in units]
    return pd.DataFrame(rows, index=units)


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
    seeds' own best responses, NaN of a single seed. ``needed_natural`` marks units that no start
    from noise drove above zero. ``left_out`` says why a unit has no indices, if every seed says so.

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
    several = own["f_max"].count() > 1
    table["f_max_spread"] = ((f_max - own["f_max"].min()) / f_max).where((f_max > 0) & several)
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


def surrogate_set_table(surrogates: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of diverse sets of the units' linear surrogates, indexed by `UNIT`.

    ``share`` of effective contrast that the unit's set keeps of its restarts', the surrogate's
    ``surrogate_set_distance`` at the same share, the unit's over it in ``surrogate_set_ratio``; the
    same at the set's own effective contrast, ``surrogate_set_level``; where there is none,
    ``surrogate_set_reason`` says why.
    """
    content = surrogates.set_index(UNIT).drop(columns="unit_distance")
    named = ("level", "level_distance", "level_ratio", "reason")
    return content.rename(columns={name: f"surrogate_set_{name}" for name in named})


def natural_stability_table(rows: pd.DataFrame, families: Iterable[FamilyInfo]) -> pd.DataFrame:
    """Return how stable the units' natural patches are, indexed by `UNIT`.

    ``natural_<index>`` is what members of a family do relative to the undisturbed patches,
    ``natural_<index>_surrogate`` the same of the linear surrogate; the displacement follows.
    """
    starts = {family.name: f"natural_{family.index}" for family in families}
    rows = rows[rows["family"].isin(starts)]
    found = pd.DataFrame(index=pd.MultiIndex.from_frame(rows[UNIT].drop_duplicates()))
    for (family, delta), part in groups_of(rows, "family", "delta"):
        values = part.set_index(UNIT)
        found[with_delta(starts[family], delta)] = values["value"]
        found[column(starts[family], "surrogate", delta)] = values["surrogate"]
    return found


def displacements(table: pd.DataFrame, deltas: Iterable[float]) -> dict[str, pd.Series]:
    """Return displacements, in pixels per 24 px of patch, in cycles of each unit's best patch."""
    cycles = values_of(table, "size") / DELTA_PATCH * values_of(table, "frequency")
    return {with_delta("displacement_cycles", delta): delta * cycles for delta in deltas}


def unit_table(
    parts: Sequence[pd.DataFrame],
    registry: Registry,
    criteria: Mapping[str, Any],
    withheld: Collection[str] = (),
    *,
    measure: str = CONTRAST,
    included: Included | None = None,
    examined: pd.DataFrame | None = None,
    deltas: Iterable[float] = (),
) -> pd.DataFrame:
    """Return one row per unit, with what the first edition's criteria of C2 and C3 say of it.

    Parameters
    ----------
    parts
        Tables indexed by `UNIT`: the first has all units, the others the same or fewer. Among
        them `peak_table`.
    registry
        Quantities of the run; those that no table has are NaN.
    criteria
        ``config/criteria.yaml``; its sections ``C2`` and ``C3`` are used.
    withheld
        Indices that are not reported, since controls failed: `failed`.
    measure
        What canvases maximised.
    included
        Channels that were picked by hand, by network and layer.
    examined
        Columns `UNIT` of units that an earlier run examined, the reference's.
    deltas
        Displacements of the tests.

    Returns
    -------
    pandas.DataFrame
        The columns of all tables, and

        - ``displacement_cycles_<delta>``: `displacements`;
        - ``measure``: what canvases maximised, the same in all rows;
        - ``hand_picked``: 1 for units that were, which have no say in the second edition's
          statistics;
        - ``examined``: 1 for units that an earlier run examined, 0 for others; NaN where nothing is
          known of earlier runs;
        - ``phase_invariant``, ``deformation_invariant``: the unit meets the criterion of C2, of C3;
        - ``left_out``: why the unit is left out of all statistics, empty for those that stay;
        - ``withheld``: the same in all rows.
    """
    table = parts[0]
    for part in parts[1:]:
        table = table.join(part, validate="one_to_one")
    table = table.reset_index().assign(measure=measure)
    table = table.assign(**displacements(table, deltas))
    for quantity in registry:
        table[quantity.name] = values_of(table, quantity)
    table["needed_natural"] = table["needed_natural"].eq(True)
    picked = included or {}
    names = list(zip(table["network"], table["layer"], table["channel"], strict=True))
    table["hand_picked"] = [
        int(channel in picked.get(network, {}).get(layer, ())) for network, layer, channel in names
    ]
    earlier = None if examined is None else set(examined[UNIT].itertuples(index=False, name=None))
    table["examined"] = np.nan if earlier is None else [int(name in earlier) for name in names]
    return table.assign(
        **invariant(table, registry, criteria),
        left_out=_left_out(table),
        withheld=" ".join(withheld),
    )


def _left_out(table: pd.DataFrame) -> pd.Series:
    """Return why units are left out of all statistics, empty for those that stay."""
    reasons = table["left_out"].fillna("")
    # Layers too small for any test have no reason of theirs.
    responses = ("f_max", "restart_mean_activation", "natural_maximum")
    best = pd.DataFrame({name: values_of(table, name) for name in responses}).max(axis=1)
    reasons = reasons.where((best > 0) | (reasons != ""), NEVER_DRIVEN)
    flat = 1 - values_of(table, "offset") <= _LEAST_RISE
    return reasons.where(~flat | (reasons != ""), FLAT)


def failed(controls: pd.DataFrame) -> list[str]:
    """Return what the controls forbid to report, named as its columns start.

    Parameters
    ----------
    controls
        `diversevis.analysis.controls.controls_table`. Rows that only report hold nothing.
    """
    # Columns with gaps are read as texts.
    rows = controls[controls["holds"].astype(str) == "False"]
    return list(dict.fromkeys(map(start, rows["index"], rows["measure"])))


def registry_of(families: Iterable[FamilyInfo], tests: pd.DataFrame, main_delta: float) -> Registry:
    """Return the registry of a run's quantities from its tests."""
    displaced = set(tests.loc[tests["delta"].notna(), "family"])
    learned = set(tests.loc[tests["mask"] == LEARNED, "family"])
    return Registry(quantities(families, displaced, learned, main_delta))


def run(
    reads: Mapping[str, Any],
    writes: Mapping[str, Path],
    *,
    criteria: Mapping[str, Any],
    measure: str,
    included: Included,
    seed: int,
) -> None:
    """Join all that was measured into one row per unit, and say how well the measures agree.

    What a run has not made is not among `reads`, or empty there.
    """
    found = {name: read_frames(paths) for name in _TABLES if (paths := reads.get(name))}
    families, main_delta = load_families(reads["families"]), criteria["C3"]["delta"]
    withheld = failed(read_frame(reads["controls"]))
    raw, peaks, natural = (
        found["tests"],
        found["peaks"],
        [*map(NaturalResult.load, reads["natural"])],
    )
    effort = _effort(found, seed)
    # Each seed's own contrasts are relative to its own best patch.
    common = pd.concat([raw[raw["measure"] != CONTRAST], found["contrasts"]], ignore_index=True)
    registry = registry_of(families, raw, main_delta)
    tests = with_common_peak(common, peaks)
    calibrating = found.get("reference_indices")
    indices = without(index_table(tests, biases(effort), calibrating), families, withheld)
    best = peak_table(peaks)
    parts = [
        synthesis_table(found["sweeps"], natural)
        if "sweeps" in found
        else natural_table(best.index, natural),
        best,
        by_unit(indices, families, main_delta),
        *(measures(found[name]) for name in ("gratings", "stability") if name in found),
    ]
    if "surrogate_set" in found:
        parts.append(surrogate_set_table(found["surrogate_set"]))
    if "natural_stability" in found:
        parts.append(natural_stability_table(found["natural_stability"], families))
    deltas = sorted(raw["delta"].dropna().unique())
    units = unit_table(
        parts,
        registry,
        criteria,
        withheld,
        measure=measure,
        included=included,
        examined=found.get("reference"),
        deltas=deltas,
    )
    phase = registry.of(PHASE)
    compared = [(phase, registry.named("f1_f0"))] if phase else []
    for name, table in {
        "units": units,
        "sweeps": found.get("sweeps", pd.DataFrame(columns=[*UNIT])),
        "tests": common,
        "indices": indices,
        "effort": effort,
        "agreement": agreement_table(tests, units, families, compared),
    }.items():
        write_frame(writes[name], table)
    registry.save(writes["quantities"])


_TABLES = (
    *("sweeps", "tests", "contrasts", "peaks", "gratings", "stability"),
    *("surrogate_set", "natural_stability", "effort_tests", "effort_peaks"),
    *("reference", "reference_indices"),
)


def _effort(found: Mapping[str, pd.DataFrame], seed: int) -> pd.DataFrame:
    """Return `effort_table` of units that were measured with more effort, empty without any."""
    if "effort_tests" not in found:
        return pd.DataFrame(columns=list(EFFORT_COLUMNS))
    more = found["effort_tests"], found["effort_peaks"]
    seeds = more[1]["seed"].unique()
    usual = [found[name][found[name]["seed"].isin(seeds)] for name in ("tests", "peaks")]
    return effort_table((usual[0], usual[1]), more, seed=seed)
