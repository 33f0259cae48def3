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

from python_hooks import ann_quality
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError, NegativeAnswerError
from python_hooks.receipt import Built, Receipt
from python_hooks.recorded_files import REBUILD
from python_hooks.vectors import Float32s, from_column, unit

_EF = range(1, 10_001)
_RANGES = {"connectivity": range(2, 257), "ef_construction": _EF, "ef_search": _EF}
PARAMS: Mapping[str, type] = {"vector": str, "metric": str, **dict.fromkeys(_RANGES, int)}
BOUNDS: Mapping[str, str] = {"recall_at_10": "at least"}
REFERENCE: tuple[str, ...] = ()
LIBRARIES: tuple[str, ...] = ("faiss-cpu", "numpy", "pyarrow")

# Similarities are computed in float32, whose error is about 2e-7: beyond the sixth
# place they would order equal vectors at random.
PLACES = 6

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
        return [self._named(found) for found in self._nearest(unit(queries), k)]

    def similar(self, key: str, k: int) -> list[Neighbour]:
        """The k nearest other keys of a key, ordered as by `search`.

        Raises:
            NegativeAnswerError: The key is unknown, or has no vector.
            EncoreError: k is less than one.
        """
        return self._named(self.others(self._position(key), k))

    def similar_among(self, key: str, keys: pa.Array, k: int) -> list[Neighbour]:
        """The k nearest of some other keys by exact cosine, ordered as by `search`.

        Args:
            key: The key to compare with.
            keys: Strings; those without a vector, and the key itself, are left out.
            k: How many; fewer are returned where there are fewer.

        Raises:
            NegativeAnswerError: The key is unknown, or has no vector.
            EncoreError: k is less than one.
        """
        position = self._position(key)
        found = pc.index_in(keys, pa.array(self.keys, keys.type)).drop_null()
        positions = np.unique(found.to_numpy().astype(np.int64))
        positions = positions[(self.rows[positions] >= 0) & (positions != position)]
        vectors = self.graph.reconstruct_batch(self.rows[positions])
        query = self.graph.reconstruct(int(self.rows[position]))
        values = (vectors @ query).astype(np.float64).round(PLACES)
        order = np.lexsort((positions, -values))[: _at_least_one(k)]
        return self._named(
            list(zip(positions[order].tolist(), values[order].tolist(), strict=True))
        )

    def _position(self, key: str) -> int:
        """Where a key with a vector is; raises as `similar`."""
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
        return position

    def others(self, position: int, k: int) -> list[tuple[int, float]]:
        """`similar` by position in `keys`: positions and similarities."""
        query = self.graph.reconstruct(int(self.rows[position]))
        return self._nearest(query[np.newaxis], k, without=position)[0]

    def _nearest(
        self, queries: Float32s, k: int, without: int = -1
    ) -> list[list[tuple[int, float]]]:
        # One more, as one may have to be left out.
        wanted = min(_at_least_one(k) + 1, self.graph.ntotal)
        similarities, rows = self.graph.search(queries, wanted)
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


def _at_least_one(k: int) -> int:
    if k < 1:
        raise EncoreError(f"{k} neighbours were asked for.", "Ask for one or more.")
    return k


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
    vectors = from_column(column.drop_null(), artifact, [keys[row] for row in indexed])
    directed = vectors.any(axis=1)
    indexed = indexed[directed]
    units = unit(vectors[directed])
    distinct, rows[indexed] = np.unique(units, axis=0, return_inverse=True)
    dimension, params = distinct.shape[1], artifact.params
    with _one_thread():
        product = faiss.METRIC_INNER_PRODUCT  # of unit vectors: their cosine
        graph = faiss.IndexHNSWFlat(dimension, params["connectivity"], product)
        graph.hnsw.efConstruction = params["ef_construction"]
        graph.hnsw.efSearch = params["ef_search"]
        if indexed.size:
            graph.add(distinct)
        index = AnnIndex(artifact.name, graph, keys, rows)
        queries = min(ann_quality.SAMPLE, indexed.size) if indexed.size > 1 else 0
        recall = None
        if queries:
            recall = ann_quality.recall(index.others, units, indexed, queries)
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
    """Loads what `save` wrote, given what `receipt.verify` said.

    faiss itself refuses a graph whose links lead out of it.

    Raises:
        DamagedError: The files have the recorded checksums, but are not what they should.
    """
    graph: Any = faiss.deserialize_index(np.fromfile(path, dtype=np.uint8))
    keys = pa.ipc.open_file(_keys_path(path).read_bytes()).read_all()
    keys.validate(full=True)
    rows, details = keys["row"].to_numpy(), receipt.details
    found = type(graph).__name__, graph.ntotal, graph.d, keys.num_rows
    wanted = "IndexHNSWFlat", details["nodes"], details["dimension"], receipt.rows
    nodes = (int(rows.min()), int(rows.max())) if len(rows) else (-1, -1)
    if found != wanted or not -1 <= nodes[0] <= nodes[1] < graph.ntotal:
        raise DamagedError(
            f"Artifact {receipt.artifact}: {path.name} is (kind, nodes, numbers each, keys) "
            f"{found}, recorded {wanted}, and its keys have the nodes {nodes}.",
            REBUILD,
        )
    graph.hnsw.efSearch = receipt.params["ef_search"]
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
