"""EASE: the weights are those of an exact dense solve, and recommend as the paper does."""

import csv
import gzip
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from python_hooks import item_weights
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT
from python_hooks.receipt import of_built

LASTFM = PROJECT.parent / "shared" / "data" / "lastfm_artists" / "plays.csv.gz"
ARTIFACT = Artifact(
    name="track_item_weights",
    builder="item_weights",
    relation="encore.fct_track_pairs",
    model="fct_track_pairs",
    columns=("track_id", "paired_track_id", "co_listener_count"),
    key=("track_id", "paired_track_id"),
    path="track_weights.arrow",
    params={
        "count": "co_listener_count",
        "regularisation": 2.0,
        "dropout": 0.0,
        "min_listeners": 1,
        "max_tracks": 10_000,
        "memory_mb": 100,
        "weights_per_track": 10_000,
    },
    min_quality={},
    description="",
)


def declared(**params: Any) -> Artifact:
    return replace(ARTIFACT, params={**ARTIFACT.params, **params})


def pairs(heard: np.ndarray, ids: list[str]) -> pa.Table:
    """The mart of a matrix of listeners and tracks: the upper triangle of its square."""
    gram = heard.T @ heard
    rows, columns = np.nonzero(np.triu(gram))
    return pa.table(
        {
            "track_id": pa.array([ids[row] for row in rows], pa.string()),
            "paired_track_id": pa.array([ids[column] for column in columns], pa.string()),
            "co_listener_count": pa.array(gram[rows, columns].astype(np.int64)),
        }
    )


def exact(heard: np.ndarray, regularisation: float) -> np.ndarray:
    """Equation 8 as it stands in the paper."""
    gram = heard.T @ heard + regularisation * np.eye(heard.shape[1])
    inverse = np.linalg.inv(gram.astype(np.float64))
    weights: np.ndarray = np.eye(heard.shape[1]) - inverse @ np.diag(1 / np.diag(inverse))
    np.fill_diagonal(weights, 0)
    return weights


def dense(weights: item_weights.ItemWeights) -> np.ndarray:
    found = np.zeros((weights.rows.num_rows, weights.rows.num_rows))
    for row, cells in enumerate(weights.rows.to_pylist()):
        found[row, cells["positions"]] = cells["weights"]
    return found


def random_history(listeners: int = 60, tracks: int = 700, seed: int = 7) -> np.ndarray:
    """More tracks than one block holds, some of them far more popular; none unheard."""
    chance = np.random.default_rng(seed)
    heard = chance.random((listeners, tracks)) < np.linspace(0.02, 0.5, tracks)
    heard[0] = True
    return heard.astype(np.float64)


def names(count: int) -> list[str]:
    return [f"t{number:05}" for number in range(count)]


@pytest.mark.parametrize("regularisation", [0.5, 100.0])
def test_weights_are_those_of_an_exact_dense_solve(regularisation: float) -> None:
    heard = random_history()
    built = item_weights.build(
        pairs(heard, names(700)), declared(regularisation=regularisation)
    )
    assert built.value.ids.to_pylist() == names(700)
    np.testing.assert_allclose(dense(built.value), exact(heard, regularisation), atol=1e-9)
    assert built.quality["residual"] is not None
    assert built.quality["residual"] < 1e-12
    assert built.details == {"tracks": 700, "eligible": 700, "kept_share": 1.0}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=8).filter(
        lambda rows: any(map(any, rows))
    )
)
def test_any_history_is_solved_exactly(rows: list[list[bool]]) -> None:
    heard = np.array(rows, dtype=np.float64)
    heard = heard[:, heard.any(axis=0)]
    count = heard.shape[1]
    found = item_weights.build(pairs(heard, names(count)), ARTIFACT).value
    np.testing.assert_allclose(dense(found), exact(heard, 2.0), atol=1e-9)
    ids, scores = found.scores(names(count)[:2])
    wanted = dict(zip(names(count), exact(heard, 2.0)[:2].sum(axis=0), strict=True))
    for track, score in zip(ids.to_pylist(), scores.tolist(), strict=True):
        assert score == pytest.approx(wanted[track], abs=1e-8)


def test_the_strongest_weights_of_each_track_are_kept() -> None:
    heard = random_history()
    built = item_weights.build(pairs(heard, names(700)), declared(weights_per_track=20))
    found, wanted = dense(built.value), exact(heard, 2.0)
    kept = found != 0
    assert (kept.sum(axis=1) == 20).all()
    np.testing.assert_allclose(found[kept], wanted[kept], atol=1e-9)
    weakest = np.where(kept, np.abs(found), np.inf).min(axis=1)
    strongest_left_out = np.where(kept, 0, np.abs(wanted)).max(axis=1)
    assert (weakest >= strongest_left_out - 1e-9).all()
    share = np.abs(found).sum() / np.abs(wanted).sum()
    assert built.details["kept_share"] == pytest.approx(share, abs=1e-6)


def test_tracks_of_few_listeners_are_left_out() -> None:
    heard = np.array([[1, 1, 1], [1, 0, 1], [1, 0, 0]], dtype=np.float64)
    built = item_weights.build(pairs(heard, ["a", "b", "c"]), declared(min_listeners=2))
    assert built.value.ids.to_pylist() == ["a", "c"]
    np.testing.assert_allclose(dense(built.value), exact(heard[:, [0, 2]], 2.0), atol=1e-9)
    assert built.details["eligible"] == 2


@pytest.mark.parametrize(
    ("params", "tracks"),
    [({"max_tracks": 3}, 3), ({"memory_mb": 1}, 362), ({"max_tracks": 700}, 700)],
)
def test_the_most_heard_are_solved_for_and_a_cut_is_said(
    params: dict[str, int], tracks: int, capsys: pytest.CaptureFixture[str]
) -> None:
    heard = random_history()
    built = item_weights.build(pairs(heard, names(700)), declared(**params))
    listeners = heard.sum(axis=0)
    first = np.lexsort((np.arange(700), -listeners))[:tracks]
    assert built.value.ids.to_pylist() == sorted(names(700)[row] for row in first)
    said = " ".join(capsys.readouterr().err.split())
    assert (f"weights of {tracks} of 700 tracks" in said) == (tracks < 700)
    assert (built.details["tracks"], built.details["eligible"]) == (tracks, 700)


def test_scores_add_what_was_heard_once_and_know_their_order() -> None:
    heard = np.array([[1, 1, 0, 1], [1, 1, 1, 1], [0, 0, 1, 0], [1, 1, 0, 1]], float)
    weights = item_weights.build(pairs(heard, ["a", "b", "c", "d"]), ARTIFACT).value
    ids, scores = weights.scores(["c", "a", "a", "unknown"])
    wanted = exact(heard, 2.0)[[0, 2]].sum(axis=0).round(9)
    assert ids.to_pylist() == sorted(
        "abcd", key=lambda one: (-wanted["abcd".index(one)], one)
    )
    assert scores.tolist() == pytest.approx(sorted(wanted, reverse=True), abs=1e-8)
    # b and d were heard by the same listeners: equal scores, in the order of the ids.
    order = ids.to_pylist()
    assert order.index("d") == order.index("b") + 1
    for nothing in ([], ["unknown"]):
        ids, scores = weights.scores(nothing)
        assert (len(ids), scores.shape) == (0, (0,))


def test_a_saved_file_is_the_same_whatever_the_order_of_rows(tmp_path: Path) -> None:
    table = pairs(random_history(), names(700))
    backwards = table.take(pa.array(range(table.num_rows - 1, -1, -1)))
    files = []
    for number, rows in enumerate((table, backwards)):
        built = item_weights.build(rows, ARTIFACT)
        path = tmp_path / f"{number}.arrow"
        assert item_weights.save(built, path) == [path]
        files.append(path.read_bytes())
        loaded = item_weights.load(path, of_built(ARTIFACT, built, path))
        assert loaded.rows.equals(built.value.rows)
        ids, scores = loaded.scores(["t00003"])
        assert ids.equals(built.value.scores(["t00003"])[0])
        assert scores.tolist() == built.value.scores(["t00003"])[1].tolist()
    assert files[0] == files[1]


def test_nothing_heard_makes_no_weights(tmp_path: Path) -> None:
    built = item_weights.build(pairs(np.zeros((0, 0)), []), ARTIFACT)
    assert (built.rows, built.quality["residual"]) == (0, None)
    path = tmp_path / "none.arrow"
    item_weights.save(built, path)
    loaded = item_weights.load(path, of_built(ARTIFACT, built, path))
    assert len(loaded.scores(["a"])[0]) == 0


def test_counts_of_no_gram_matrix_are_refused() -> None:
    table = pa.table(
        {
            "track_id": ["a", "a", "b"],
            "paired_track_id": ["a", "b", "b"],
            "co_listener_count": [1, 9, 1],
        }
    )
    with pytest.raises(EncoreError, match="of no Gram matrix"):
        item_weights.build(table, ARTIFACT)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": "plays"}, "count is 'plays', not a column of fct_track_pairs"),
        ({"regularisation": 0.0}, "regularisation is 0.0, not above 0"),
        ({"max_tracks": 0}, "max_tracks is 0, not 1 or more"),
        ({"memory_mb": -1}, "memory_mb is -1"),
    ],
)
def test_wrong_declarations_are_named(change: dict[str, Any], said: str) -> None:
    assert said in item_weights.problem(declared(**change))
    assert item_weights.problem(ARTIFACT) == ""
    assert "have a pair" in item_weights.problem(replace(ARTIFACT, key=("track_id",)))


@pytest.mark.skipif(not LASTFM.exists(), reason="needs ../shared/data/lastfm_artists")
def test_recall_on_lastfm_is_that_of_the_reference() -> None:
    heard: dict[str, dict[str, set[str]]] = {
        "train": defaultdict(set),
        "test": defaultdict(set),
    }
    with gzip.open(LASTFM, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if row["split"]:
                heard[row["split"]][row["user_id"]].add(row["artist_id"])
    ids = sorted(set().union(*heard["train"].values()))
    places = {artist: place for place, artist in enumerate(ids)}
    matrix = np.zeros((len(heard["train"]), len(ids)))
    for number, artists in enumerate(heard["train"].values()):
        matrix[number, [places[artist] for artist in artists]] = 1
    table = pairs(matrix, ids)

    def recall(weights: item_weights.ItemWeights) -> float:
        shares = []
        for listener, wanted in heard["test"].items():
            known = heard["train"][listener]
            found = weights.scores(known)[0][: 10 + len(known)].to_pylist()
            best = [artist for artist in found if artist not in known][:10]
            shares.append(len(wanted & set(best)) / len(wanted))
        return float(np.mean(shares))

    def built(**params: int) -> item_weights.ItemWeights:
        return item_weights.build(table, declared(regularisation=100.0, **params)).value

    assert recall(built()) == pytest.approx(0.2462, abs=0.003)
    # What is declared for the artifact costs little of it.
    assert recall(built(min_listeners=3, weights_per_track=200)) > 0.24
