"""Measures of ranked lists against what was heard, one value per listener.

A target counts once, however often it was heard in the horizon. T is the set of targets,
h(r) is 1 where the track at rank r is one of them, else 0.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from python_hooks.evaluation_data import Codes
from python_hooks.evaluation_protocol import Fold

FloatArray = NDArray[np.float64]
NEXT = "next_"
PARTS = ("repeat_", "explore_")


def hits(lists: Codes, relevant: sparse.csr_array) -> NDArray[np.bool_]:
    """Which places of the lists hold a target: (m, k)."""
    columns = relevant.shape[1]
    row, track = relevant.nonzero()
    keys = np.sort(row.astype(np.int64) * columns + track)
    asked = np.arange(len(lists))[:, None] * columns + lists
    return np.isin(asked, keys) & (lists >= 0)


def ndcg(found: NDArray[np.bool_], targets: NDArray[np.int64]) -> FloatArray:
    """Normalised discounted cumulative gain at the length of the lists.

    DCG@k = sum over r = 1..k of h(r) / log2(r + 1), divided by that of a perfect list,
    which has min(k, |T|) targets in front (Jarvelin and Kekalainen 2002, "Cumulated
    gain-based evaluation of IR techniques").

    Args:
        found: The places that hold a target: (m, k).
        targets: |T|: (m,).

    Returns:
        0 to 1; NaN where there is no target.
    """
    discounts = 1 / np.log2(np.arange(found.shape[1]) + 2)
    ideal = np.concatenate(([0.0], np.cumsum(discounts)))
    return _share(found @ discounts, ideal[np.minimum(targets, found.shape[1])])


def recall(found: NDArray[np.bool_], targets: NDArray[np.int64]) -> FloatArray:
    """Share of the targets that are listed: hits / |T|; NaN without a target."""
    return _share(found.sum(axis=1).astype(np.float64), targets.astype(np.float64))


def reciprocal_rank(found: NDArray[np.bool_], targets: NDArray[np.int64]) -> FloatArray:
    """1 / rank of the first target in the list, 0 if there is none; NaN without a target.

    Its mean is MRR (Voorhees 1999, "The TREC-8 question answering track report").
    """
    rank = np.where(found.any(axis=1), found.argmax(axis=1) + 1.0, np.inf)
    return np.where(targets > 0, 1 / rank, np.nan)


def hit_rate(found: NDArray[np.bool_], targets: NDArray[np.int64]) -> FloatArray:
    """1 where the list holds at least one target, else 0; NaN without a target."""
    return np.where(targets > 0, found.any(axis=1), np.nan).astype(np.float64)


def novelty(lists: Codes, listener_counts: NDArray[np.int64], listeners: int) -> FloatArray:
    """Mean self-information of what is listed, in bits; NaN for an empty list.

    That of a track is -log2 of the share of listeners who had heard it (Zhou et al. 2010,
    "Solving the apparent diversity-accuracy dilemma of recommender systems").
    """
    with np.errstate(divide="ignore"):
        bits = -np.log2(listener_counts / listeners)
    listed = lists >= 0
    total = np.where(listed, bits[lists], 0.0).sum(axis=1)
    return _share(total, listed.sum(axis=1).astype(np.float64))


def coverage(lists: Codes, known: int) -> float:
    """Share of the known tracks that are in anybody's list.

    Catalogue coverage of Herlocker et al. 2004, "Evaluating collaborative filtering
    recommender systems".
    """
    return len(np.unique(lists[lists >= 0])) / known


def measure(lists: Codes, fold: Fold) -> Mapping[str, FloatArray]:
    """All measures of the lists of one fold, each (m,).

    `ndcg`, `recall`, `mrr` and `hit_rate` are of all targets; with `next_` of the next
    track alone; with `repeat_` and `explore_` of the targets that the listener had heard
    and had not heard by the cutoff, in the same lists.
    """
    count = np.asarray(fold.relevant.sum(axis=1)).ravel().astype(np.int64)
    found = hits(lists, fold.relevant)
    values = {
        "ndcg": ndcg(found, count),
        "recall": recall(found, count),
        "mrr": reciprocal_rank(found, count),
        "hit_rate": hit_rate(found, count),
    }
    following = (lists == fold.next_track[:, None]) & (lists >= 0)
    single = (fold.next_track >= 0).astype(np.int64)
    values[NEXT + "mrr"] = reciprocal_rank(following, single)
    values[NEXT + "hit_rate"] = hit_rate(following, single)
    repeated = fold.relevant.multiply(fold.heard).tocsr()
    for part, targets in zip(PARTS, (repeated, fold.relevant - repeated), strict=True):
        count = np.asarray(targets.sum(axis=1)).ravel().astype(np.int64)
        found = hits(lists, targets)
        values[part + "ndcg"] = ndcg(found, count)
        values[part + "recall"] = recall(found, count)
    heard_by = np.bincount(fold.counts.indices, minlength=fold.tracks)
    present = len(np.unique(fold.listener))
    return values | {"novelty": novelty(lists, heard_by, present)}


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    share = np.full(len(part), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share
