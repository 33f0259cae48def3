"""Answers: what to play next, and what is like a track."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from python_hooks import artifacts, releases, search, time_travel
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

_LISTS = ("rec_listener_tracks", "rec_popular_tracks")


@dataclass(frozen=True)
class Item:
    """One recommended or similar track.

    Attributes:
        rank: Place in the list, 1 is the best.
        track_id: The track.
        title: Its title, or None where nobody gave one.
        artist: Its artist, or None.
        score: What the list is ordered by: the blend's score, 0 to 1, or the cosine
            similarity, -1 to 1.
        sources: What proposed the track, the strongest first.
        reason: Why it is here, with the numbers.
    """

    rank: int
    track_id: str
    title: str | None
    artist: str | None
    score: float
    sources: list[str]
    reason: str


@dataclass(frozen=True)
class Recommendations:
    """The answer of `recommend`.

    Attributes:
        listener_id: Who asked.
        release: Id of the release that answered.
        mode: `all`, or `discover`: only what the listener has not heard.
        fallback: Why this is not the listener's own list, or None.
        items: The tracks, the best first.
    """

    listener_id: str
    release: str
    mode: str
    fallback: str | None
    items: list[Item]


@dataclass(frozen=True)
class Similar:
    """The answer of `similar`.

    Attributes:
        track_id: The track asked for.
        release: Id of the release that answered.
        fallback: Why the vector index did not answer, or None.
        items: The tracks, the most similar first.
    """

    track_id: str
    release: str
    fallback: str | None
    items: list[Item]


def recommend(
    listener_id: str, home: Home, *, k: int = 10, discover: bool = False, as_of: str = ""
) -> Recommendations:
    """The best `k` tracks for a listener, each with its reason.

    A listener who is not known gets the popular list, and `fallback` says so. With
    `discover`, tracks that the Bloom filter knows as heard are left out; where the
    listener's own list is then too short, popular tracks fill it. `as_of` (ISO 8601) asks
    what would have been recommended then.

    Raises:
        EncoreError: The server does not run, or the filter cannot be used.
    """
    if as_of and discover:
        raise EncoreError(
            "--discover asks the filter of what is heard by now, not as of a moment.",
            "Leave out --discover or --as-of.",
        )
    with (
        Warehouse(home) as warehouse,
        time_travel.pinned(home, warehouse, as_of, _LISTS) as release,
    ):
        fresh = _fresh_pairs(warehouse, release, listener_id)
        # The batch build kept everybody's list; who has listened since gets a new one.
        own = warehouse.read(
            release.relation("int_candidates_blended" if fresh else "rec_listener_tracks"),
            ["rank", "track_id", "score", "sources", "reason"],
            where=f"listener_id = {literal(listener_id)}",
            order_by=["rank"],
        ).to_pylist()
        fallback = None if own else f"listener {listener_id} is not known: the popular list"
        rows = own
        if not own or discover:
            popular = warehouse.read(
                release.relation("rec_popular_tracks"), order_by=["rank"]
            ).to_pylist()
            proposed = {row["track_id"] for row in own}
            rows = own + [row for row in popular if row["track_id"] not in proposed]
        if discover and own:
            heard = artifacts.open_filter(
                artifacts.declared_as("bloom_filter"), home
            ).contains_many(listener_id, [row["track_id"] for row in rows])
            rows = [
                row
                for row, known in zip(rows, heard, strict=True)
                if not known and row["track_id"] not in fresh
            ]
        return Recommendations(
            listener_id=listener_id,
            release=release.release_id,
            mode="discover" if discover else "all",
            fallback=fallback,
            items=_items(warehouse, release, rows[:k]),
        )


def similar(track_id: str, home: Home, *, k: int = 10, text: str = "") -> Similar:
    """The `k` tracks most like a track, by the vectors of their audio features.

    A track without features is not in the index; then its neighbours by common
    listeners answer, and `fallback` says so. With a text, only tracks that a search for
    it finds are compared, each of them exactly.

    Raises:
        NegativeAnswerError: The track is not known, or no other has the text.
        EncoreError: The server does not run, or an index cannot be used.
    """
    among = search.candidates(text, home) if text else None
    index = artifacts.open_index(artifacts.declared_as("ann_index"), home)
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        known = warehouse.read(
            release.relation("dim_tracks"),
            ["has_features"],
            where=f"track_id = {literal(track_id)}",
        ).to_pylist()
        if not known:
            raise NegativeAnswerError(
                f"No track has the id {track_id}.",
                "Look for it with `encore search TITLE --json`.",
            )
        fallback = None
        if known[0]["has_features"]:
            rows = [
                {
                    "track_id": found.key,
                    "score": found.similarity,
                    "sources": ["vectors"],
                    "reason": f"cosine similarity {found.similarity:.3f} of audio features",
                }
                for found in (
                    index.similar(track_id, k)
                    if among is None
                    else index.similar_among(track_id, among, k)
                )
            ]
        else:
            fallback = f"track {track_id} has no audio features: neighbours by listeners"
            rows = _neighbours(warehouse, release, track_id)
            if among is not None:
                found_ids = set(among.to_pylist())
                rows = [row for row in rows if row["track_id"] in found_ids]
        if among is not None and not rows:
            raise search.nothing_found(text)
        return Similar(
            track_id=track_id,
            release=release.release_id,
            fallback=fallback,
            items=_items(warehouse, release, rows[:k]),
        )


def _fresh_pairs(warehouse: Warehouse, release: Release, listener_id: str) -> set[str]:
    """The tracks that a listener has heard since the batch layer was built."""
    if release.upto == release.batch:
        return set()
    heard = warehouse.read(
        release.relation("int_listens_tail"),
        ["track_id"],
        where=f"listener_id = {literal(listener_id)} "
        f"and batch_id > {release.batch} and batch_id <= {release.upto}",
    )
    return set(heard["track_id"].to_pylist())


def _neighbours(
    warehouse: Warehouse, release: Release, track_id: str
) -> list[dict[str, Any]]:
    found = warehouse.read(
        release.relation("fct_track_neighbours"),
        ["neighbour_track_id", "co_listener_count", "similarity"],
        where=f"track_id = {literal(track_id)}",
        order_by=["neighbour_rank"],
    )
    return [
        {
            "track_id": row["neighbour_track_id"],
            "score": row["similarity"],
            "sources": ["neighbours"],
            "reason": f"{row['co_listener_count']} listeners in common "
            f"(similarity {row['similarity']:.3f})",
        }
        for row in found.to_pylist()
    ]


def _items(warehouse: Warehouse, release: Release, rows: list[dict[str, Any]]) -> list[Item]:
    names = _names(warehouse, release, [row["track_id"] for row in rows])
    return [
        Item(
            rank=rank,
            track_id=row["track_id"],
            title=names.get(row["track_id"], {}).get("title"),
            artist=names.get(row["track_id"], {}).get("artist"),
            score=row["score"],
            sources=row["sources"],
            reason=row["reason"],
        )
        for rank, row in enumerate(rows, start=1)
    ]


def _names(
    warehouse: Warehouse, release: Release, track_ids: list[str]
) -> dict[str, dict[str, Any]]:
    if not track_ids:
        return {}
    found: pa.Table = warehouse.read(
        release.relation("dim_tracks"),
        ["track_id", "title", "artist"],
        where=f"track_id in ({', '.join(map(literal, track_ids))})",
    )
    return {row["track_id"]: row for row in found.to_pylist()}
