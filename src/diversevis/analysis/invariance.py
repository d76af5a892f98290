"""Tables of invariance: one row a unit, and the agreement between seeds and between measures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from diversevis.analysis.tables import UNIT
from diversevis.invariance.families import FAMILIES, Deformations, Shifts

PHASE = ("index", "p10", "min", "surrogate", "uncertainty", "learned_mask")
"""What is said of all shifts, in columns that start with ``phase_``."""

UNCERTAINTIES = ("uncertainty", "above_uncertainty")


def invariance_table(
    tests: pd.DataFrame,
    gratings: pd.DataFrame,
    stability: pd.DataFrame,
    controls: pd.DataFrame,
    *,
    delta: float,
) -> pd.DataFrame:
    """Return one row a unit with all its indices.

    Parameters
    ----------
    tests
        Rows of `diversevis.invariance.indices.rows`, of any number of layers and seeds. A family
        that does not fit a layer has no rows there: its columns are NaN for that layer.
    gratings, stability
        Rows of the modules of these names.
    controls
        `diversevis.analysis.controls.controls_table`: an index one of whose criteria failed is
        withheld, its columns empty.
    delta
        The displacement whose spread between seeds is the uncertainty: that of claim C3.

    Returns
    -------
    pandas.DataFrame
        Indices are means over seeds, relative to the best response of any seed;
        ``*_uncertainty`` is the standard deviation between seeds (at `delta` for families that have
        a displacement), ``*_above_uncertainty`` that of the index less its surrogate; NaN where
        there is a single seed. ``f_max_spread`` is the relative
        difference between the seeds' own best responses. ``needed_natural`` marks units that no
        start from noise drove above zero. ``left_out`` says why a unit has no indices.
    """
    tests = with_common_peak(tests)
    fixed = tests[tests["mask"] == "fixed"]
    units = tests.groupby(UNIT, sort=False)
    table = units[["f_max", "from_noise"]].max()
    own = units["own_f_max"]
    table["f_max_spread"] = ((own.max() - own.min()) / own.max()).where(table.f_max > 0)
    table["needed_natural"] = (table.from_noise <= 0) & (table.f_max > 0)
    phase = fixed[fixed.family == "all-shifts"].groupby(UNIT)
    learned = tests[tests["mask"] == "learned"].groupby(UNIT)["mean"].mean()
    values = (
        phase["mean"].mean(),
        phase["p10"].mean(),
        phase["min"].mean(),
        phase["surrogate_mean"].mean(),
        phase["mean"].std(),
        learned,
    )
    for name, value in zip(PHASE, values, strict=True):
        table[f"phase_{name}"] = value
    for family, of_family in fixed[fixed.delta.notna()].groupby("family", sort=False):
        prefix = FAMILIES[family].index
        for strength, same in of_family.groupby("delta"):
            units = same.groupby(UNIT)
            table[f"{prefix}_index_{strength:g}"] = units["mean"].mean()
            table[f"{prefix}_surrogate_{strength:g}"] = units["surrogate_mean"].mean()
        repeated = of_family[of_family.delta == delta]
        above = repeated.assign(above=repeated["mean"] - repeated.surrogate_mean).groupby(UNIT)
        table[f"{prefix}_uncertainty"] = above["mean"].std()
        table[f"{prefix}_above_uncertainty"] = above["above"].std()
    for family in (Shifts, Deformations):  # columns that other tables need, measured or not
        for part in (f"index_{delta:g}", f"surrogate_{delta:g}", *UNCERTAINTIES):
            table[f"{family.index}_{part}"] = table.get(f"{family.index}_{part}", np.nan)
    best = gratings.set_index(UNIT)[["f1_f0", "frequency"]]
    # Layers too small for any family have gratings all the same.
    table = table.reindex(table.index.union(best.index, sort=False))
    table = table.join(best.rename(columns={"frequency": "grating_frequency"}))
    for strength, same in stability.groupby("delta"):
        values = same.set_index(UNIT)
        table[f"stability_mean_{strength:g}"] = values.stability_mean
        table[f"stability_median_{strength:g}"] = values.stability_median
    table["needed_natural"] = table.needed_natural.eq(True)
    table["left_out"] = tests.groupby(UNIT)["left_out"].agg(_reason)
    failed = controls.loc[~controls.holds, "index"].unique()
    for index in failed:
        columns = [name for name in table if name.startswith(f"{index}_")]
        table[columns] = np.nan
    table["withheld"] = " ".join(failed)
    return table.fillna({"left_out": ""}).reset_index()


def _reason(reasons: pd.Series) -> str:
    """Return why a unit is left out: only if every seed says so."""
    given = reasons[reasons != ""]
    return given.iloc[0] if len(given) == len(reasons) else ""


def with_common_peak(tests: pd.DataFrame) -> pd.DataFrame:
    """Return test rows relative to each unit's best response over all seeds.

    Each seed's indices come relative to its own best response; that seeds find peaks of different
    height is no difference in invariance. ``own_f_max`` keeps the seed's own.
    """
    common = tests.groupby(UNIT)["f_max"].transform("max")
    scale = (tests.f_max / common).where(common > 0)
    changed = {name: tests[name] * scale for name in ("mean", "p10", "min")}
    return tests.assign(**changed, own_f_max=tests.f_max, f_max=common)


def agreement_table(units: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Return how well seeds agree with each other, and the phase index with gratings.

    Parameters
    ----------
    units
        `invariance_table`.
    tests
        The rows it was made of.

    Returns
    -------
    pandas.DataFrame
        One row a quantity and layer (and ``all``): Pearson's correlation between two seeds and
        their mean absolute difference, or Spearman's rank correlation of phase index and F1/F0.
    """
    rows = []
    tests = with_common_peak(tests)
    fixed = tests[(tests["mask"] == "fixed") & tests["mean"].notna()]
    for (family, delta), same in fixed.groupby(["family", "delta"], dropna=False):
        wide = same.pivot_table(index=UNIT, columns="seed", values="mean")
        for one, other in combinations(wide.columns, 2):
            both = wide[[one, other]].dropna()
            quantity = family if pd.isna(delta) else f"{family} {delta:g}"
            for name, group in layers_and_all(both.reset_index()):
                pair = group[[one, other]].to_numpy()
                rows.append(
                    {
                        **name,
                        "quantity": f"{quantity}: seed {one} and {other}",
                        "statistic": "Pearson",
                        "value": _correlation(stats.pearsonr, *pair.T),
                        "mean_difference": np.abs(pair[:, 0] - pair[:, 1]).mean(),
                        "units": len(pair),
                    }
                )
    if "phase_index" in units:
        both = units[["network", "layer", "phase_index", "f1_f0"]].dropna()
        for name, group in layers_and_all(both):
            value = _correlation(stats.spearmanr, group.phase_index, group.f1_f0)
            rows.append(
                {
                    **name,
                    "quantity": "phase index and F1/F0",
                    "statistic": "Spearman",
                    "value": value,
                    "mean_difference": np.nan,
                    "units": len(group),
                }
            )
    return pd.DataFrame(rows)


def layers_and_all(table: pd.DataFrame) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Yield the units of each layer, and at last all of them, with the names of both."""
    for (network, layer), group in table.groupby(["network", "layer"], sort=False):
        yield {"network": network, "layer": layer}, group
    yield {"network": "all", "layer": "all"}, table


def _correlation(measure, one, other) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(measure(one, other).statistic)
