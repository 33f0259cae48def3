"""What a report on one listener shows, read from the marts of one release."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from python_hooks import recommender, releases
from python_hooks.errors import EncoreError, NegativeAnswerError
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse, literal

Row = dict[str, Any]


@dataclass(frozen=True)
class Listening:
    """One listener's history, and what stands around it.

    Attributes:
        listener_id: Who.
        release: Id of the release.
        listened_at: Local moments of all listens, in order: (listens,) datetime64[s].
        zone: The time zone that they are in.
        summary: The listener's row of `feat_listeners`.
        tracks: A row per track heard, the most played first: `fct_listener_track_rfm`
            with title, artist and musical_key.
        keys: `fct_key_frequency`: the catalogue's listens by key.
        segments: `rf_segments` with `meaning`, and `listener_count` of each cell.
        familiar: Recommendations of what may be known.
        discoveries: Recommendations of what the listener never heard.
        fallbacks: Why these two lists are not what they usually are; empty if they are.
    """

    listener_id: str
    release: str
    listened_at: npt.NDArray[np.datetime64]
    zone: str
    summary: Row
    tracks: list[Row]
    keys: list[Row]
    segments: list[Row]
    familiar: list[Row]
    discoveries: list[Row]
    fallbacks: list[str]


def read(listener_id: str, home: Home, zone: str = "UTC") -> Listening:
    """Reads everything for a report.

    Args:
        listener_id: Who.
        home: The installation.
        zone: IANA name of the time zone of calendar and clock.

    Raises:
        NegativeAnswerError: The listener has no listens.
        EncoreError: The server does not run, or there is no such time zone.
    """
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise EncoreError(
            f"There is no time zone {zone!r}.", "Name one as in Europe/Berlin, or UTC."
        ) from None
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        who = f"listener_id = {literal(listener_id)}"
        summary = warehouse.read(release.relation("feat_listeners"), where=who).to_pylist()
        if not summary:
            raise NegativeAnswerError(
                f"The published marts have no listens of {listener_id!r}.",
                "`encore show fct_listener_rfm` lists listeners.",
            )
        moments = _moments(warehouse, release, who, zone)
        tracks = _tracks(warehouse, release, who)
        keys = warehouse.read(release.relation("fct_key_frequency")).to_pylist()
        segments = _segments(warehouse, release)
    lists = {
        discover: recommender.recommend(listener_id, home, discover=discover)
        for discover in (False, True)
    }
    if {answer.release for answer in lists.values()} != {release.release_id}:
        raise EncoreError(
            "Another release was published meanwhile: the page would mix two.", "Try again."
        )
    return Listening(
        listener_id=listener_id,
        release=release.release_id,
        listened_at=moments,
        zone=zone,
        summary=summary[0],
        tracks=tracks,
        keys=keys,
        segments=segments,
        familiar=[vars(item) for item in lists[False].items],
        discoveries=[vars(item) for item in lists[True].items],
        fallbacks=[answer.fallback or "" for answer in lists.values()],
    )


def _moments(
    warehouse: Warehouse, release: Release, who: str, zone: str
) -> npt.NDArray[np.datetime64]:
    # What a clock on the wall showed is a matter of the zone's history: Spark knows it.
    local = f"cast(from_utc_timestamp(listened_at, {literal(zone)}) as timestamp_ntz)"
    # The log of the last batch, and what speed runs have published since.
    log, tail = release.relation("int_listens_log"), "select null where false"
    if release.upto > release.batch:
        tail = (
            f"select {local} from {release.relation('int_listens_tail')} where {who} "
            f"and batch_id > {release.batch} and batch_id <= {release.upto}"
        )
    table = warehouse.query(
        f"select at from (select {local} as at from {log} where {who} union all {tail}) "
        "order by at"
    )
    moments = table["at"].cast(pa.timestamp("s"), safe=False).to_numpy()
    return np.asarray(moments, dtype="datetime64[s]")


def _tracks(warehouse: Warehouse, release: Release, who: str) -> list[Row]:
    rows: list[Row] = warehouse.query(
        f"select heard.*, title, artist, musical_key "
        f"from (select * from {release.relation('fct_listener_track_rfm')} where {who}) "
        f"as heard left join {release.relation('dim_tracks')} as tracks "
        "on heard.track_id = tracks.track_id "
        "order by frequency desc, last_recency_s desc, heard.track_id asc"
    ).to_pylist()
    return rows


def _segments(warehouse: Warehouse, release: Release) -> list[Row]:
    rows: list[Row] = warehouse.query(
        "select recency_score, frequency_score, rf_segment, meaning, listener_count "
        f"from {release.relation('rf_segments')} "
        f"left join {release.relation('segment_meanings')} using (rf_segment) "
        "left join (select recency_score, frequency_score, count(*) as listener_count "
        f"from {release.relation('fct_listener_rfm')} group by all) "
        "using (recency_score, frequency_score)"
    ).to_pylist()
    return rows
