"""Confidence intervals by resampling listeners.

A listener is asked at several cutoffs, and their values are alike; so whole listeners are
drawn, with all their values (the cluster bootstrap: Field and Welsh 2007, "Bootstrapping
clustered data"; percentile intervals: Efron and Tibshirani 1993, "An introduction to the
bootstrap", chapter 13). The difference of two models is drawn with the same listeners.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
DRAWS = 2_000
SEED = 1
_AT_ONCE = 100  # draws, to bound the memory


class Interval(NamedTuple):
    """A mean and its 95 % interval; NaN where nothing was measured."""

    mean: float
    low: float
    high: float


def interval(
    values: FloatArray, listener: NDArray[np.integer], draws: int = DRAWS, seed: int = SEED
) -> Interval:
    """The mean over all lists, and the interval that redrawn listeners give it.

    Args:
        values: One value per list, NaN where it has none: (n,). For the difference of
            two models, their difference per list.
        listener: Whose list it is: (n,).
        draws: How many samples of listeners.
        seed: Of the draws.
    """
    there = ~np.isnan(values)
    if not there.any():
        return Interval(np.nan, np.nan, np.nan)
    _, cluster = np.unique(listener[there], return_inverse=True)
    total = np.bincount(cluster, values[there])
    count = np.bincount(cluster).astype(np.float64)
    random, size = np.random.Generator(np.random.PCG64(seed)), len(count)
    means = []
    for begin in range(0, draws, _AT_ONCE):
        shape = (min(_AT_ONCE, draws - begin), size)
        drawn = random.integers(size, size=shape)
        means.append(total[drawn].sum(axis=1) / count[drawn].sum(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(total.sum() / count.sum()), float(low), float(high))


def standard_error(values: FloatArray, listener: NDArray[np.integer]) -> float:
    """Standard error of the mean over all lists, whose listeners were drawn.

    sqrt(sum over listeners of (sum of their values less the mean) ^ 2) / n, the sandwich
    estimator of clustered data (Liang and Zeger 1986, "Longitudinal data analysis using
    generalized linear models"): what the draws of `interval` come to, in closed form.

    Args:
        values: One value per list: (n,).
        listener: Whose list it is: (n,).
    """
    _, cluster = np.unique(listener, return_inverse=True)
    sums = np.bincount(cluster, values - values.mean())
    return float(np.sqrt(sums @ sums) / len(values))
