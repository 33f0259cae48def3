"""Answers: what to play next."""

from collections.abc import Iterable
from dataclasses import dataclass

from python_hooks import artifacts, time_travel
from python_hooks.answer_items import Item, Row, described, items
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

_LISTS = ("rec_listener_tracks", "rec_listener_discoveries", "rec_popular_tracks")


@dataclass(frozen=True)
class Recommendations:
    """The answer of `recommend`.

    Attributes:
        listener_id: Who asked.
        release: Id of the release that answered.
        mode: `familiar`, or `discover`: only what the listener has not heard.
        fallback: Why this is not the listener's own list, or None.
        items: The tracks, the best first.
    """

    listener_id: str
    release: str
    mode: str
    fallback: str | None
    items: list[Item]


@dataclass(frozen=True)
class _Asked:
    """Where answers come from: a session, a release pinned in it, and its artifacts."""

    warehouse: Warehouse
    release: Release
    home: Home


def recommend(
    listener_id: str, home: Home, *, k: int = 10, discover: bool = False, as_of: str = ""
) -> Recommendations:
    """The best `k` tracks for a listener, each with its reason.

    The list is the listener's own in SQL: `rec_listener_tracks`, with `discover`
    `rec_listener_discoveries`, which has nothing they ever heard. Where it is shorter than
    `k`, popular tracks fill it, with `discover` those that the Bloom filter does not know
    as heard; who is not known gets the popular list. `fallback` says either, and that
    nothing was called up by what a listener heard. `as_of` (ISO 8601) asks what would
    have been recommended then.

    Raises:
        EncoreError: The server does not run, or the filter cannot be used.
    """
    (answer,) = recommend_many([listener_id], home, k=k, discover=discover, as_of=as_of)
    return answer


def recommend_many(
    listener_ids: Iterable[str],
    home: Home,
    *,
    k: int = 10,
    discover: bool = False,
    as_of: str = "",
) -> list[Recommendations]:
    """`recommend` for many listeners, in their order and from one release.

    Raises:
        EncoreError: As `recommend`.
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
        asked = _Asked(warehouse, release, home)
        return [_answer(asked, each, k, discover) for each in listener_ids]


def _answer(asked: _Asked, listener_id: str, k: int, discover: bool) -> Recommendations:
    fresh = _fresh_recordings(asked, listener_id)
    own = _own_list(asked, listener_id, discover, bool(fresh))
    known = bool(own or fresh) or _was_heard_of(asked, listener_id)
    rows = own
    if len(own) < k:
        proposed = {row["track_id"] for row in own}
        relation = asked.release.relation("rec_popular_tracks")
        popular = [
            row
            for row in asked.warehouse.read(relation, order_by=["rank"]).to_pylist()
            if row["track_id"] not in proposed
        ]
        if discover and known:
            popular = _unheard(asked, listener_id, popular, fresh)
        rows = own + popular
    return Recommendations(
        listener_id=listener_id,
        release=asked.release.release_id,
        mode="discover" if discover else "familiar",
        fallback=_fallback(listener_id, known, own, len(rows[:k])),
        items=items(asked.warehouse, asked.release, rows[:k]),
    )


def _own_list(asked: _Asked, listener_id: str, discover: bool, fresh: bool) -> list[Row]:
    """The batch build kept everybody's lists; who has listened since gets a new one."""
    where = f"listener_id = {literal(listener_id)}"
    model = "rec_listener_discoveries" if discover else "rec_listener_tracks"
    if fresh:
        model = "int_candidates_blended"
        where += f" and mode = '{'discover' if discover else 'familiar'}'"
    rows: list[Row] = asked.warehouse.read(
        asked.release.relation(model),
        ["rank", "track_id", "score", "sources", "reason"],
        where=where,
        order_by=["rank"],
    ).to_pylist()
    return rows


def _was_heard_of(asked: _Asked, listener_id: str) -> bool:
    found = asked.warehouse.read(
        asked.release.relation("int_listener_recordings"),
        ["listener_id"],
        where=f"listener_id = {literal(listener_id)}",
        limit=1,
    )
    return len(found) > 0


def _unheard(asked: _Asked, listener_id: str, rows: list[Row], fresh: set[str]) -> list[Row]:
    heard = artifacts.open_filter(
        artifacts.declared_as("bloom_filter"), asked.home
    ).contains_many(listener_id, [row["track_id"] for row in rows])
    return [
        row
        for row, known in zip(rows, heard, strict=True)
        if not known and row["track_id"] not in fresh
    ]


def _fallback(listener_id: str, known: bool, own: list[Row], count: int) -> str | None:
    """Why a list of `count` tracks is not what it usually is, or None."""
    if not known:
        return f"listener {listener_id} is not known: the popular list"
    if len(own) < count:
        return f"listener {listener_id} has a list of {len(own)}: popular tracks fill it"
    if not any("neighbours" in row["sources"] for row in own):
        return (
            f"nothing in the list of listener {listener_id} was called up by what they "
            "heard: what is no repeat is popular"
        )
    return None


def _fresh_recordings(asked: _Asked, listener_id: str) -> set[str]:
    """The recordings that a listener has heard since the batch layer was built."""
    release = asked.release
    if release.upto == release.batch:
        return set()
    heard = asked.warehouse.read(
        release.relation("int_listens_tail"),
        ["track_id"],
        where=f"listener_id = {literal(listener_id)} "
        f"and batch_id > {release.batch} and batch_id <= {release.upto}",
    )
    track_ids = heard["track_id"].to_pylist()
    recordings = described(asked.warehouse, release, track_ids)
    # A track that arrived after the batch is a recording of its own.
    return {recordings.get(each, {}).get("recording_id", each) for each in track_ids}
