"""EASE as a source of the blend: what it proposes, why, and what the cap makes of it."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from python_hooks import ease_source, item_weights
from python_hooks.artist_cap import capped
from python_hooks.ease_source import Heard
from python_hooks.evaluation_items import ease_weights
from python_hooks.evaluation_readers import read_split
from tests.python.test_item_weights import (
    LASTFM,
    declared,
    exact,
    names,
    pairs,
    random_history,
)


def heard(counted: set[str], skipped: frozenset[str] = frozenset()) -> Heard:
    return Heard(frozenset(counted), frozenset(counted) | skipped)


def proposed_exactly(
    weights: np.ndarray, ids: list[str], known: Heard, most: int
) -> list[tuple[str, float]]:
    """By the formula, dense: what was not heard and scores above 0, relative to the best."""
    rows = [ids.index(track) for track in sorted(known.counted)]
    amounts = weights[rows].round(9).sum(axis=0).round(9)
    found = sorted(
        (-amount, track)
        for track, amount in zip(ids, amounts.tolist(), strict=True)
        if amount > 0 and track not in known.all
    )
    return [(track, amount / found[0][0]) for amount, track in found[:most]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sets(st.integers(0, 39)), st.sets(st.integers(0, 39)))
def test_proposals_are_those_of_the_dense_formula(
    seed: int, counted: set[int], skipped: set[int]
) -> None:
    ids = names(40)
    history = random_history(30, 40, seed)
    artifact = declared(regularisation=5.0, dropout=0.2)
    weights = item_weights.build(pairs(history, ids), artifact).value
    known = heard({ids[at] for at in counted}, frozenset(ids[at] for at in skipped))
    found = ease_source.proposals(weights, known, 10)
    dense = ease_weights(history.T @ history, 5.0, 0.2)
    wanted = proposed_exactly(dense, ids, known, 10) if counted else []
    assert [each.rank_in_source for each in found] == list(range(1, len(wanted) + 1))
    # Sums that differ in the ninth place may swap; as many are as strong as they have to be.
    np.testing.assert_allclose(
        [each.strength for each in found], [strength for _, strength in wanted], atol=1e-6
    )
    assert {each.track_id for each in found}.isdisjoint(known.all)


def test_without_dropout_the_weights_are_those_of_the_paper() -> None:
    history = random_history(50, 60)
    found = ease_weights(history.T @ history, 3.0)
    np.testing.assert_allclose(found, exact(history, 3.0), atol=1e-9)


def test_many_listeners_get_what_each_would_get() -> None:
    ids, history = names(40), random_history(30, 40)
    weights = item_weights.build(pairs(history, ids), declared(dropout=0.0)).value
    rows = [("a", "t00001", 2), ("b", "t00002", 1), ("a", "t00003", 0), ("c", "t00001", 1)]
    columns = zip(*rows, strict=True)
    table = pa.table(dict(zip(ease_source.HEARD_COLUMNS, map(list, columns), strict=True)))
    found = ease_source.candidates(weights, table, ["a", "b", "nobody"], 5)
    assert found.schema == ease_source.SCHEMA
    assert Counter(found["listener_id"].to_pylist()) == {"a": 5, "b": 5}
    own = ease_source.proposals(weights, heard({"t00001"}, frozenset({"t00003"})), 5)
    assert [
        (row["track_id"], row["strength"])
        for row in found.to_pylist()
        if row["listener_id"] == "a"
    ] == [(each.track_id, each.strength) for each in own]
    assert ease_source.candidates(weights, table, ["nobody"], 5).num_rows == 0


def test_what_speaks_for_a_track_adds_up_to_its_amount() -> None:
    ids, history = names(40), random_history(30, 40)
    weights = item_weights.build(pairs(history, ids), declared(dropout=0.0)).value
    known = ["t00001", "t00007", "t00030", "unknown"]
    tracks, amounts = weights.scores(known)
    speakers = weights.speakers(known, tracks.to_pylist())
    for track, amount in zip(tracks.to_pylist(), amounts.tolist(), strict=True):
        by = speakers[track]
        assert sum(weight for _, weight in by) == pytest.approx(amount, abs=1e-8)
        assert by == sorted(by, key=lambda one: (-one[1], one[0]))
        assert {name for name, _ in by} <= set(known) - {track}


@pytest.mark.skipif(not LASTFM.exists(), reason="needs ../shared/data/lastfm_artists")
def test_the_truncated_artifact_proposes_what_the_exact_weights_do() -> None:
    _, fold = read_split(LASTFM)
    ids, matrix = names(fold.tracks), (fold.counts > 0).astype(np.float64).toarray()
    table = pairs(matrix, ids)
    kept = 200  # as the exposure declares
    truncated, whole = (
        item_weights.build(
            table, declared(regularisation=100.0, dropout=0.0, weights_per_track=count)
        ).value
        for count in (kept, fold.tracks)
    )
    dense = ease_weights(matrix.T @ matrix, 100.0)
    shares = []
    for row in range(0, len(matrix), 20):
        known = heard({ids[at] for at in np.flatnonzero(matrix[row])})
        few, all_of = (
            {each.track_id for each in ease_source.proposals(weights, known, 10)}
            for weights in (truncated, whole)
        )
        wanted = {track for track, _ in proposed_exactly(dense, ids, known, 10)}
        assert len(all_of & wanted) >= 9
        shares.append(len(few & all_of) / 10)
    assert np.mean(shares) > 0.8


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=60),
    st.integers(1, 4),
)
def test_the_cap_keeps_artists_apart_while_there_are_others(
    drawn: list[tuple[int, int]], cap: int
) -> None:
    scored = [(score / 5, track) for track, (score, _) in enumerate(drawn)]
    artists = {track: str(artist) for track, (_, artist) in enumerate(drawn)}
    found = capped(scored, artists.__getitem__, cap)
    assert sorted(found) == sorted(scored)
    for artist in set(artists.values()):
        own = [one for one in found if artists[one[1]] == artist]
        assert own == sorted(own, key=lambda one: (-one[0], one[1]))
    first = Counter(artists[track] for _, track in found[:10])
    if sum(min(count, cap) for count in Counter(artists.values()).values()) >= 10:
        assert max(first.values()) <= cap
