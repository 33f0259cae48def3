"""Baselines without a model of tracks: popularity, and what the listener played.

Every baseline is a function of a fold and its parameters that returns a scorer. Where a
personal one knows nothing (a new listener, a track without a score), the decayed popular
tracks follow: a baseline that answers with noise there would be too easy to beat.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import FloatArray, Scorer


def random(fold: Fold, seed: int = 1) -> Scorer:
    """Tracks in an order of chance, another one for each listener and cutoff."""

    def score(rows: NDArray[np.int64]) -> FloatArray:
        return np.stack(
            [
                np.random.default_rng([seed, fold.cutoff, listener]).random(fold.tracks)
                for listener in fold.asked[rows].tolist()
            ]
        )

    return score


def popular(fold: Fold) -> Scorer:
    """Tracks by how many listens they have."""
    return _same_for_all(fold, np.ones(len(fold.at)))


def recent_popular(fold: Fold, days: float) -> Scorer:
    """Tracks by their listens in the last days before the cutoff."""
    return _same_for_all(fold, (fold.ages <= days).astype(np.float64))


def decayed_popular(fold: Fold, half_life_d: float) -> Scorer:
    """Tracks by the sum of 2^(-age / half-life) over their listens."""
    return _same_for_all(fold, decay(fold, half_life_d))


def personal(fold: Fold, backoff_half_life_d: float) -> Scorer:
    """The tracks a listener played most, then the decayed popular ones."""
    return backed_off(fold, _own(fold, np.ones(len(fold.at))), backoff_half_life_d)


def personal_decayed(fold: Fold, half_life_d: float, backoff_half_life_d: float) -> Scorer:
    """The same with each listen weighing 2^(-age / half-life)."""
    return backed_off(fold, _own(fold, decay(fold, half_life_d)), backoff_half_life_d)


def last_played(fold: Fold, backoff_half_life_d: float) -> Scorer:
    """A listener's tracks, the last heard first, then the decayed popular ones."""
    order = latest(fold, np.arange(1.0, len(fold.at) + 1))
    return backed_off(
        fold, lambda rows: order[fold.asked[rows]].toarray(), backoff_half_life_d
    )


def latest(fold: Fold, values: FloatArray) -> sparse.csr_array:
    """The value of the last listen of each pair: (listeners, tracks)."""
    pairs = fold.listener.astype(np.int64) * fold.tracks + fold.track
    # Listens are in the order of time: the first from behind is the last.
    pair, place = np.unique(pairs[::-1], return_index=True)
    row, column = np.divmod(pair, fold.tracks)
    shape = (fold.listeners, fold.tracks)
    return sparse.csr_array((values[::-1][place], (row, column)), shape)


def decay(fold: Fold, half_life_d: float) -> FloatArray:
    """Weight of each known listen: 2^(-age / half-life), (n,)."""
    return np.asarray(np.exp2(-fold.ages / half_life_d))


def backed_off(fold: Fold, scorer: Scorer, half_life_d: float) -> Scorer:
    """Puts the decayed popular tracks behind all that have a score above 0.

    A row's scores are scaled to (1, 2], those of the popular tracks to [0, 1].
    """
    popularity = _popularity(fold, decay(fold, half_life_d))

    def score(rows: NDArray[np.int64]) -> FloatArray:
        own = scorer(rows)
        most = np.maximum(own.max(axis=1, keepdims=True), np.finfo(float).tiny)
        return np.where(own > 0, 1 + own / most, popularity)

    return score


def _same_for_all(fold: Fold, weights: FloatArray) -> Scorer:
    scores = _popularity(fold, weights)
    return lambda rows: np.tile(scores, (len(rows), 1))


def _popularity(fold: Fold, weights: FloatArray) -> FloatArray:
    scores: FloatArray = np.bincount(fold.track, weights, fold.tracks).astype(np.float64)
    # Relative, as rounding would make tracks equal whose listens are all long ago.
    scores /= max(scores.max(), np.finfo(float).tiny)
    return scores


def _own(fold: Fold, weights: FloatArray) -> Scorer:
    table = fold.weighed(weights)
    return lambda rows: table[fold.asked[rows]].toarray()
