"""Approximate nearest neighbours by cosine: an HNSW graph over unit vectors.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using
Hierarchical Navigable Small World graphs", 2018, as faiss implements it. The graph
holds every distinct vector once: thousands of tracks share one, and as nodes of their
own they would fill each other's lists of neighbours and cut the graph into islands.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.receipt import Built, Receipt

_EF = range(1, 10_001)
_RANGES = {"connectivity": range(2, 257), "ef_construction": _EF, "ef_search": _EF}
PARAMS: Mapping[str, type] = {"vector": str, "metric": str, **dict.fromkeys(_RANGES, int)}
BOUNDS: Mapping[str, str] = {"recall_at_10": "at least"}
LIBRARIES: tuple[str, ...] = ("faiss-cpu", "numpy", "pyarrow")

# Similarities are computed in float32, whose error is about 2e-7: beyond the sixth
# place they would order equal vectors at random.
PLACES = 6
TOLERANCE = 1e-6
SAMPLE = 1_000
_SEED = 20_240_229

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


class Neighbour(NamedTuple):
    """A key and its cosine similarity to the query (-1 to 1, six places)."""

    key: str
    similarity: float


class AnnIndex:
    """An index of keyed vectors.

    Args:
        name: Name of the artifact, for messages.
        graph: The faiss HNSW index of distinct unit vectors, float32.
        keys: All keys of the mart, ascending.
        rows: For each key the row of its vector in the graph, -1 if it has none.
    """

    def __init__(self, name: str, graph: Any, keys: Sequence[str], rows: Rows) -> None:
        self.name = name
        self.graph = graph
        self.keys = keys
        self.rows = rows
        # Positions of the keys grouped by vector, and where each group starts.
        self._members = np.argsort(rows, kind="stable")
        self._starts = np.searchsorted(rows[self._members], np.arange(graph.ntotal + 1))

    def search(self, vectors: npt.ArrayLike, k: int) -> list[list[Neighbour]]:
        """The k nearest keys of each query: most similar first, equal ones by key.

        Args:
            vectors: Shape (q, d), or (d,) for one query; of any length but zero.
            k: How many; fewer are returned where the index holds fewer.

        Raises:
            EncoreError: k is less than one, or a query has another dimension, holds
                NaN or infinity, or is zero (and so has no direction).
        """
        queries = np.atleast_2d(np.asarray(vectors, dtype=np.float64))
        if not self.graph.ntotal:
            return [[] for _ in queries]
        for query in queries:
            fits = query.shape == (self.graph.d,) and np.isfinite(query).all()
            if not (fits and query.any()):
                raise EncoreError(
                    f"A query vector has {query.size} numbers, {query.tolist()}; "
                    f"{self.name} takes {self.graph.d}, finite and not all zero.",
                    "Query with vectors of the model that the index was built from.",
                )
        return [self._named(found) for found in self._nearest(_unit(queries), k)]

    def similar(self, key: str, k: int) -> list[Neighbour]:
        """The k nearest other keys of a key, ordered as by `search`.

        Raises:
            NegativeAnswerError: The key is unknown, or has no vector.
            EncoreError: k is less than one.
        """
        position = bisect_left(self.keys, key)
        if position == len(self.keys) or self.keys[position] != key:
            raise NegativeAnswerError(
                f"{key!r} is not among the {len(self.keys)} keys of {self.name}.",
                "Look for its id with `encore show dim_tracks`.",
            )
        if self.rows[position] < 0:
            raise NegativeAnswerError(
                f"{key!r} has no vector in {self.name} to compare others with.",
                "Land its features with `encore land`, then run `encore dbt build`.",
            )
        return self._named(self.others(position, k))

    def others(self, position: int, k: int) -> list[tuple[int, float]]:
        """`similar` by position in `keys`: positions and similarities."""
        query = self.graph.reconstruct(int(self.rows[position]))
        return self._nearest(query[np.newaxis], k, without=position)[0]

    def _nearest(
        self, queries: Float32s, k: int, without: int = -1
    ) -> list[list[tuple[int, float]]]:
        if k < 1:
            raise EncoreError(f"{k} neighbours were asked for.", "Ask for one or more.")
        # One more, as one may have to be left out.
        similarities, rows = self.graph.search(queries, min(k + 1, self.graph.ntotal))
        # In double precision, where six places are six places.
        values = similarities.astype(np.float64).round(PLACES)
        members, starts = self._members, self._starts
        results = []
        for query_values, query_rows in zip(values.tolist(), rows.tolist(), strict=True):
            ranked = sorted(
                (-value, position)
                for value, row in zip(query_values, query_rows, strict=True)
                if row >= 0  # faiss fills up with -1 where the graph gives no more
                for position in members[starts[row] : starts[row + 1]][: k + 1].tolist()
                if position != without
            )
            results.append([(position, -value) for value, position in ranked[:k]])
        return results

    def _named(self, found: list[tuple[int, float]]) -> list[Neighbour]:
        return [Neighbour(self.keys[position], value) for position, value in found]


def problem(artifact: Artifact) -> str:
    """What is wrong with the values of a declaration, or an empty string."""
    params = artifact.params
    if len(artifact.key) != 1:
        return f"key is {', '.join(artifact.key)}; an ann_index has one key column."
    if params["vector"] not in artifact.columns:
        return (
            f"parameter vector is {params['vector']!r}, not a column of "
            f"{artifact.model}, which declares {', '.join(artifact.columns)}."
        )
    if params["metric"] != "cosine":
        return f"parameter metric is {params['metric']!r}; known is cosine."
    for name, known in _RANGES.items():
        if params[name] not in known:
            return f"parameter {name} is {params[name]}, not in {known[0]}-{known[-1]}."
    return ""


def required_columns(artifact: Artifact) -> list[str]:
    """The columns of the mart that `build` reads."""
    return [*artifact.key, artifact.params["vector"]]


def build(table: pa.Table, artifact: Artifact) -> Built[AnnIndex]:
    """Builds the index and measures its recall.

    The same rows in any order give the same bytes: they are sorted, one thread
    builds, and faiss draws the levels of the graph with a fixed seed. Keys whose
    vector is null or zero (without a direction) are known, but never found.

    Args:
        table: One row per key: the key (string) and the vector (list of numbers).
        artifact: The declaration.

    Returns:
        The index; `recall_at_10` is of `queries` keys, None with fewer than two keys.

    Raises:
        EncoreError: The vectors differ in length, or are no lists of finite numbers.
    """
    table = table.sort_by(artifact.key[0])
    keys = table[artifact.key[0]].to_pylist()
    column = table[artifact.params["vector"]].combine_chunks()
    rows = np.full(len(keys), -1, dtype=np.int64)
    indexed = np.flatnonzero(column.is_valid())
    vectors = _vectors(column.drop_null(), artifact, [keys[row] for row in indexed])
    directed = vectors.any(axis=1)
    indexed = indexed[directed]
    unit = _unit(vectors[directed])
    distinct, rows[indexed] = np.unique(unit, axis=0, return_inverse=True)
    dimension, params = distinct.shape[1], artifact.params
    with _one_thread():
        product = faiss.METRIC_INNER_PRODUCT  # of unit vectors: their cosine
        graph = faiss.IndexHNSWFlat(dimension, params["connectivity"], product)
        graph.hnsw.efConstruction = params["ef_construction"]
        graph.hnsw.efSearch = params["ef_search"]
        if indexed.size:
            graph.add(distinct)
        index = AnnIndex(artifact.name, graph, keys, rows)
        queries = min(SAMPLE, indexed.size) if indexed.size > 1 else 0
        recall = _recall(index, unit, indexed, queries) if queries else None
    return Built(
        value=index,
        rows=len(keys),
        quality={"recall_at_10": recall, "queries": queries},
        details={"dimension": dimension, "indexed": indexed.size, "nodes": len(distinct)},
    )


def save(built: Built[AnnIndex], path: Path) -> list[Path]:
    """Writes the graph to `path` and the keys beside it; returns the files."""
    index = built.value
    path.write_bytes(faiss.serialize_index(index.graph).tobytes())
    keys = pa.table({"key": pa.array(index.keys, pa.large_string()), "row": index.rows})
    with pa.ipc.new_file(_keys_path(path), keys.schema) as writer:
        writer.write_table(keys)
    return [path, _keys_path(path)]


def load(path: Path, receipt: Receipt) -> AnnIndex:
    """Loads what `save` wrote, given what `receipt.verify` said: damaged files crash."""
    graph = faiss.deserialize_index(np.fromfile(path, dtype=np.uint8))
    keys = pa.ipc.open_file(_keys_path(path).read_bytes()).read_all()
    rows = keys["row"].to_numpy()
    return AnnIndex(receipt.artifact, graph, keys["key"].to_pylist(), rows)


def _keys_path(path: Path) -> Path:
    return path.with_name(path.name + ".keys.arrow")


@contextmanager
def _one_thread() -> Iterator[None]:
    """The order in which threads link their nodes would show in the bytes."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _vectors(column: pa.Array, artifact: Artifact, keys: Sequence[str]) -> Float64s:
    """The vectors as an array (n, d), given the n keys they belong to."""

    def wrong(what: str) -> EncoreError:
        name = f"{artifact.model}.{artifact.params['vector']}"
        return EncoreError(
            f"Artifact {artifact.name}: {name} {what}.",
            f"Mend model {artifact.model}, then run `encore dbt build`.",
        )

    if not keys:
        return np.empty((0, 0))
    try:
        lengths = pc.list_value_length(column).to_numpy()
        numbers = pc.cast(pc.list_flatten(column), pa.float64())
    except pa.ArrowException as error:
        raise wrong(f"has type {column.type}, not a list of numbers") from error
    if odd := int(np.argmax(lengths != lengths[0])):
        sizes = f"{keys[odd]!r} has {lengths[odd]}, {keys[0]!r} has {lengths[0]}"
        raise wrong(f"differs in length: {sizes}")
    vectors = numbers.to_numpy(zero_copy_only=False).reshape(len(keys), lengths[0])
    if not (finite := np.isfinite(vectors).all(axis=1)).all():
        odd = int(np.argmin(finite))
        raise wrong(f"of {keys[odd]!r} is {column[odd].as_py()}, not finite")
    return np.asarray(vectors)


def _unit(vectors: Float64s) -> Float32s:
    """Vectors (n, d) of length 1 with the same directions; none may be zero."""
    # Scaled first, since the square of a very large or small number is none.
    scaled = vectors / np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    # Adding zero turns -0.0 into 0.0, so that equal vectors have equal bytes.
    return np.asarray(unit + 0.0, dtype=np.float32)


def _recall(index: AnnIndex, unit: Float32s, indexed: Rows, queries: int) -> float:
    """Recall@10 of `similar` against exact search over all indexed keys.

    A hit is any key no further than the tenth nearest other key + `TOLERANCE` of cosine
    distance: of keys that share a vector any will do. `unit[i]` belongs to `indexed[i]`.
    """
    flat = faiss.IndexFlatIP(unit.shape[1])
    flat.add(unit)
    depth = min(10, len(indexed) - 1)
    sample = np.random.default_rng(_SEED).choice(len(indexed), queries, replace=False)
    # One deeper, since the query finds itself.
    limits = flat.search(unit[sample], depth + 1)[0][:, -1] - TOLERANCE
    hits = 0
    for row, limit in zip(sample, limits, strict=True):
        others = [position for position, _ in index.others(indexed[row], depth)]
        similarities = unit[np.searchsorted(indexed, others)] @ unit[row]
        hits += int(np.count_nonzero(similarities >= limit))
    return hits / (queries * depth)
