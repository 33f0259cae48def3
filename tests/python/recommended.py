"""What must hold of everybody's recommendations, whoever asks and however."""

from collections import Counter, defaultdict
from typing import Any

from python_hooks import artifacts, ease_source, recommender, releases
from python_hooks.blended_lists import LISTS, Ease, Weight, mode_of
from python_hooks.home import Home
from python_hooks.item_weights import PLACES
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

Lists = dict[str, list[dict[str, Any]]]
_COLUMNS = ["rank", "track_id", "score", "sources", "reason"]


def kept_lists(warehouse: Warehouse, release: Release, discover: bool) -> Lists:
    """The rows of the mart of a mode by listener, the best first."""
    return _by_listener(warehouse, release.relation(LISTS[mode_of(discover)]))


def fresh_lists(warehouse: Warehouse, release: Release, discover: bool) -> Lists:
    """The same from the blend over all layers."""
    relation = release.relation("int_candidates_blended")
    return _by_listener(warehouse, relation, f"mode = '{mode_of(discover)}'")


def _by_listener(warehouse: Warehouse, relation: str, where: str | None = None) -> Lists:
    found: Lists = defaultdict(list)
    table = warehouse.read(
        relation, ["listener_id", *_COLUMNS], where, ["listener_id", "rank"]
    )
    for row in table.to_pylist():
        found[row.pop("listener_id")].append(row)
    return found


def differing_answers(home: Home, discover: bool, k: int = 50) -> tuple[list[str], list[str]]:
    """All listeners, and those whom `--sources sql` gives another list than the mart.

    An answer has the ids of the mart's list, in its order; popular tracks come after it.
    """
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        lists = kept_lists(warehouse, release, discover)
        found = warehouse.read(release.relation("fct_listener_rfm"), ["listener_id"])
    listeners: list[str] = found["listener_id"].to_pylist()
    answers = recommender.recommend_many(listeners, home, k=k, discover=discover, sql=True)
    assert {answer.release for answer in answers} == {release.release_id}
    return listeners, [
        answer.listener_id
        for answer in answers
        for wanted in [[row["track_id"] for row in lists[answer.listener_id]]]
        if [item.track_id for item in answer.items][: len(wanted)] != wanted
    ]


def differing_blends(home: Home, cap: int) -> list[str]:
    """Listeners for whom EASE adds something else than its term to what SQL has.

    With a weight of 0 the list has to be that of the mart, row by row; with another one
    each score that of SQL and the term, in the order of `artist_capped`.
    """
    wrong = []
    weights = artifacts.open_weights(artifacts.declared_as("track_item_weights"), home).value
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        for discover in (False, True):
            lists = kept_lists(warehouse, release, discover)
            for listener_id in list(lists)[::40]:
                for share in (0.0, 0.9):
                    seed = Weight(ease_source.SOURCE, share, 150)
                    ease = Ease(warehouse, release, weights, seed, mode_of(discover))
                    found = ease.blended(listener_id, set())
                    if not _is_blend(found, lists[listener_id], ease, listener_id):
                        wrong.append(f"{listener_id} {discover} {share}")
                    artists = ease.artists([row["track_id"] for row in found])
                    crowd = Counter(artists(row["track_id"]) for row in found[:10])
                    if max(crowd.values()) > cap:
                        wrong.append(f"{listener_id} is crowded")
    return wrong


def _is_blend(
    found: list[dict[str, Any]], kept: list[dict[str, Any]], ease: Ease, listener_id: str
) -> bool:
    columns = ("track_id", "score")
    if ease.seed.weight == 0:
        return [[row[name] for name in columns] for row in found] == [
            [row[name] for name in columns] for row in kept
        ]
    calls = ease.calls(listener_id)
    scored = ease.warehouse.read(
        ease.release.relation("int_candidates_scored"),
        ["track_id", "score"],
        f"listener_id = {literal(listener_id)} and mode = {literal(ease.mode)}",
    )
    scores = dict(zip(*(column.to_pylist() for column in scored.columns), strict=True))
    for row in found:
        call = calls.get(row["track_id"])
        added = ease.value(call.proposal) if call else 0.0
        if (ease_source.SOURCE in row["sources"]) != (call is not None):
            return False
        if row["score"] != round(float(scores.get(row["track_id"], 0)) + added, PLACES):
            return False
    return any(ease_source.SOURCE in row["sources"] for row in found)


def crowded_lists(home: Home, cap: int) -> list[str]:
    """Listeners in whose first ten (twenty, ...) tracks an artist has more than `cap`.

    Where all that is proposed to them is by too few artists, there is no other list.
    """
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        tracks = warehouse.read(release.relation("dim_tracks"), ["track_id", "artist"])
        artists = dict(zip(*(column.to_pylist() for column in tracks.columns), strict=True))
        found, judged = [], 0
        for discover in (False, True):
            proposed: Lists = defaultdict(list)
            for row in warehouse.read(
                release.relation("int_candidates_scored"),
                ["listener_id", "track_id"],
                f"mode = '{mode_of(discover)}'",
            ).to_pylist():
                proposed[row["listener_id"]].append(row)
            for listener_id, rows in kept_lists(warehouse, release, discover).items():
                there = _by_artist(proposed[listener_id], artists)
                for end in range(10, len(rows) + 1, 10):
                    most = cap * end // 10
                    if sum(min(count, most) for count in there.values()) >= end:
                        judged += 1
                        if max(_by_artist(rows[:end], artists).values()) > most:
                            found.append(f"{listener_id} {mode_of(discover)}: {end}")
        assert judged > 500
        return found


def _by_artist(rows: list[dict[str, Any]], artists: dict[str, str | None]) -> Counter[str]:
    """How many tracks each artist has; who has no known artist is their own."""
    ids = [row["track_id"] for row in rows]
    return Counter(artists[track_id] or track_id for track_id in ids)


def heard_discoveries(home: Home) -> list[tuple[str, str]]:
    """What a listener is to discover and has heard, by recording."""
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        heard, tracks = (
            warehouse.read(release.relation(model), [*columns]).to_pylist()
            for model, columns in (
                ("fct_listener_track_rfm", ("listener_id", "track_id")),
                ("dim_tracks", ("track_id", "recording_id")),
            )
        )
        recordings = {row["track_id"]: row["recording_id"] for row in tracks}
        # What arrived after the batch is a recording of its own.
        pairs = {
            (row["listener_id"], recordings.get(row["track_id"], row["track_id"]))
            for row in heard
        }
        lists = kept_lists(warehouse, release, discover=True)
        return [
            (listener_id, row["track_id"])
            for listener_id, rows in lists.items()
            for row in rows
            if (listener_id, row["track_id"]) in pairs
        ]
