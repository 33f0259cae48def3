"""Answers: what is like a track."""

from dataclasses import dataclass

from python_hooks import artifacts, releases, search
from python_hooks.answer_items import Item, Row, described, items
from python_hooks.errors import NegativeAnswerError
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal


@dataclass(frozen=True)
class Similar:
    """The answer of `similar`.

    Attributes:
        track_id: The track asked for.
        release: Id of the release that answered.
        fallback: Why the vector index did not answer, or that of a release before; None
            where it did.
        items: The tracks, the most similar first.
    """

    track_id: str
    release: str
    fallback: str | None
    items: list[Item]


def similar(track_id: str, home: Home, *, k: int = 10, text: str = "") -> Similar:
    """The `k` tracks most like a track, by the vectors of their audio features.

    A track without features is not in the index; then its neighbours by common
    listeners answer, without those the popular list, and `fallback` says so. Of a
    recording only one track is named, and none of the one asked for. With a text, only
    tracks that a search for it finds are compared, each of them exactly.

    Raises:
        NegativeAnswerError: The track is not known, or no other has the text.
        EncoreError: The server does not run, or an index cannot be used.
    """
    among, narrowed = search.candidates(text, home) if text else (None, None)
    opened = artifacts.open_index(artifacts.declared_as("track_vector_index"), home)
    index = opened.value
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        known = warehouse.read(
            release.relation("dim_tracks"),
            ["has_features", "recording_id"],
            where=f"track_id = {literal(track_id)}",
        ).to_pylist()
        if not known:
            raise NegativeAnswerError(
                f"No track has the id {track_id}.",
                "Look for it with `encore search TITLE --json`.",
            )
        recording_id = known[0]["recording_id"]
        fallback = opened.fallback
        if known[0]["has_features"]:
            # Twice as many, for some are of one recording.
            rows = [
                {
                    "track_id": found.key,
                    "score": found.similarity,
                    "sources": ["vectors"],
                    "reason": f"cosine similarity {found.similarity:.3f} of audio features",
                }
                for found in (
                    index.similar(track_id, 2 * k + 10)
                    if among is None
                    else index.similar_among(track_id, among, 2 * k + 10)
                )
            ]
        else:
            fallback = f"track {track_id} has no audio features: neighbours by listeners"
            rows = _neighbours(warehouse, release, recording_id)
            if not rows:
                fallback = (
                    f"track {track_id} has no audio features and no listeners in common "
                    "with another: the popular list"
                )
                rows = warehouse.read(
                    release.relation("rec_popular_tracks"), order_by=["rank"]
                ).to_pylist()
            if among is not None:
                found_ids = set(among.to_pylist())
                rows = [row for row in rows if row["track_id"] in found_ids]
        rows = _one_per_recording(warehouse, release, rows, recording_id)
        if among is not None and not rows:
            raise search.nothing_found(text)
        return Similar(
            track_id=track_id,
            release=release.release_id,
            fallback=" ".join(filter(None, (fallback, narrowed))) or None,
            items=items(warehouse, release, rows[:k]),
        )


def _neighbours(warehouse: Warehouse, release: Release, track_id: str) -> list[Row]:
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


def _one_per_recording(
    warehouse: Warehouse, release: Release, rows: list[Row], own: str
) -> list[Row]:
    """The first row of each recording but one."""
    tracks = described(warehouse, release, [row["track_id"] for row in rows])
    first: dict[str, Row] = {}
    for row in rows:
        # An index of another release may know tracks that this one does not.
        recording_id = tracks.get(row["track_id"], {}).get("recording_id", own)
        if recording_id != own:
            first.setdefault(recording_id, row)
    return list(first.values())
