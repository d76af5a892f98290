"""What four times the effort would change: the optimisation bias of indices and peaks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from diversevis.analysis.indices import ABOVE, BIAS_OF, MEAN, TEST, VARIATION
from diversevis.analysis.statistics import resampled_interval
from diversevis.analysis.tables import UNIT, groups_of
from diversevis.measures import CONTRAST, RESPONSE

COLUMNS = (
    "network",
    "quantity",
    *TEST,
    "units",
    "bias",
    "low",
    "high",
    "median",
    "percentile_95",
)
INDEX, PEAK = "index", "peak"
"""Quantities: statistics of tests, and the best response, relatively."""

Frames = tuple[pd.DataFrame, pd.DataFrame]
"""Tests and peaks."""


def effort_table(usual: Frames, more: Frames, *, seed: int = 0) -> pd.DataFrame:
    """Return how far indices and peaks rise with more effort, network by network.

    Both runs have the same seed, and each unit's contrasts are relative to its own run's best
    patch: what is found is the bias of one seed's value. That of the best canvas over seeds is
    smaller, so that this is a bound for it.

    Parameters
    ----------
    usual, more
        Rows of tests and of peaks, as usual (of the seed that was repeated) and with more effort.
    seed
        Of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        Tidy, columns `COLUMNS`: ``bias`` is the mean difference over units, with its bootstrap
        95 % interval; ``percentile_95`` is that of the absolute difference. Of peaks all are
        relative to the usual one, of `VARIATION` to the mean of both.
    """
    names = [*UNIT, *TEST]
    columns = [*names, "value", "surrogate"]
    one, two = (
        _with_gain(tests.loc[tests["measure"] == CONTRAST, columns]) for tests, _ in (usual, more)
    )
    both = two.merge(one, on=names, suffixes=("_more", ""))
    gained, centre = both["value_more"] - both["value"], (both["value_more"] + both["value"]) / 2
    gained = (gained / centre).where(both["statistic"] == VARIATION, gained)
    changes = both.assign(quantity=INDEX, change=gained)
    peaks = more[1].merge(usual[1], on=UNIT, suffixes=("_more", ""))
    driven = peaks[peaks["f_max"] > 0]
    rise = driven["f_max_more"] / driven["f_max"] - 1
    of_peaks = driven[UNIT].assign(quantity=PEAK, measure=RESPONSE, change=rise)
    every = pd.concat([changes, of_peaks], ignore_index=True).dropna(subset="change")
    rows = []
    about = ["network", "quantity", *TEST]
    for key, same in groups_of(every, *about):
        change = same["change"].to_numpy(float)
        low, high = resampled_interval(np.mean, change, seed=seed)
        numbers = (len(change), change.mean(), low, high)
        spread = (np.median(change), np.quantile(np.abs(change), 0.95))
        rows.append(dict(zip(COLUMNS, (*key, *numbers, *spread), strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def biases(effort: pd.DataFrame) -> pd.DataFrame:
    """Return the biases of indices, columns `BIAS_OF` and ``bias``, from `effort_table`."""
    return effort.loc[effort["quantity"] == INDEX, [*BIAS_OF, "bias"]]


def _with_gain(tests: pd.DataFrame) -> pd.DataFrame:
    """Return tests, and of each index what it has above the surrogate's."""
    means = tests[tests["statistic"] == MEAN]
    above = means.assign(statistic=ABOVE, value=means["value"] - means["surrogate"])
    return pd.concat([tests, above], ignore_index=True).drop(columns="surrogate")
