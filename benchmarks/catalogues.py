"""Catalogues to measure retrieval on: a synthetic one of any size, and a real one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from scipy.stats import norm, rankdata

from python_hooks.terms import terms

FIELDS = ["title", "artist", "genre"]
REAL = Path(__file__).parents[2] / "shared" / "data" / "classic_rock" / "tracks.csv.gz"
_FEATURES = [
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
]
_VOCABULARY = 50_000


@dataclass(frozen=True)
class Catalogue:
    """Tracks with their texts and vectors.

    Attributes:
        tracks: `track_id`, the fields, and `musical_key`, ordered by id.
        vectors: `track_id` and `vector` (10 numbers), in the same order.
    """

    tracks: pa.Table
    vectors: pa.Table


def synthetic(size: int, seed: int = 1) -> Catalogue:
    """Titles of 1 to 5 words, artists of 1 to 3 with 20 tracks each, 20 genres.

    Words of 3 to 10 letters are drawn by Zipf's law (exponent 1) from 50,000; vectors
    have the distribution of `feat_track_vectors`: 8 normal scores and a place on a circle.
    """
    random = np.random.default_rng(seed)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    lengths = random.integers(3, 11, _VOCABULARY)
    words = np.array(["".join(random.choice(letters[:20], n)) for n in lengths])
    weights = 1 / np.arange(1, _VOCABULARY + 1)

    def names(count: int, longest: int) -> npt.NDArray[np.str_]:
        sizes = random.integers(1, longest + 1, count)
        drawn = random.choice(words, sizes.sum(), p=weights / weights.sum())
        parts = np.split(drawn, np.cumsum(sizes)[:-1])
        return np.array([" ".join(part) for part in parts])

    artists = names(max(1, size // 20), 3)
    ids = pa.array([f"t{n:09d}" for n in range(size)])
    tracks = {
        "track_id": ids,
        "title": pa.array(names(size, 5)),
        "artist": pa.array(artists[random.integers(len(artists), size=size)]),
        "genre": pa.array(words[:20][random.integers(20, size=size)]),
        "musical_key": pa.array(random.integers(0, 12, size), pa.int32()),
    }
    vectors = np.column_stack(
        [random.standard_normal((size, 8)), _circle(random.random(size))]
    )
    return Catalogue(pa.table(tracks), _vectors(ids, vectors))


def real() -> Catalogue:
    """The tracks of `../shared/data/classic_rock`, with vectors as the mart has them."""
    frame = pd.read_csv(REAL, dtype={"id": str}).drop_duplicates("id").sort_values("id")
    frame = frame.dropna(subset=[*_FEATURES, "tempo"])
    frame = frame[frame["tempo"] > 0]
    ranks = rankdata(frame[_FEATURES].to_numpy(), axis=0)
    scores = norm.ppf((ranks - 0.5) / len(frame))
    tempo = np.log2(frame["tempo"].to_numpy())
    ids = pa.array(frame["id"], pa.string())
    tracks = {"track_id": ids} | {
        field: pa.array(frame[field], pa.string(), from_pandas=True) for field in FIELDS
    }
    keys = pa.array(frame["key"], pa.float64(), from_pandas=True).cast(pa.int32())
    return Catalogue(
        pa.table(tracks | {"musical_key": keys}),
        _vectors(ids, np.column_stack([scores, _circle(tempo)])),
    )


def postings(tracks: pa.Table) -> pa.Table:
    """The columns of `track_terms` that an index is measured against."""
    parts = []
    for field in FIELDS:
        texts = [terms(text or "") for text in tracks[field].to_pylist()]
        lengths = np.array([len(text) for text in texts])
        rows = pd.DataFrame(
            {
                "term": pd.Categorical([term for text in texts for term in text]),
                "row": np.repeat(np.arange(len(texts)), lengths),
            }
        )
        counted = rows.groupby(["row", "term"], observed=True).size().reset_index(name="f")
        having = counted["term"].map(counted["term"].value_counts()).astype(float)
        weight = np.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        length = lengths[counted["row"]]
        norms = 1.2 * (0.25 + 0.75 * length / lengths.mean())
        parts.append(
            pa.table(
                {
                    "term": pa.array(counted["term"].astype(str), pa.string()),
                    "track_id": tracks["track_id"].take(pa.array(counted["row"])),
                    "bm25": weight * counted["f"] * 2.2 / (counted["f"] + norms),
                }
            )
        )
    return pa.concat_tables(parts)


def _circle(turns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.column_stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])


def _vectors(ids: pa.Array, vectors: npt.NDArray[np.float64]) -> pa.Table:
    flat = pa.array(vectors.ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({"track_id": ids, "vector": lists.cast(pa.list_(pa.float64()))})
