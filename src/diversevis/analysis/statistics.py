"""Intervals, a difference between two samples, and corrected p values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

_AT_ONCE = 2_000_000  # resampled numbers in memory


def median_interval(
    values: np.ndarray, *, seed: int = 0, resamples: int = 9999
) -> tuple[float, float]:
    """Return the bootstrap 95 % interval (percentile) of the median of ``[n]`` values.

    NaN for fewer than two values. Percentiles, since a median's bootstrap distribution is too
    coarse for the BCa correction's derivative at small ``n``.
    """
    return resampled_interval(np.median, values, seed=seed, resamples=resamples)


def resampled_interval(
    statistic: Callable[..., np.ndarray],
    values: np.ndarray,
    *,
    seed: int = 0,
    resamples: int = 9999,
) -> tuple[float, float]:
    """Return the same interval of another statistic, ``statistic(values, axis)``."""
    if len(values) < 2:
        return (np.nan, np.nan)
    result = stats.bootstrap(
        (np.asarray(values),),
        statistic,
        n_resamples=resamples,
        batch=max(1, _AT_ONCE // len(values)),
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


def cliffs_delta(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Return Cliff's delta of two samples, and its 95 % interval.

    Delta is the share of pairs in which the first sample's value is larger, less the share in
    which the second's is: -1 to 1. The interval is Cliff's asymmetric one, with the unbiased
    variance and Student's t (Cliff 1996, Multivariate Behavioral Research 31, 331-350; Feng and
    Cliff 2004, Journal of Modern Applied Statistical Methods 3, 322-332). Where all pairs point the
    same way the variance is zero; there the interval is that of a share of 1 in the smaller sample,
    by Wilson's formula, on the scale of delta.

    Parameters
    ----------
    first, second
        ``[m]`` and ``[n]`` values.

    Returns
    -------
    tuple of float
        Delta, low, high. NaN for an empty sample; an interval needs two values in each.
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    m, n = len(first), len(second)
    if not (m and n):
        return (np.nan, np.nan, np.nan)
    larger = np.sign(first[:, None] - second)
    delta = float(larger.mean())
    if min(m, n) < 2:
        return (delta, np.nan, np.nan)
    t = stats.t.ppf(0.975, m + n - 2)
    if abs(delta) == 1:
        smaller = min(m, n)
        inner = float(delta * (smaller - t**2) / (smaller + t**2))
        return (delta, min(delta, inner), max(delta, inner))
    rows, columns = (((larger.mean(axis) - delta) ** 2).sum() for axis in (1, 0))
    pairs = ((larger - delta) ** 2).sum()
    variance = (n**2 * rows + m**2 * columns - pairs) / (m * n * (m - 1) * (n - 1))
    # The estimate may come out negative; Cliff's lower bound for it.
    variance = max(variance, (1 - delta**2) / (m * n - 1))
    centre = delta - delta**3
    half = t * np.sqrt(variance) * np.sqrt((1 - delta**2) ** 2 + t**2 * variance)
    scale = 1 - delta**2 + t**2 * variance
    low, high = (centre - half) / scale, (centre + half) / scale
    return (delta, float(max(low, -1)), float(min(high, 1)))


def mann_whitney(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Return U of the first sample and its two-sided p value; NaN for an empty sample.

    Exact for small samples without ties, asymptotic with continuity and tie correction otherwise.
    """
    if not (len(first) and len(second)):
        return (np.nan, np.nan)
    result = stats.mannwhitneyu(first, second, alternative="two-sided")
    return float(result.statistic), float(result.pvalue)


def least_p(first: int, second: int) -> float:
    """Return the smallest p value that `mann_whitney` can give for two sample sizes."""
    return mann_whitney(np.arange(first), first + np.arange(second))[1]


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values corrected for their number by Holm's step-down method.

    They control the chance of any false rejection (Holm 1979, Scandinavian Journal of Statistics 6,
    65-70). NaN is no test: it stays and does not count.
    """
    raw = np.asarray(p, float)
    order = np.argsort(raw)[: np.isfinite(raw).sum()]  # NaN sorts last
    steps = raw[order] * np.arange(len(order), 0, -1)
    corrected = np.full(len(raw), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
