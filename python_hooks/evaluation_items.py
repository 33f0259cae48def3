"""Baselines that learn how tracks go together: item-kNN, EASE, and ALS.

They learn over the most heard tracks (`MOST_TRACKS`, ties by id), as their matrices are
dense; the others count as tracks without a score. EASE and ALS rank a known listener by
themselves alone, as their scores have no zero that means nothing.
"""

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from python_hooks.evaluation_baselines import backed_off, decay, latest
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import FloatArray, Scorer

MOST_TRACKS = 6_000
_BLIND = -1e6  # a track outside of what was learned: behind every other


def knn_cosine(fold: Fold, neighbours: float, shrink: float, **lives: float) -> Scorer:
    """Neighbours of what the listener heard, by shrunk cosine.

    s(a, b) = co(a, b) / (sqrt(n(a) n(b)) + shrink) over listeners, without the track
    itself, the best `neighbours` of each track kept (Sarwar et al. 2001, "Item-based
    collaborative filtering recommendation algorithms"; Bell and Koren 2007 for the
    shrinkage). A listener's score of b is the sum of s(a, b) over what they heard,
    each weighing 2^(-age of the last listen / half-life).
    """
    places = _most_heard(fold)
    heard = (fold.counts[:, places] > 0).astype(np.float64)
    both = (heard.T @ heard).toarray()
    size = np.sqrt(np.diag(both))
    near = both / (np.outer(size, size) + shrink)
    return _scored(fold, places, _nearest(near, round(neighbours)), **lives)


def knn_bm25(fold: Fold, neighbours: float, k1: float, b: float, **lives: float) -> Scorer:
    """Neighbours by the dot product of BM25 weights over listeners.

    A listener is a term of the track: w = c (k1 + 1) / (c + k1 (1 - b + b n / mean n)) *
    ln(tracks / tracks of the listener), c the listens of the pair and n those of the
    track (Robertson and Zaragoza 2009; weights as in the library `implicit`).
    """
    places = _most_heard(fold)
    counts = fold.counts[:, places].tocoo()
    listener, track = counts.coords
    length = np.bincount(track, counts.data, len(places))
    breadth = np.bincount(listener, minlength=fold.listeners)
    idf = np.log(len(places) / breadth[listener])
    norm = k1 * (1 - b + b * length[track] / length.mean())
    weight = counts.data * (k1 + 1) / (counts.data + norm) * idf
    weighed = sparse.csr_array((weight, (listener, track)), counts.shape)
    near = (weighed.T @ weighed).toarray()
    return _scored(fold, places, _nearest(near, round(neighbours)), **lives)


def ease(fold: Fold, l2: float, backoff_half_life_d: float) -> Scorer:
    """The embarrassingly shallow autoencoder: scores X B.

    X holds the binary listens, P = (X'X + l2 I)^-1, B = -P / diag(P) with a diagonal of 0
    (Steck 2019, "Embarrassingly shallow autoencoders for sparse data").
    """
    places = _most_heard(fold)
    heard = (fold.counts[:, places] > 0).astype(np.float64)
    weights = ease_weights((heard.T @ heard).toarray(), l2)
    return _spread(fold, places, heard[fold.asked], weights, backoff_half_life_d)


def ease_weights(gram: FloatArray, l2: float, dropout: float = 0.0) -> FloatArray:
    """The item-item weights B of EASE, in closed form: (tracks, tracks), diagonal 0.

    With dropout p, P = (X'X + l2 I + p / (1 - p) diag(X'X))^-1: a listen may not be foretold
    by itself, as it is missing with probability p (Steck 2020, "Autoencoders that don't
    overfit towards the identity").

    Args:
        gram: X'X of the binary listens: (tracks, tracks).
        l2: Lambda, above 0.
        dropout: p, 0 to below 1.
    """
    shifted = gram + np.diag(l2 + dropout / (1 - dropout) * np.diag(gram))
    inverse = linalg.inv(shifted, overwrite_a=True, check_finite=False, assume_a="pos")
    weights: FloatArray = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def als(
    fold: Fold,
    factors: float,
    regularization: float,
    alpha: float,
    backoff_half_life_d: float,
) -> Scorer:
    """Factors of implicit feedback by alternating least squares.

    The confidence is 1 + alpha c of the listens c (Hu, Koren and Volinsky 2008,
    "Collaborative filtering for implicit feedback datasets"); by the library `implicit`,
    15 iterations on one thread, so that every run gives the same.
    """
    # Optional, and slow to import.
    from implicit.cpu.als import AlternatingLeastSquares  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    places = _most_heard(fold)
    counts = sparse.csr_matrix(fold.counts[:, places], dtype=np.float32)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=round(factors),
            regularization=regularization,
            alpha=alpha,
            iterations=15,
            num_threads=1,
            random_state=1,
        )
        model.fit(counts, show_progress=False)
    listeners = model.user_factors[fold.asked].astype(np.float64)
    return _spread(fold, places, listeners, model.item_factors.T, backoff_half_life_d)


def has_als() -> bool:
    """Whether the library of ALS is installed."""
    return find_spec("implicit") is not None


def _most_heard(fold: Fold) -> NDArray[np.int64]:
    """Codes of the known tracks with the most listeners, ascending: (at most MOST,)."""
    listeners = np.bincount(fold.counts.indices, minlength=fold.tracks)
    order = np.argsort(-listeners, kind="stable")[:MOST_TRACKS]
    return np.sort(order[listeners[order] > 0])


def _nearest(near: FloatArray, neighbours: int) -> sparse.csr_array:
    """Keeps the best of each row, ties by column, and not the track itself."""
    np.fill_diagonal(near, 0.0)
    keep = min(neighbours, len(near))
    kept = np.argsort(-np.round(near, 9), axis=1, kind="stable")[:, :keep]
    rows = np.repeat(np.arange(len(near)), keep)
    values = near[rows, kept.ravel()]
    return sparse.csr_array((values, (rows, kept.ravel())), near.shape)


def _scored(
    fold: Fold,
    places: NDArray[np.int64],
    near: sparse.csr_array,
    half_life_d: float,
    backoff_half_life_d: float,
) -> Scorer:
    profile = latest(fold, decay(fold, half_life_d))[fold.asked][:, places]

    def score(rows: NDArray[np.int64]) -> FloatArray:
        full = np.zeros((len(rows), fold.tracks))
        full[:, places] = (profile[rows] @ near.T).toarray()
        return full

    return backed_off(fold, score, backoff_half_life_d)


def _spread(
    fold: Fold,
    places: NDArray[np.int64],
    left: sparse.csr_array | FloatArray,
    right: FloatArray,
    backoff_half_life_d: float,
) -> Scorer:
    """Scores left @ right in the columns of `places`; new listeners get the popular."""
    nothing = backed_off(
        fold, lambda rows: np.zeros((len(rows), fold.tracks)), backoff_half_life_d
    )

    def score(rows: NDArray[np.int64]) -> FloatArray:
        full = nothing(rows)
        warm = fold.warm[rows]
        full[warm] = _BLIND
        full[np.ix_(warm, places)] = left[rows[warm]] @ right
        return full

    return score
