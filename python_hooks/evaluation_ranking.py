"""From scores to lists: the k best of all known tracks, ties by id."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from python_hooks.evaluation_data import NOBODY, Codes
from python_hooks.evaluation_protocol import Fold

FloatArray = NDArray[np.float64]
# Scores of some of those asked, given as places in `Fold.asked`: (rows, tracks).
Scorer = Callable[[NDArray[np.int64]], FloatArray]
_CELLS = 20_000_000  # of one block of scores: 160 MB


def top(scorer: Scorer, fold: Fold, k: int) -> Codes:
    """Lists the k best tracks of everybody asked.

    Scores are rounded to 9 places, so that the last bits of a sum do not decide; equal
    ones go by id. What nobody had heard by the cutoff is in no list; nor is, when the
    fold is one of discovery, what the listener had heard.

    Returns:
        Codes of tracks, the best first: (m, k); `NOBODY` where there are no more.
    """
    lists = np.full((len(fold.asked), k), NOBODY, np.int32)
    step = max(1, _CELLS // fold.tracks)
    for begin in range(0, len(fold.asked), step):
        rows = np.arange(begin, min(begin + step, len(fold.asked)))
        scores = np.round(scorer(rows), 9)
        scores[:, ~fold.known] = -np.inf
        if fold.discover:
            at, track = fold.heard[rows].nonzero()
            scores[at, track] = -np.inf
        lists[rows] = best(scores, k)
    return lists


def best(scores: FloatArray, k: int) -> Codes:
    """The columns of the k highest scores of each row, ties by column: (rows, k).

    -inf is never listed; `NOBODY` fills the rest.
    """
    rows, tracks = scores.shape
    take = min(k, tracks)
    least = -np.partition(-scores, take - 1, axis=1)[:, take - 1 : take]
    row, column = np.nonzero((scores >= least) & (scores > -np.inf))
    return cut(row, column, scores[row, column], rows, k)


def cut(
    row: NDArray[np.int64], column: NDArray[np.int64], score: FloatArray, rows: int, k: int
) -> Codes:
    """The k best cells of each row, ties by column: (rows, k), `NOBODY` for the rest."""
    order = np.lexsort((column, -score, row))
    row, column = row[order], column[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    lists = np.full((rows, k), NOBODY, np.int32)
    kept = place < k
    lists[row[kept], place[kept]] = column[kept]
    return lists
