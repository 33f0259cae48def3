"""Lists of tracks as answers give them: with names, places and reasons."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

Row = dict[str, Any]


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


def items(warehouse: Warehouse, release: Release, rows: list[Row]) -> list[Item]:
    """Rows with track_id, score, sources and reason as a list with names, in their order."""
    names = described(warehouse, release, [row["track_id"] for row in rows])
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


def described(warehouse: Warehouse, release: Release, track_ids: list[str]) -> dict[str, Row]:
    """Per track its recording_id, title and artist, as the release has them."""
    if not track_ids:
        return {}
    found: pa.Table = warehouse.read(
        release.relation("dim_tracks"),
        ["track_id", "recording_id", "title", "artist"],
        where=f"track_id in ({', '.join(map(literal, track_ids))})",
    )
    return {row["track_id"]: row for row in found.to_pylist()}
