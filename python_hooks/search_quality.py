"""How far an inverted index ranks as the SQL of `track_terms` does."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE = 200
# Scores of the index are single precision, and it rounds the length of long texts.
TOLERANCE = 1e-4
_SEED = 20_240_229

Positions = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


class Ranks(Protocol):
    """An index whose rankings are measured; `keys` are ascending strings."""

    keys: pa.Array

    def whole(self, words: list[str], k: int) -> list[int]:
        """Positions of the k best keys with all these terms."""


def overlap(index: Ranks, reference: pa.Table) -> dict[str, float | None]:
    """The mean share of the SQL's ten best tracks that the index finds too.

    Queries are one or two terms of a track drawn at random. A hit is any track no less
    relevant, by the SQL, than the tenth: of tracks that are equal any will do.

    Args:
        index: The index.
        reference: One row per term, key and field: `term`, `track_id`, `bm25`.

    Returns:
        `overlap_at_10` (0 to 1, None without a term) and the number of `queries`.
    """
    if not reference.num_rows:
        return {"overlap_at_10": None, "queries": 0}
    postings = _Postings(index.keys, reference)
    random = np.random.default_rng(_SEED)
    hits = []
    for first in random.integers(reference.num_rows, size=min(SAMPLE, reference.num_rows)):
        wanted = postings.beside(int(first), random)
        relevance = postings.relevance(wanted)
        depth = min(10, len(relevance))
        limit = sorted(relevance.values(), reverse=True)[depth - 1] - TOLERANCE
        found = index.whole([postings.terms[term] for term in wanted], depth)
        hits.append(sum(relevance.get(row, -1) >= limit for row in found) / depth)
    return {"overlap_at_10": float(np.mean(hits)), "queries": len(hits)}


class _Postings:
    """The rows of the reference as numbers, ordered by term and by key."""

    def __init__(self, keys: pa.Array, reference: pa.Table) -> None:
        # Whatever order the rows were read in.
        reference = reference.sort_by([("term", "ascending"), ("track_id", "ascending")])
        encoded = reference["term"].combine_chunks().dictionary_encode()
        self.terms: list[str] = encoded.dictionary.to_pylist()
        self._term = encoded.indices.to_numpy()
        found = pc.index_in(reference["track_id"].combine_chunks(), keys)
        self._key: Positions = found.fill_null(-1).to_numpy().astype(np.int64)
        self._score: Scores = reference["bm25"].to_numpy()
        self._by_key = np.argsort(self._key, kind="stable")
        self._sorted_key = self._key[self._by_key]

    def beside(self, row: int, random: np.random.Generator) -> list[int]:
        """The term of a row and, half of the time, another of the same track."""
        term, key = self._term[row], self._key[row]
        start, end = np.searchsorted(self._sorted_key, [key, key + 1])
        other = self._term[self._by_key[random.integers(start, end)]]
        return [term, other] if random.random() < 0.5 and other != term else [term]

    def relevance(self, terms: list[int]) -> dict[int, float]:
        """Per key that has all the terms, the sum of what its rows add."""
        spans = [np.searchsorted(self._term, [term, term + 1]) for term in terms]
        found = [np.unique(self._key[start:end]) for start, end in spans]
        keys = np.intersect1d(found[0], found[-1], assume_unique=True)
        total = np.zeros(len(keys))
        for start, end in spans:
            places = np.searchsorted(keys, self._key[start:end])
            places[places == len(keys)] = 0
            among = keys[places] == self._key[start:end]
            np.add.at(total, places[among], self._score[start:end][among])
        return dict(zip(keys.tolist(), total.tolist(), strict=True))
