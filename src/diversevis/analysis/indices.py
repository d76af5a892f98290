"""Indices of invariance from the tests of all seeds, with their spread, and how seeds agree."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from diversevis.analysis.tables import UNIT, groups_of, values_of
from diversevis.measures import CONTRAST, RESPONSE
from diversevis.results.quantities import FACTORS, Quantity, column, start
from diversevis.results.tests import FIXED, LEARNED, FamilyInfo

TEST = ["family", "delta", "mask", "measure", "statistic"]
"""The columns that name a test and what is said of it."""

INDEX_COLUMNS = [
    *(*UNIT, *TEST, "value", "surrogate"),
    *("spread", "bias", "from_reference", "uncertainty"),
]
BIAS_OF = ["network", *TEST]
"""What an optimisation bias is known for."""
AGREEMENT_COLUMNS = (
    "network",
    "layer",
    "quantity",
    "family",
    "delta",
    "seeds",
    "against",
    "statistic",
    "value",
    "mean_difference",
    "units",
)

MEAN, ABOVE, VARIATION = "mean", "above", "variation"
"""Statistics: the index itself, what it has above that of the linear surrogate, and the deviation
over members relative to the mean. The last has means close to zero below it: its spreads and biases
are pooled relatively, or units without any invariance would make all others uncertain."""


def with_common_peak(tests: pd.DataFrame, peaks: pd.DataFrame) -> pd.DataFrame:
    """Return test rows relative to each unit's best response over all seeds.

    Each seed's indices come relative to its own best response; that seeds find peaks of different
    height is no difference in invariance. Other measures than the response stay as they are.

    Parameters
    ----------
    tests, peaks
        Rows with the columns `TEST_COLUMNS` and `PEAK_COLUMNS` of `diversevis.results.tests`.
    """
    own = peaks.set_index([*UNIT, "seed"])["f_max"]
    common = own.groupby(level=UNIT).transform("max")
    scale = (own / common).where(common > 0).rename("scale")
    scaled = tests["value"] * tests.join(scale, on=[*UNIT, "seed"])["scale"]
    return tests.assign(value=scaled.where(tests["measure"] == RESPONSE, tests["value"]))


def index_table(
    tests: pd.DataFrame,
    biases: pd.DataFrame | None = None,
    reference: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return what all seeds together say of each unit, test by test.

    Of effective contrasts, which ask whether there is such a canvas, the best canvas over seeds by
    its mean, and all statistics are that canvas's; of other measures the mean over seeds.

    Parameters
    ----------
    tests
        `with_common_peak`, or rows of a single seed.
    biases
        Optimisation biases: columns `BIAS_OF` and ``bias``.
    reference
        This table of a run that a run of a single seed is calibrated with.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `INDEX_COLUMNS`. ``spread`` is the standard deviation of the value between
        seeds, NaN where there is only one, ``bias`` that of the network, ``from_reference`` that of
        `deviations`. ``uncertainty`` is the largest of the unit's spread, the root mean square
        spread of its layer, the bias, and the deviation from the reference, for effective
        contrasts; for others the spread, or the last where there is none. Those of layer and
        network are relative to the value for `VARIATION`. Rows whose ``statistic`` is ``above``
        hold the index less that of the unit's linear surrogate, with an uncertainty of their own.
    """
    names = [*UNIT, *TEST]
    gained = tests.assign(gain=tests["value"] - tests["surrogate"])
    groups = gained.groupby(names, sort=False, dropna=False)
    table = groups.agg(
        value=("value", "mean"),
        surrogate=("surrogate", "mean"),
        spread=("value", "std"),
        gain_spread=("gain", "std"),
    ).reset_index()
    table["centre"] = table["value"]
    best = _best_canvases(tests)[[*names, "value", "surrogate"]]
    best = table[names].merge(best, "left", names)
    of_contrast = table["measure"] == CONTRAST
    for name in ("value", "surrogate"):
        table[name] = best[name].where(of_contrast, table[name])
    means = table[table["statistic"] == MEAN]
    above = means.assign(
        statistic=ABOVE,
        value=means["value"] - means["surrogate"],
        surrogate=np.nan,
        spread=means["gain_spread"],
    )
    every = pd.concat([table, above]).sort_index(kind="stable")
    found = None if reference is None else deviations(every, reference)
    return _with_uncertainty(every, biases, found)


def deviations(indices: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Return how far a layer's indices are from a reference's, of the units that both have.

    A single seed has no spread. Its root mean square difference from the reference holds what
    chance does to it, and what fewer steps take from it. What the reference does not know itself is
    not in that: where the root mean square of its own uncertainties is larger, it is that.

    Parameters
    ----------
    indices
        Columns `UNIT`, `TEST` and ``value``.
    reference
        `index_table`.

    Returns
    -------
    pandas.DataFrame
        Columns ``network``, ``layer``, `TEST` and ``from_reference``; of `VARIATION` relative to
        the value.
    """
    names = [*UNIT, *TEST]
    both = indices[[*names, "value"]].astype({"delta": float})
    other = reference[[*names, "value", "uncertainty"]].astype({"delta": float})
    both = both.merge(other, on=names, suffixes=("", "_of_reference"))
    difference, doubt = both["value"] - both["value_of_reference"], both["uncertainty"]
    relative, of_reference = both["statistic"] == VARIATION, both["value_of_reference"]
    centre = (both["value"] + of_reference) / 2
    squares = {
        "difference": (difference / centre).where(relative, difference) ** 2,
        "doubt": (doubt / of_reference).where(relative, doubt) ** 2,
    }
    about = [*UNIT[:2], *TEST]
    means = both[about].assign(**squares).groupby(about, sort=False, dropna=False).mean()
    return np.sqrt(means.max(axis=1)).rename("from_reference").reset_index()


def _best_canvases(tests: pd.DataFrame) -> pd.DataFrame:
    """Return, of the rows of effective contrasts, those of the seed with the highest mean."""
    canvas = [*UNIT, "family", "delta", "mask"]
    rows = tests[tests["measure"] == CONTRAST]
    means = rows[rows["statistic"] == MEAN].sort_values("value", ascending=False, kind="stable")
    return rows.merge(means[[*canvas, "seed"]].drop_duplicates(canvas), on=[*canvas, "seed"])


def _with_uncertainty(
    indices: pd.DataFrame, biases: pd.DataFrame | None, found: pd.DataFrame | None
) -> pd.DataFrame:
    """Return indices with biases and deviations, and the largest of what makes them uncertain."""
    table = indices.astype({"delta": float})
    for name, known, of in (
        ("bias", biases, BIAS_OF),
        ("from_reference", found, [*UNIT[:2], *TEST]),
    ):
        known = pd.DataFrame(columns=[*of, name]) if known is None else known
        known = known[[*of, name]].astype({"delta": float, name: float})
        table = table.merge(known, "left", of)
    relative = table["statistic"] == VARIATION
    scaled = (table["spread"] / table["centre"]).where(relative, table["spread"])
    groups = [table[name] for name in (*UNIT[:2], *TEST)]
    pooled = np.sqrt((scaled**2).groupby(groups, dropna=False).transform("mean"))
    pooled = (pooled * table["value"]).where(relative, pooled)
    for name in ("bias", "from_reference"):
        table[name] = (table[name] * table["value"]).where(relative, table[name])
    parts = pd.DataFrame({"own": table["spread"], "layer": pooled, "bias": table["bias"].abs()})
    largest = parts.assign(reference=table["from_reference"].abs()).max(axis=1)
    of_others = table["spread"].fillna(table["from_reference"])
    table["uncertainty"] = largest.where(table["measure"] == CONTRAST, of_others)
    return table[INDEX_COLUMNS]


def without(
    indices: pd.DataFrame, families: Iterable[FamilyInfo], withheld: Collection[str]
) -> pd.DataFrame:
    """Return the table of indices with nothing in the rows of `withheld` ones.

    These are named as their columns start: ``phase``, ``phase_response``.
    """
    starts = {family.name: family.index for family in families}
    names = zip(indices["family"], indices["measure"], strict=True)
    hidden = np.array([start(starts[name], measure) in withheld for name, measure in names], bool)
    numbers = INDEX_COLUMNS[len([*UNIT, *TEST]) :]
    return indices.assign(**{name: indices[name].where(~hidden) for name in numbers})


_AT_EACH: dict[tuple[str, str], dict[str, str]] = {
    (FIXED, MEAN): {"index": "value", "surrogate": "surrogate"},
    (FIXED, ABOVE): {},
}
_AT_MAIN = {
    (FIXED, MEAN): {"spread": "spread", "bias": "bias", "uncertainty": "uncertainty"},
    (FIXED, ABOVE): {"above": "value", "above_uncertainty": "uncertainty"},
    (LEARNED, MEAN): {"learned_mask": "value"},
    **{(FIXED, name): {f"{name}_uncertainty": "uncertainty"} for name in FACTORS},
}
"""What stands in the unit table at every displacement, and at the main one alone, by mask and
statistic: the end of the column's name, and the column of the table of indices. Other statistics of
fixed masks stand there by their own name, and the surrogate's behind its."""


def by_unit(
    indices: pd.DataFrame, families: Iterable[FamilyInfo], main_delta: float
) -> pd.DataFrame:
    """Return the indices with one row per unit and a column for each number, for people.

    Parameters
    ----------
    indices
        `index_table`.
    families
        Of the tests; their ``index`` is what columns start with.
    main_delta
        The displacement that claims speak of.

    Returns
    -------
    pandas.DataFrame
        Indexed by `UNIT`. Of fixed masks ``<index>_index``, ``<index>_surrogate``,
        ``<index>_<statistic>`` and ``<index>_surrogate_<statistic>``, each followed by the
        displacement where there is one. At the main displacement alone, and without its name:
        ``<index>_above``, ``<index>_spread``, ``<index>_bias``, ``<index>_uncertainty``,
        ``<index>_above_uncertainty``, those of the factors (``<index>_variation_uncertainty``), and
        ``<index>_learned_mask``. These are effective contrasts; the name of another measure follows
        the index: ``<index>_response_index``.
    """
    starts = {family.name: family.index for family in families}
    columns: dict[str, Any] = {}
    for test, same in groups_of(indices, *TEST):
        family, at, mask, measure, statistic = test
        delta = None if np.isnan(at) else at
        begin = start(starts[family], measure)
        rows, kind = same.set_index(UNIT), (mask, statistic)
        other = {statistic: "value"} if mask == FIXED else {}
        if other and rows["surrogate"].notna().any():
            other[f"surrogate_{statistic}"] = "surrogate"
        for name, source in _AT_EACH.get(kind, other).items():
            columns[column(begin, name, delta)] = rows[source]
        for name, source in _AT_MAIN.get(kind, {}).items():
            # Of other measures the uncertainty is the spread.
            said = measure == CONTRAST or name not in ("spread", "bias")
            if said and delta in (None, main_delta):
                columns[column(begin, name)] = rows[source]
    units = pd.MultiIndex.from_frame(indices[UNIT].drop_duplicates())
    return pd.DataFrame(columns, index=units)


def agreement_table(
    tests: pd.DataFrame,
    units: pd.DataFrame,
    families: Iterable[FamilyInfo],
    compared: Sequence[tuple[Quantity, Quantity]],
) -> pd.DataFrame:
    """Return how well seeds agree with each other, and one quantity with another.

    Parameters
    ----------
    tests
        `with_common_peak`.
    units
        `diversevis.analysis.units.unit_table`.
    families
        Of the tests.
    compared
        Quantities of the same units that should go together.

    Returns
    -------
    pandas.DataFrame
        Columns `AGREEMENT_COLUMNS`, one row per comparison and layer (and ``all``): Pearson's
        correlation between two ``seeds`` and their mean absolute difference, or Spearman's rank
        correlation of a quantity and the one it is held ``against``.
    """
    starts = {family.name: family.index for family in families}
    shown = (
        (tests["mask"] == FIXED)
        & (tests["measure"] == CONTRAST)
        & (tests["statistic"] == MEAN)
        & tests["value"].notna()
    )
    rows: list[dict[str, Any]] = []
    for (family, at), same in groups_of(tests[shown], "family", "delta"):
        wide = same.pivot(index=UNIT, columns="seed", values="value")
        name = {"quantity": column(starts[family], "index", None if np.isnan(at) else at)}
        for one, other in combinations(wide, 2):
            seeds = {"family": family, "delta": at, "seeds": f"{one} and {other}"}
            rows += _agreement(wide, one, other, {**name, **seeds, "statistic": "Pearson"})
    for quantity, other in compared:
        both = units.set_index(UNIT)
        both = pd.DataFrame({"one": values_of(both, quantity), "other": values_of(both, other)})
        about = {"quantity": quantity.name, "family": quantity.family, "delta": quantity.delta}
        about |= {"against": other.name, "statistic": "Spearman"}
        rows += _agreement(both, "one", "other", about)
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))


_MEASURES = {"Pearson": stats.pearsonr, "Spearman": stats.spearmanr}


def _agreement(
    table: pd.DataFrame, one: Any, other: Any, about: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield how two columns go together, of the units of each layer and of all that have both."""
    both = table[[one, other]].dropna()
    groups = [*both.groupby(level=UNIT[:2], sort=False), (("all", "all"), both)]
    for (network, layer), group in groups:
        first, second = group[one].to_numpy(float), group[other].to_numpy(float)
        between_seeds = "seeds" in about and len(group)
        yield {
            "network": network,
            "layer": layer,
            **about,
            "value": _correlation(about["statistic"], first, second),
            "mean_difference": np.abs(first - second).mean() if between_seeds else np.nan,
            "units": len(group),
        }


def _correlation(name: str, one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(_MEASURES[name](one, other).statistic)
