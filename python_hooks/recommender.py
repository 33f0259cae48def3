"""Answers: what to play next."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict, Unpack

from python_hooks import artifacts, blended_lists, ease_source
from python_hooks.answer_items import Item, Row, described, items
from python_hooks.blended_lists import DISCOVER, Blend, Pinned, mode_of
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

_LISTS = (*blended_lists.LISTS.values(), "rec_popular_tracks")

# Sources that go by what the listener heard to what they did not.
_CALLED_UP = {"neighbours", ease_source.SOURCE}
_POPULAR = {"popular_7d", "popular_30d", "popular_90d", "popular_last_30d"}


@dataclass(frozen=True)
class Recommendations:
    """The answer of `recommend`.

    Attributes:
        listener_id: Who asked.
        release: Id of the release that answered.
        mode: `familiar`, or `discover`: only what the listener has not heard.
        sources: The sources with a weight that took part.
        fallback: Why this is not the listener's own list, or an artifact is not the
            current one; None otherwise.
        items: The tracks, the best first.
    """

    listener_id: str
    release: str
    mode: str
    sources: list[str]
    fallback: str | None
    items: list[Item]


@dataclass(frozen=True)
class _Asked:
    """Where answers come from: a session, a release pinned in it, and its artifacts.

    Attributes:
        warehouse: The session.
        release: The release.
        home: The installation.
        as_of: The moment that is looked back to, or empty.
        mode: `familiar`, or `discover`.
        blend: The sources that take part.
    """

    warehouse: Warehouse
    release: Release
    home: Home
    as_of: str
    mode: str
    blend: Pinned


class Options(TypedDict, total=False):
    """What is asked for.

    Attributes:
        k: How many tracks, 10 if not given.
        discover: Whether only what the listener has not heard.
        as_of: A moment (ISO 8601): what would have been recommended then.
        sql: Whether the lists of the marts alone, without EASE.
    """

    k: int
    discover: bool
    as_of: str
    sql: bool


def recommend(listener_id: str, home: Home, **options: Unpack[Options]) -> Recommendations:
    """The best tracks for a listener, each with its reason.

    The list is the listener's own: that of SQL, `rec_listener_tracks` or with `discover`
    `rec_listener_discoveries`, which has nothing they ever heard; where EASE has a weight
    in the mode, its candidates are blended in, unless `sql`. Where it is shorter than `k`,
    popular tracks fill it, with `discover` those that they have not heard; who is not known
    gets the popular list. `fallback` says either, and that popular tracks stand where
    nothing was called up by what a listener heard.

    Raises:
        EncoreError: The server does not run, or the filter cannot be used.
    """
    (answer,) = recommend_many([listener_id], home, **options)
    return answer


def recommend_many(
    listener_ids: Iterable[str], home: Home, **options: Unpack[Options]
) -> list[Recommendations]:
    """`recommend` for many listeners, in their order and from one release.

    Raises:
        EncoreError: As `recommend`.
    """
    as_of = options.get("as_of", "")
    k, mode = options.get("k", 10), mode_of(options.get("discover", False))
    blend = Blend(mode, options.get("sql", False))
    with (
        Warehouse(home) as warehouse,
        blended_lists.pinned(home, warehouse, as_of, _LISTS, blend) as pinned,
    ):
        asked = _Asked(warehouse, pinned.release, home, as_of, mode, pinned)
        return [_answer(asked, each, k) for each in listener_ids]


def _answer(asked: _Asked, listener_id: str, k: int) -> Recommendations:
    fresh = _fresh_recordings(asked, listener_id)
    ease = asked.blend.ease
    own = ease.blended(listener_id, fresh) if ease else []
    own = own or _own_list(asked, listener_id, bool(fresh))
    known = bool(own or fresh) or _was_heard_of(asked, listener_id)
    rows, filtered = own, None
    if len(own) < k:
        proposed = {row["track_id"] for row in own}
        relation = asked.release.relation("rec_popular_tracks")
        popular = [
            row
            for row in asked.warehouse.read(relation, order_by=["rank"]).to_pylist()
            if row["track_id"] not in proposed
        ]
        if asked.mode == DISCOVER and known:
            popular, filtered = _unheard(asked, listener_id, popular, fresh)
        rows = own + popular
    return Recommendations(
        listener_id=listener_id,
        release=asked.release.release_id,
        mode=asked.mode,
        sources=asked.blend.sources,
        fallback=" ".join(
            filter(None, (_fallback(asked, listener_id, known, own, len(rows[:k])), filtered))
        )
        or None,
        items=items(asked.warehouse, asked.release, rows[:k]),
    )


def _own_list(asked: _Asked, listener_id: str, fresh: bool) -> list[Row]:
    """The batch build kept everybody's lists; who has listened since gets a new one."""
    where = f"listener_id = {literal(listener_id)}"
    model = blended_lists.LISTS[asked.mode]
    if fresh:
        model = "int_candidates_blended"
        where += f" and mode = {literal(asked.mode)}"
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


def _unheard(
    asked: _Asked, listener_id: str, rows: list[Row], fresh: set[str]
) -> tuple[list[Row], str | None]:
    """The rows that the listener has not heard; the fallback of the filter.

    Where the filter says no, nothing was heard. Where it says maybe, or is an older one,
    the mart knows: a false positive costs a look-up, never a recommendation.
    """
    heard, fallback, look_up = fresh, None, True
    # As of a moment it is of no use: it knows what was heard by now.
    if not asked.as_of:
        opened = artifacts.open_filter(
            artifacts.declared_as("heard_tracks_filter"), asked.home
        )
        fallback = opened.fallback
        maybe = opened.value.contains_many(listener_id, [row["track_id"] for row in rows])
        look_up = bool(fallback or any(maybe))
    if look_up:
        heard = heard | _heard_recordings(asked, listener_id)
    return [row for row in rows if row["track_id"] not in heard], fallback


def _heard_recordings(asked: _Asked, listener_id: str) -> set[str]:
    found = asked.warehouse.read(
        asked.release.relation(ease_source.HEARD),
        ["recording_id"],
        where=f"listener_id = {literal(listener_id)}",
    )
    return set(found["recording_id"].to_pylist())


def _fallback(
    asked: _Asked, listener_id: str, known: bool, own: list[Row], count: int
) -> str | None:
    """Why a list of `count` tracks is not what it usually is, or None."""
    said = [asked.blend.note] if asked.blend.note else []
    if not known:
        said.append(f"listener {listener_id} is not known: the popular list")
    elif len(own) < count:
        said.append(
            f"listener {listener_id} has a list of {len(own)}: popular tracks fill it"
        )
    elif not any(_CALLED_UP & set(row["sources"]) for row in own) and any(
        _POPULAR.issuperset(row["sources"]) for row in own[:count]
    ):
        said.append(
            f"nothing in the list of listener {listener_id} was called up by what they "
            "heard: what is no repeat is popular"
        )
    return "; ".join(said) or None


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
