"""What must hold of everybody's recommendations, whoever asks and however."""

from collections import Counter, defaultdict
from typing import Any

from python_hooks import recommender, releases
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse

Lists = dict[str, list[dict[str, Any]]]
_MARTS = {False: "rec_listener_tracks", True: "rec_listener_discoveries"}
_COLUMNS = ["rank", "track_id", "score", "sources", "reason"]


def kept_lists(warehouse: Warehouse, release: Release, discover: bool) -> Lists:
    """The rows of the mart of a mode by listener, the best first."""
    return _by_listener(warehouse, release.relation(_MARTS[discover]))


def fresh_lists(warehouse: Warehouse, release: Release, discover: bool) -> Lists:
    """The same from the blend over all layers."""
    mode = "discover" if discover else "familiar"
    relation = release.relation("int_candidates_blended")
    return _by_listener(warehouse, relation, f"mode = '{mode}'")


def _by_listener(warehouse: Warehouse, relation: str, where: str | None = None) -> Lists:
    found: Lists = defaultdict(list)
    table = warehouse.read(
        relation, ["listener_id", *_COLUMNS], where, ["listener_id", "rank"]
    )
    for row in table.to_pylist():
        found[row.pop("listener_id")].append(row)
    return found


def differing_answers(home: Home, k: int = 50) -> list[str]:
    """Listeners whom `encore recommend` gives other tracks than the mart has for them."""
    wrong = []
    for discover in (False, True):
        with Warehouse(home) as warehouse:
            release = releases.current(warehouse, home)
            lists = kept_lists(warehouse, release, discover)
        assert lists
        # An answer takes Spark a moment: discoveries are asked of every tenth.
        asked = list(lists)[:: 10 if discover else 1]
        for answer in recommender.recommend_many(asked, home, k=k, discover=discover):
            ids = [item.track_id for item in answer.items]
            if ids[: len(lists[answer.listener_id])] != [
                row["track_id"] for row in lists[answer.listener_id]
            ]:
                wrong.append(f"{answer.listener_id} {answer.mode}")
    return wrong


def crowded_lists(home: Home, cap: int) -> list[str]:
    """Listeners in whose first ten (twenty, ...) tracks an artist has more than `cap`."""
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        tracks = warehouse.read(release.relation("dim_tracks"), ["track_id", "artist"])
        artists = dict(zip(*(column.to_pylist() for column in tracks.columns), strict=True))
        return [
            f"{listener_id}: {end}"
            for discover in (False, True)
            for listener_id, rows in kept_lists(warehouse, release, discover).items()
            for end in range(10, 60, 10)
            if max(_by_artist(rows[:end], artists).values()) > cap * end / 10
        ]


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
