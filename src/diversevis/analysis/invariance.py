"""Tables of invariance: one row a unit, agreement between seeds and measures, controls, claims."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from diversevis.analysis.tables import UNIT
from diversevis.invariance.families import FAMILIES

PHASE_INDEX, PHASE_ABOVE = 0.8, 0.5
"""C2: a unit is phase invariant from this index on, if it is so much above its surrogate."""

DEFORMATION_DELTA, DEFORMATION_ABOVE = 2, 0.1
"""C3: displacement, and how far above its surrogate, beyond its uncertainty, an index must be."""

LINEAR_TOLERANCE, COMPLEX_INDEX, COMPLEX_ABOVE, DEFORMABLE_ABOVE = 0.03, 0.9, 0.6, 0.1
"""What the controls must show before an index is reported."""


def invariance_table(
    tests: pd.DataFrame,
    gratings: pd.DataFrame,
    stability: pd.DataFrame,
    controls: pd.DataFrame,
) -> pd.DataFrame:
    """Return one row a unit with all its indices.

    Parameters
    ----------
    tests
        Rows of `diversevis.invariance.indices.rows`, of any number of layers and seeds.
    gratings, stability
        Rows of the modules of these names.
    controls
        `controls_table`: an index one of whose criteria failed is withheld, its columns empty.

    Returns
    -------
    pandas.DataFrame
        Indices are means over seeds, relative to the best response of any seed;
        ``*_uncertainty`` is the standard deviation between seeds (at `DEFORMATION_DELTA` for
        families that have a displacement), NaN where there is a single one. ``f_max_spread`` is
        the relative difference between the seeds' own best responses. ``needed_natural`` marks
        units that no start from noise drove above zero.
    """
    tests = with_common_peak(tests)
    first = tests.seed.min()
    fixed = tests[tests["mask"] == "fixed"]
    table = tests[tests.seed == first].groupby(UNIT, sort=False)[["f_max", "from_noise"]].first()
    own = tests.groupby(UNIT)["own_f_max"]
    table["f_max_spread"] = (own.max() - own.min()) / own.max()
    table["needed_natural"] = (table.from_noise <= 0) & (table.f_max > 0)
    phase = fixed[fixed.family == "all-shifts"].groupby(UNIT)
    if phase.ngroups:
        table["phase_index"] = phase["mean"].mean()
        table["phase_p10"] = phase["p10"].mean()
        table["phase_min"] = phase["min"].mean()
        table["phase_surrogate"] = phase["surrogate_mean"].mean()
        table["phase_uncertainty"] = phase["mean"].std()
    learned = tests[tests["mask"] == "learned"].groupby(UNIT)
    if learned.ngroups:
        table["phase_learned_mask"] = learned["mean"].mean()
    for family, of_family in fixed[fixed.delta.notna()].groupby("family", sort=False):
        prefix = FAMILIES[family].index
        for delta, same in of_family.groupby("delta"):
            units = same.groupby(UNIT)
            table[f"{prefix}_index_{delta:g}"] = units["mean"].mean()
            table[f"{prefix}_surrogate_{delta:g}"] = units["surrogate_mean"].mean()
        repeated = of_family[of_family.delta == DEFORMATION_DELTA]
        table[f"{prefix}_uncertainty"] = repeated.groupby(UNIT)["mean"].std()
    best = gratings.set_index(UNIT)[["f1_f0", "frequency"]]
    table = table.join(best.rename(columns={"frequency": "grating_frequency"}))
    for delta, same in stability.groupby("delta"):
        values = same.set_index(UNIT)
        table[f"stability_mean_{delta:g}"] = values.stability_mean
        table[f"stability_median_{delta:g}"] = values.stability_median
    table["left_out"] = tests[tests.seed == first].groupby(UNIT)["left_out"].first()
    failed = controls.loc[~controls.holds, "index"].unique()
    for index in failed:
        columns = [name for name in table if name.startswith(f"{index}_")]
        table[columns] = np.nan
    table["withheld"] = " ".join(failed)
    return table.fillna({"left_out": ""}).reset_index()


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
            for name, group in _layers_and_all(both.reset_index()):
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
        for name, group in _layers_and_all(both):
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


def _layers_and_all(table: pd.DataFrame):
    for (network, layer), group in table.groupby(["network", "layer"], sort=False):
        yield {"network": network, "layer": layer}, group
    yield {"network": "all", "layer": "all"}, table


def _correlation(measure, one, other) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(measure(one, other).statistic)


def controls_table(tests: pd.DataFrame) -> pd.DataFrame:
    """Return what the controls had to show, and whether they did.

    Parameters
    ----------
    tests
        Rows of `diversevis.invariance.indices.rows` for the control units.

    Returns
    -------
    pandas.DataFrame
        One row a criterion: ``criterion``, the families' ``index`` it licenses, ``value``,
        ``threshold``, ``holds``. An index one of whose criteria fails is not to be reported.
    """
    tests = tests[tests["mask"] == "fixed"].assign(
        above=lambda table: table["mean"] - table["surrogate_mean"]
    )
    linear = tests[tests.layer.isin(["simple", "rigid"])]
    rows = []

    def add(criterion: str, index: str, value: float, threshold: float, holds: bool) -> None:
        rows.append(
            {
                "criterion": criterion,
                "index": index,
                "value": value,
                "threshold": threshold,
                "holds": bool(holds),
            }
        )

    for family, same in linear.groupby("family", sort=False):
        worst = same.above.abs().max()
        add(
            "linear units: largest difference from their surrogate",
            FAMILIES[family].index,
            worst,
            LINEAR_TOLERANCE,
            worst <= LINEAR_TOLERANCE,
        )
    phase = tests[tests.family == "all-shifts"].groupby("layer")["mean"]
    if phase.ngroups:
        lowest, highest = phase.min(), phase.max()
        add(
            "complex cells: lowest phase index",
            "phase",
            lowest["complex"],
            COMPLEX_INDEX,
            lowest["complex"] >= COMPLEX_INDEX,
        )
        gap = lowest["complex"] - highest["simple"]
        add("complex cells above simple cells", "phase", gap, COMPLEX_ABOVE, gap >= COMPLEX_ABOVE)
    bent = tests[tests.family == "deformations"]
    for delta, same in bent.groupby("delta"):
        above = same.groupby("layer")["above"]
        gap = above.min()["deformable"] - above.max()["rigid"]
        add(
            f"deformable above rigid templates at {delta:g} px, less surrogates",
            "deformation",
            gap,
            DEFORMABLE_ABOVE,
            gap >= DEFORMABLE_ABOVE,
        )
    return pd.DataFrame(rows)


def unit_kinds(units: pd.DataFrame) -> pd.DataFrame:
    """Return which units are phase invariant (C2) and which deformation invariant (C3).

    Parameters
    ----------
    units
        `invariance_table`.

    Returns
    -------
    pandas.DataFrame
        Its rows that stay in, with the indices above their surrogates and two columns of truth
        values, ``phase_invariant`` and ``deformation_invariant``.
    """
    kept = units[units.left_out == ""].copy()
    kept["phase_above"] = kept.phase_index - kept.phase_surrogate
    kept["phase_invariant"] = (kept.phase_index >= PHASE_INDEX) & (kept.phase_above >= PHASE_ABOVE)
    index, surrogate = (
        kept[f"deformation_{part}_{DEFORMATION_DELTA:g}"] for part in ("index", "surrogate")
    )
    kept["deformation_above"] = index - surrogate
    kept["deformation_invariant"] = (
        kept.deformation_above - kept.deformation_uncertainty >= DEFORMATION_ABOVE
    )
    return kept


def kinds_table(units: pd.DataFrame) -> pd.DataFrame:
    """Return, by layer, how many units are phase invariant, deformation invariant, or both."""
    kinds = unit_kinds(units)
    both = kinds.phase_invariant & kinds.deformation_invariant
    rows = [
        {
            **name,
            "units": len(group),
            "phase_invariant": int(group.phase_invariant.sum()),
            "deformation_invariant": int(group.deformation_invariant.sum()),
            "both": int(both[group.index].sum()),
            "median_phase_index": group.phase_index.median(),
            "median_phase_above": group.phase_above.median(),
            "median_deformation_above": group.deformation_above.median(),
            "needed_natural": int(group.needed_natural.sum()),
        }
        for name, group in _layers_and_all(kinds)
    ]
    return pd.DataFrame(rows)
