"""The ANN index: against exact search, ties, errors, and the same bytes every time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from python_hooks.ann_index import AnnIndex, build, load, save
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.receipt import Built, of_built

PARAMS = {
    "vector": "vector",
    "metric": "cosine",
    "connectivity": 16,
    "ef_construction": 100,
    "ef_search": 64,
}
ARTIFACT = Artifact(
    name="track_vector_index",
    builder="ann_index",
    relation="encore.feat_tracks",
    model="feat_tracks",
    columns=("track_id", "vector"),
    key=("track_id",),
    path="track_vectors.faiss",
    params=PARAMS,
    min_quality={},
    description="",
)


def tracks(vectors: Any, keys: list[str] | None = None) -> pa.Table:
    values = [None if vector is None else list(vector) for vector in vectors]
    return pa.table(
        {
            "track_id": keys or [f"t{number:05d}" for number in range(len(values))],
            "vector": pa.array(values, pa.list_(pa.float64())),
        }
    )


def gaussian(rows: int, seed: int = 1) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((rows, 10))


def reloaded(built: Built[AnnIndex], path: Path) -> AnnIndex:
    save(built, path)
    return load(path, of_built(ARTIFACT, built, path))


def exact(vectors: npt.NDArray[np.float64], query: int, k: int) -> list[str]:
    """The k nearest others by cosine in double precision, equal ones by key."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarities = (unit @ unit[query]).round(6)
    order = np.lexsort((np.arange(len(vectors)), -similarities))
    return [f"t{row:05d}" for row in order if row != query][:k]


def test_similar_is_what_exact_search_finds(tmp_path: Path) -> None:
    vectors = gaussian(2_000)
    built = build(tracks(vectors), ARTIFACT)
    assert built.quality == {"recall_at_10": pytest.approx(1, abs=0.01), "queries": 1_000}
    index = reloaded(built, tmp_path / ARTIFACT.path)
    assert (index.graph.hnsw.efConstruction, index.graph.hnsw.efSearch) == (100, 64)
    found = [[near.key for near in index.similar(f"t{row:05d}", 10)] for row in range(50)]
    wanted = [exact(vectors, row, 10) for row in range(50)]
    assert np.mean([a == b for a, b in zip(found, wanted, strict=True)]) > 0.95
    assert all(f"t{row:05d}" not in keys for row, keys in enumerate(found))


def test_search_finds_the_vectors_themselves_whatever_their_length() -> None:
    vectors = gaussian(300)
    index = build(tracks(vectors), ARTIFACT).value
    results = index.search(vectors * 1e200, 3)
    assert [result[0].key for result in results] == index.keys
    assert all(result[0].similarity == 1 for result in results)
    near = index.search(vectors[7], 2)[0][1]
    other = vectors[int(near.key[1:])]
    cosine = vectors[7] @ other / np.linalg.norm(vectors[7]) / np.linalg.norm(other)
    assert near.similarity == pytest.approx(cosine, abs=1e-6)


def test_keys_with_one_vector_come_in_order_and_leave_out_the_query() -> None:
    vectors = gaussian(400)
    vectors[100:200] = vectors[100] * np.linspace(0.5, 2, 100)[:, np.newaxis]
    index = build(tracks(vectors), ARTIFACT).value
    assert index.graph.ntotal < 305
    near = index.similar("t00150", 99)
    assert [key for key, _ in near] == [f"t{n:05d}" for n in range(100, 200) if n != 150]
    assert {similarity for _, similarity in near} == {1}
    assert [key for key, _ in index.search(vectors[100], 3)[0]] == [
        "t00100",
        "t00101",
        "t00102",
    ]


def test_many_equal_vectors_do_not_cut_the_graph() -> None:
    vectors = gaussian(5_000)
    vectors[:2_000] = vectors[np.arange(2_000) % 5]
    recall = build(tracks(vectors), ARTIFACT).quality["recall_at_10"]
    assert recall is not None
    assert recall > 0.99


def test_recall_falls_with_a_crippled_search() -> None:
    crippled = PARAMS | {"connectivity": 2, "ef_construction": 1, "ef_search": 1}
    built = build(tracks(gaussian(5_000)), replace(ARTIFACT, params=crippled))
    recall = built.quality["recall_at_10"]
    assert recall is not None
    assert 0 < recall < 0.8


def test_recall_is_the_share_of_exact_neighbours_found() -> None:
    vectors = gaussian(3_000)
    params = PARAMS | {"connectivity": 4, "ef_construction": 8, "ef_search": 10}
    built = build(tracks(vectors), replace(ARTIFACT, params=params))
    hits = sum(
        len(
            {near.key for near in built.value.similar(f"t{row:05d}", 10)}
            & set(exact(vectors, row, 10))
        )
        for row in range(0, 3_000, 3)
    )
    # Another sample of a third of the rows: about three standard errors.
    assert built.quality["recall_at_10"] == pytest.approx(hits / 10_000, abs=0.03)
    assert hits < 9_900


def test_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    vectors = gaussian(1_500)
    vectors[3] = vectors[900]
    table = tracks([*vectors, None, [0.0] * 10])
    shuffled = table.take(np.random.default_rng(5).permutation(table.num_rows))
    split = pa.concat_tables([shuffled.slice(0, 700), shuffled.slice(700)])
    contents = []
    for number, rows in enumerate((table, table, shuffled, split)):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = save(build(rows, ARTIFACT), folder / ARTIFACT.path)
        assert [file.name for file in files] == [
            "track_vectors.faiss",
            "track_vectors.faiss.keys.arrow",
        ]
        contents.append([file.read_bytes() for file in files])
    assert contents.count(contents[0]) == 4


def test_build_uses_one_thread_and_gives_the_others_back() -> None:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        build(tracks(gaussian(50)), ARTIFACT)
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)


@pytest.mark.parametrize("vectors", [[], [None, None], [[0.0, 0.0]]])
def test_without_vectors_nothing_is_found(vectors: list[Any], tmp_path: Path) -> None:
    built = build(tracks(vectors), ARTIFACT)
    assert built.quality == {"recall_at_10": None, "queries": 0}
    assert (built.rows, built.details["indexed"]) == (len(vectors), 0)
    index = reloaded(built, tmp_path / ARTIFACT.path)
    assert index.search([1.0, 2.0], 5) == [[]]
    assert index.search([[1.0, 2.0], [3.0, 4.0]], 5) == [[], []]
    with pytest.raises(NegativeAnswerError):
        index.similar("t00000", 5)


def test_one_vector_has_no_neighbour() -> None:
    built = build(tracks([[1.0, 2.0]]), ARTIFACT)
    assert built.quality["recall_at_10"] is None
    assert built.value.similar("t00000", 5) == []
    assert built.value.search([2.0, 4.0], 5) == [[("t00000", 1.0)]]


def test_null_and_zero_vectors_are_known_but_not_found() -> None:
    built = build(tracks([[1.0, 0.0], None, [0.0, 0.0], [0.0, 1.0]]), ARTIFACT)
    assert (built.rows, built.details["indexed"]) == (4, 2)
    found = built.value.search([1.0, 0.0], 10)[0]
    assert found == [("t00000", 1.0), ("t00003", 0.0)]
    for key in ("t00001", "t00002"):
        with pytest.raises(NegativeAnswerError, match=f"'{key}' has no vector"):
            built.value.similar(key, 1)


def test_unknown_key_is_named() -> None:
    index = build(tracks(gaussian(3)), ARTIFACT).value
    for key in ("", "t00000x", "zzz"):
        with pytest.raises(NegativeAnswerError, match=f"'{key}' is not among the 3 keys"):
            index.similar(key, 1)


def test_fewer_are_returned_where_there_are_fewer() -> None:
    index = build(tracks(gaussian(4)), ARTIFACT).value
    assert len(index.similar("t00000", 10)) == 3
    assert len(index.search(gaussian(1)[0], 10**9)[0]) == 4


@pytest.mark.parametrize("k", [0, -1])
def test_no_neighbours_cannot_be_asked_for(k: int) -> None:
    index = build(tracks(gaussian(4)), ARTIFACT).value
    with pytest.raises(EncoreError, match=f"^{k} neighbours"):
        index.similar("t00000", k)
    with pytest.raises(EncoreError, match=f"^{k} neighbours"):
        index.search(gaussian(1), k)


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ([1.0, 2.0], ["has 2 numbers", "takes 10"]),
        ([0.0] * 10, ["not all zero"]),
        ([float("nan")] + [1.0] * 9, ["nan", "finite"]),
        ([float("inf")] + [1.0] * 9, ["inf", "finite"]),
    ],
)
def test_wrong_queries_are_refused(query: list[float], parts: list[str]) -> None:
    index = build(tracks(gaussian(4)), ARTIFACT).value
    with pytest.raises(EncoreError) as caught:
        index.search(query, 1)
    for part in [ARTIFACT.name, *parts]:
        assert part in caught.value.message


@pytest.mark.parametrize(
    ("vectors", "parts"),
    [
        ([None, [1.0, 2.0], [1.0, 2.0, 3.0]], ["'t00002' has 3", "'t00001' has 2"]),
        ([[1.0, 2.0], None, [1.0, float("nan")]], ["'t00002' is [1.0, nan]"]),
        ([[1.0, float("-inf")], [1.0, 2.0]], ["'t00000' is [1.0, -inf]"]),
        ([[1.0, 2.0], [None, 1.0]], ["'t00001' is [None, 1.0]"]),
    ],
)
def test_wrong_vectors_are_refused(vectors: list[Any], parts: list[str]) -> None:
    with pytest.raises(EncoreError) as caught:
        build(tracks(vectors), ARTIFACT)
    for part in [ARTIFACT.name, "feat_tracks.vector", *parts]:
        assert part in caught.value.message


def test_a_column_of_numbers_is_refused() -> None:
    table = pa.table({"track_id": ["a"], "vector": [1.0]})
    with pytest.raises(EncoreError, match=r"type double, not a list of numbers"):
        build(table, ARTIFACT)


def test_other_list_types_give_the_same_index() -> None:
    vectors = gaussian(40).astype(np.float32)
    table = tracks(vectors)
    kinds = (
        pa.large_list(pa.float64()),
        pa.list_(pa.float32()),
        pa.list_(pa.float32(), 10),
    )
    wanted = build(table, ARTIFACT).value.search(vectors, 5)
    for kind in kinds:
        other = table.set_column(1, "vector", table["vector"].cast(kind))
        assert build(other, ARTIFACT).value.search(vectors, 5) == wanted


def test_similar_among_some_keys_is_exact_and_leaves_out_what_has_no_vector() -> None:
    vectors = gaussian(500)
    index = build(tracks([*vectors, None]), ARTIFACT).value
    among = pa.array(["t00500", "no such", *(f"t{row:05d}" for row in range(0, 500, 7))])
    found = index.similar_among("t00007", among, 20)
    wanted = [key for key in exact(vectors, 7, 500) if key in set(among.to_pylist())]
    assert [near.key for near in found] == wanted[:20]
    all_others = dict(index.similar("t00007", 499))
    for key, similarity in found:
        assert similarity == pytest.approx(all_others.get(key, similarity), abs=2e-6)
    assert index.similar_among("t00007", pa.array(["t00007"]), 5) == []
    assert index.similar_among("t00007", pa.array([], pa.string()), 5) == []
    with pytest.raises(NegativeAnswerError, match="no vector"):
        index.similar_among("t00500", among, 5)
    with pytest.raises(EncoreError, match="0 neighbours"):
        index.similar_among("t00007", among, 0)
