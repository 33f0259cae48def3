"""The blend, as the marts define it, over candidates that the warehouse made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from python_hooks.evaluation_data import Codes, History
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import NOBODY, FloatArray, cut


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the sources propose to those asked in a fold.

    Rows are in the order of (listener, track), whatever order they were read in.

    Attributes:
        fold: The fold.
        sources: Names of the sources, ascending.
        row: Place of the listener in `Fold.asked`: (n,).
        track: Code of the track: (n,).
        strength: What each source gives it, 0 to 1, 0 where it does not propose it:
            (n, sources).
        popular: Codes of the tracks for those to whom no source proposes any, the best
            first.
    """

    fold: Fold
    sources: tuple[str, ...]
    row: NDArray[np.int64]
    track: NDArray[np.int64]
    strength: FloatArray
    popular: NDArray[np.int64]

    @staticmethod
    def of(
        table: pa.Table,
        sources: Sequence[str],
        popular: Sequence[str],
        fold: Fold,
        history: History,
    ) -> "Candidates":
        """Takes the rows of those asked.

        As for every model, only tracks are kept that somebody had heard by the cutoff,
        and in a fold of discovery only those that the listener had not.

        Args:
            table: Columns `listener_id`, `track_id`, `source`, `strength`.
            sources: Names of all sources, ascending; rows of others are left out.
            popular: Ids of the popular tracks, the best first.
            fold: Who is asked, and what was known.
            history: The codes of the ids.
        """
        listener = _codes(table["listener_id"], history.listeners)
        track = _codes(table["track_id"], history.tracks)
        source = _codes(table["source"], sources)
        strength = np.asarray(table["strength"].combine_chunks(), np.float64)
        place = np.full(len(history.listeners), NOBODY)
        place[fold.asked] = np.arange(len(fold.asked))
        row = np.where(listener < 0, NOBODY, place[listener])
        kept = (row >= 0) & (track >= 0) & (source >= 0) & fold.known[track]
        if fold.discover:
            kept[kept] = ~among(row[kept], track[kept], fold.heard)
        pairs = row[kept] * fold.tracks + track[kept]
        pair, inverse = np.unique(pairs, return_inverse=True)
        wide = np.zeros((len(pair), len(sources)))
        wide[inverse, source[kept]] = strength[kept]
        best = _codes(pa.array(popular, pa.string()), history.tracks)
        best = best[(best >= 0) & fold.known[best]]
        return Candidates(fold, tuple(sources), *np.divmod(pair, fold.tracks), wide, best)

    def lists(self, weights: Mapping[str, float], k: int) -> Codes:
        """Blends and lists the k best of everybody asked, ties by id: (m, k).

        The score is the sum of weight times strength over the sources, rounded to 9
        places. Who has no candidates gets the popular tracks.
        """
        known = np.array([weights.get(source, 0.0) for source in self.sources])
        score, size = np.round(self.strength @ known, 9), len(self.fold.asked)
        lists = cut(self.row, self.track, score, size, k)
        without = np.bincount(self.row, minlength=size) == 0
        popular = np.full(k, NOBODY, np.int32)
        popular[: len(self.popular[:k])] = self.popular[:k]
        lists[without] = popular
        return lists

    def source_recall(self) -> dict[str, FloatArray]:
        """Share of each listener's targets that a source proposes at any rank, and any.

        Returns:
            Per source, and as `any source`: (m,); 0 where a source proposes nothing.
        """
        masks = {name: self.strength[:, at] > 0 for at, name in enumerate(self.sources)}
        masks["any source"] = np.ones(len(self.row), bool)
        targets = np.asarray(self.fold.relevant.sum(axis=1)).ravel().astype(np.int64)
        found = among(self.row, self.track, self.fold.relevant)
        return {
            name: np.bincount(self.row[mask & found], minlength=len(targets)) / targets
            for name, mask in masks.items()
        }


def among(
    row: NDArray[np.int64], track: NDArray[np.int64], pairs: sparse.csr_array
) -> NDArray[np.bool_]:
    """Which (row, track) are among the pairs, the cells of a matrix that are not 0: (n,)."""
    at, column = pairs.nonzero()
    keys = at.astype(np.int64) * pairs.shape[1] + column
    return np.isin(row * pairs.shape[1] + track, keys)


def _codes(ids: pa.Array | pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.int64]:
    """Places of ids among names, `NOBODY` for others: (n,)."""
    found = pc.index_in(ids, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, NOBODY), np.int64)
