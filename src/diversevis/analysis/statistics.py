"""Intervals for shares and medians."""

from __future__ import annotations

import numpy as np
from scipy import stats


def median_interval(
    values: np.ndarray, *, seed: int = 0, resamples: int = 9999
) -> tuple[float, float]:
    """Return the bootstrap 95 % interval (percentile) of the median of ``[n]`` values.

    NaN for fewer than two values. Percentiles, since a median's bootstrap distribution is too
    coarse for the BCa correction's derivative at small ``n``.
    """
    if len(values) < 2:
        return (np.nan, np.nan)
    result = stats.bootstrap(
        (np.asarray(values),),
        np.median,
        n_resamples=resamples,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def share_interval(successes: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a share; NaN for an empty sample."""
    if total == 0:
        return (np.nan, np.nan)
    interval = stats.binomtest(successes, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
