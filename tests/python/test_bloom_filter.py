"""The Bloom filter: no key is ever missed, and the rate of false finds is measured."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from python_hooks import bloom_filter
from python_hooks.bloom_filter import build, load, pair_hash, save
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError
from python_hooks.receipt import of_built

ARTIFACT = Artifact(
    name="heard_tracks_filter",
    builder="bloom_filter",
    relation="encore.fct_listener_track_rfm",
    model="fct_listener_track_rfm",
    columns=("listener_id", "track_id"),
    key=("listener_id", "track_id"),
    path="heard_tracks.bloom",
    params={"false_positive_rate": 0.01},
    min_quality={},
    description="",
)


def pairs(*rows: tuple[str, str]) -> pa.Table:
    listeners, tracks = zip(*rows, strict=True) if rows else ((), ())
    return pa.table(
        {
            "listener_id": pa.array(listeners, pa.string()),
            "track_id": pa.array(tracks, pa.string()),
        }
    )


def sparse(listeners: int, tracks: int) -> pa.Table:
    """Every listener has heard a tenth of the tracks."""
    return pairs(
        *(
            (f"listener-{listener}", f"track-{track}")
            for listener in range(listeners)
            for track in range(listener % 10, tracks, 10)
        )
    )


def test_finds_every_key_before_and_after_saving(tmp_path: Path) -> None:
    table = sparse(50, 600)
    built = build(table, ARTIFACT)
    assert built.rows == 3_000
    assert built.quality["false_negatives"] == 0
    path = tmp_path / ARTIFACT.path
    assert save(built, path) == [path]
    loaded = load(path, of_built(ARTIFACT, built, Path()))
    for row in table.to_pylist():
        assert loaded.contains(row["listener_id"], row["track_id"])
    assert loaded.to_bytes() == built.value.to_bytes() == path.read_bytes()


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1])
def test_measured_rate_is_the_declared_one(rate: float) -> None:
    artifact = replace(ARTIFACT, params={"false_positive_rate": rate})
    built = build(sparse(1_000, 200), artifact)
    measured = built.quality["false_positive_rate"]
    assert measured is not None
    assert rate / 1.5 < measured < rate * 1.5
    assert built.quality["absent_pairs"] == 100_000


def test_the_sample_holds_absent_pairs_of_the_key_space_only() -> None:
    table = sparse(1_000, 200)
    sample = bloom_filter._absent_pairs(table, ARTIFACT)
    heard = {(row["listener_id"], row["track_id"]) for row in table.to_pylist()}
    listeners, tracks = ({row[i] for row in heard} for i in (0, 1))
    assert len(set(sample)) == 100_000
    assert heard.isdisjoint(sample)
    assert {pair[0] for pair in sample} <= listeners
    assert {pair[1] for pair in sample} <= tracks


def test_invented_tracks_are_absent_where_the_key_space_is_full() -> None:
    table = pairs(("a", "absent-0"), ("a", "absent-1"), ("b", "absent-7"))
    sample = bloom_filter._absent_pairs(table, ARTIFACT)
    assert len(set(sample)) == 100_000
    assert {pair[0] for pair in sample} == {"a", "b"}
    assert {"absent-0", "absent-1", "absent-7"}.isdisjoint(pair[1] for pair in sample)
    assert build(table, ARTIFACT).quality["false_positive_rate"] == 0


def test_order_of_rows_changes_nothing() -> None:
    table = sparse(300, 400)
    backwards = table.take(pa.array(range(table.num_rows - 1, -1, -1)))
    one, other = build(table, ARTIFACT), build(backwards, ARTIFACT)
    assert one.value.to_bytes() == other.value.to_bytes()
    assert one.quality == other.quality


def test_contains_many_agrees_with_contains() -> None:
    built = build(sparse(20, 500), ARTIFACT).value
    tracks = [f"track-{number}" for number in range(500)]
    found = built.contains_many("listener-3", tracks)
    assert found.dtype == bool
    assert found.tolist() == [built.contains("listener-3", track) for track in tracks]
    assert found[3::10].all()
    assert found.sum() < 80
    assert built.contains_many("listener-3", []).shape == (0,)


def test_zero_rows_make_a_filter_that_holds_nothing(tmp_path: Path) -> None:
    built = build(pairs(), ARTIFACT)
    assert (built.rows, built.quality["false_positive_rate"]) == (0, 0)
    assert built.details["bits_per_key"] is None
    path = tmp_path / ARTIFACT.path
    save(built, path)
    assert not load(path, of_built(ARTIFACT, built, Path())).contains("a", "b")


def test_receipt_names_hash_and_bits_per_key() -> None:
    details = build(sparse(1_000, 200), ARTIFACT).details
    assert "xxh3_128" in details["hash"]
    assert 9.58 < details["bits_per_key"] < 9.6


def test_the_union_of_shards_is_the_filter_of_all() -> None:
    table = sparse(50, 600)
    shards = [
        build(shard, ARTIFACT, capacity=3_000).value
        for shard in (table.slice(0, 1_700), table.slice(1_700))
    ]
    assert shards[0].union(shards[1]).to_bytes() == build(table, ARTIFACT).value.to_bytes()


def test_filters_of_other_sizes_have_no_union() -> None:
    small, large = (build(pairs(), ARTIFACT, capacity=keys).value for keys in (1_000, 2_000))
    with pytest.raises(EncoreError, match="9592 bits and 6 hashes, 19176 bits"):
        small.union(large)


def test_a_union_never_forgets_a_delta() -> None:
    batch, delta = (build(pairs(), ARTIFACT).value for _ in range(2))
    with pytest.raises(EncoreError, match="would forget the delta"):
        batch.union(batch.with_delta(delta))


def test_more_keys_than_planned_make_a_larger_filter() -> None:
    built = build(sparse(50, 600), ARTIFACT, capacity=10)
    assert built.details["capacity"] == 3_000
    assert built.details["bits_per_key"] < built.details["limit_bits_per_key"] * 1.001
    assert built.details["limit_bits_per_key"] == 9.585


def test_another_hash_is_refused_with_both_names(tmp_path: Path) -> None:
    built = build(pairs(("a", "b")), ARTIFACT)
    path = tmp_path / ARTIFACT.path
    save(built, path)
    other = replace(of_built(ARTIFACT, built, Path()), details={"hash": "sha1"})
    with pytest.raises(EncoreError, match=r"sha1.*xxh3_128") as caught:
        load(path, other)
    assert ARTIFACT.name in caught.value.message


def test_a_hash_that_changes_is_found_out_at_the_build() -> None:
    number = count()

    def unstable(text: bytes) -> int:
        return pair_hash(text + b"%d" % next(number))

    with pytest.raises(EncoreError, match=r"misses \d+ of its own 3000 keys"):
        build(sparse(50, 600), ARTIFACT, unstable)


def test_hash_is_the_published_one() -> None:
    # XXH3-128 of the empty text, from the reference implementation's test vectors.
    assert pair_hash(b"") % 2**128 == 0x99AA06D3014798D86001C324468D497F
    assert -(2**127) <= pair_hash(b"") < 0


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.text(), st.text()), max_size=30))
def test_any_text_is_a_key(rows: list[tuple[str, str]]) -> None:
    table = pairs(*rows)
    bits = build(table, ARTIFACT).value
    assert all(bits.contains(*row) for row in rows)


def test_keys_do_not_run_into_each_other() -> None:
    bits = build(pairs(("ab", "c")), ARTIFACT).value
    assert bits.contains("ab", "c")
    assert not bits.contains("a", "bc")


def test_text_that_is_no_unicode_is_not_in() -> None:
    assert not build(pairs(("a", "b")), ARTIFACT).value.contains("a", "\udcff")
