"""The blend, as the marts define it, over candidates that the warehouse made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from python_hooks.artist_cap import capped
from python_hooks.evaluation_data import NOBODY, Codes, History, places
from python_hooks.evaluation_protocol import Fold
from python_hooks.evaluation_ranking import FloatArray, cut

# Sources that propose the same to everybody.
POPULAR = "popular"


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
    """

    fold: Fold
    sources: tuple[str, ...]
    row: NDArray[np.int64]
    track: NDArray[np.int64]
    strength: FloatArray

    @staticmethod
    def of(
        table: pa.Table, sources: Sequence[str], fold: Fold, history: History
    ) -> "Candidates":
        """Takes the rows of those asked; who has none gets those of the popular sources.

        As for every model, only tracks are kept that somebody had heard by the cutoff,
        and in a fold of discovery only those that the listener had not.

        Args:
            table: Columns `listener_id`, `track_id`, `source`, `strength`.
            sources: Names of all sources, ascending; rows of others are left out.
            fold: Who is asked, and what was known.
            history: The codes of the ids.
        """
        listener = places(table["listener_id"], history.listeners)
        track = places(table["track_id"], history.tracks)
        source = places(table["source"], sources)
        strength = np.asarray(table["strength"].combine_chunks(), np.float64)
        place = np.full(len(history.listeners), NOBODY)
        place[fold.asked] = np.arange(len(fold.asked))
        row = np.where(listener < 0, NOBODY, place[listener])
        usable = (track >= 0) & (source >= 0) & fold.known[track]
        row, track, source, strength = _with_new(
            [row, track, source, strength], usable, sources, len(fold.asked)
        )
        kept = row >= 0
        if fold.discover:
            kept[kept] = ~among(row[kept], track[kept], fold.heard)
        pairs = row[kept] * fold.tracks + track[kept]
        pair, inverse = np.unique(pairs, return_inverse=True)
        wide = np.zeros((len(pair), len(sources)))
        wide[inverse, source[kept]] = strength[kept]
        return Candidates(fold, tuple(sources), *np.divmod(pair, fold.tracks), wide)

    def without(self, source: str) -> "Candidates":
        """What the other sources propose; what `source` gives is 0."""
        strength = self.strength * (np.array(self.sources) != source)
        kept = strength.any(axis=1)
        return replace(
            self, row=self.row[kept], track=self.track[kept], strength=strength[kept]
        )

    def scored(self, weights: Mapping[str, float]) -> FloatArray:
        """The sum of weight times strength over the sources, nine places: (n,).

        For new listeners all popular sources count alike if none has a weight, as in
        `rec_popular_tracks`, which goes by the weights of both modes.
        """
        known = np.array([weights.get(source, 0.0) for source in self.sources])
        score = self.strength @ known
        popular = np.array([source.startswith(POPULAR) for source in self.sources])
        if not known[popular].any():
            cold = ~self.fold.warm[self.row]
            score[cold] = self.strength[cold] @ popular
        return np.asarray(np.round(score, 9), np.float64)

    def lists(self, weights: Mapping[str, float], k: int) -> Codes:
        """Blends and lists the k best of everybody asked, ties by id: (m, k).

        What scores 0 is not listed.
        """
        score = self.scored(weights)
        listed = score > 0
        parts = (self.row[listed], self.track[listed], score[listed])
        return cut(*parts, len(self.fold.asked), k)

    def capped_lists(
        self, weights: Mapping[str, float], artists: Sequence[str], cap: int, k: int
    ) -> Codes:
        """The same with at most `cap` tracks of an artist in every ten places.

        Args:
            weights: By source.
            artists: The artist of each code of a track, or what is no other's.
            cap: How many, as the var `artist_cap` says.
            k: The length of the lists.
        """
        score = self.scored(weights)
        lists = np.full((len(self.fold.asked), k), NOBODY, np.int32)
        for row in np.unique(self.row):
            listed = np.flatnonzero((self.row == row) & (score > 0))
            rows = [(float(score[at]), int(self.track[at])) for at in listed]
            kept = [track for _, track in capped(rows, artists.__getitem__, cap)[:k]]
            lists[row, : len(kept)] = kept
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


def _with_new(
    columns: list[NDArray[Any]], usable: NDArray[np.bool_], sources: Sequence[str], asked: int
) -> list[NDArray[Any]]:
    """Adds the popular candidates, which are the same for all, for those without any."""
    row, track, source, strength = (column[usable] for column in columns)
    new = np.setdiff1d(np.arange(asked), row)
    popular = np.array([name.startswith(POPULAR) for name in sources])[source]
    pairs = np.stack([track[popular], source[popular]], axis=1)
    shared, first = np.unique(pairs, axis=0, return_index=True)
    kept = row >= 0
    return [
        np.concatenate((row[kept], np.repeat(new, len(shared)))),
        np.concatenate((track[kept], np.tile(shared[:, 0], len(new)))),
        np.concatenate((source[kept], np.tile(shared[:, 1], len(new)))),
        np.concatenate((strength[kept], np.tile(strength[popular][first], len(new)))),
    ]


def among(
    row: NDArray[np.int64], track: NDArray[np.int64], pairs: sparse.csr_array
) -> NDArray[np.bool_]:
    """Which (row, track) are among the pairs, the cells of a matrix that are not 0: (n,)."""
    at, column = pairs.nonzero()
    keys = at.astype(np.int64) * pairs.shape[1] + column
    return np.isin(row * pairs.shape[1] + track, keys)
