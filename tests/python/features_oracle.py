"""The feature marts, counted again in plain Python from the rows of the landed files.

As `layers_oracle`: it knows no layers and no SQL. Audio features of the invented track
files are all 0.5, so that means of them are too.
"""

from collections import defaultdict
from collections.abc import Iterable

from tests.python import layers_oracle
from tests.python.layers_oracle import (
    Batch,
    Definitions,
    Listen,
    Row,
    Track,
    catalogue,
    first_arrivals,
)

SCORES = ("recency_score", "frequency_score", "monetary_score", "rf_segment")
# What the oracle does not recompute: constants of the invented files, and the vector.
LEFT_OUT = (
    *("danceability", "loudness", "speechiness", "acousticness", "instrumentalness"),
    *("liveness", "valence", "vector"),
)


def recompute(
    batches: Iterable[Batch], upto: int, batch: int, by: Definitions
) -> dict[str, list[Row]]:
    """The three feature marts: listens up to `upto`, tracks and scores up to `batch`."""
    batches = list(batches)
    tracks = catalogue(batches, batch)
    scored = layers_oracle.recompute(batches, batch, batch, by)["fct_listener_rfm"]
    scores = {row["listener_id"]: {name: row[name] for name in SCORES} for row in scored}
    pairs: dict[tuple[str, str], list[Listen]] = defaultdict(list)
    listeners: dict[str, list[Listen]] = defaultdict(list)
    heard: dict[str, list[Listen]] = defaultdict(list)
    for listen in first_arrivals(batches, upto, by.earliest):
        pairs[listen.listener_id, listen.track_id].append(listen)
        listeners[listen.listener_id].append(listen)
        heard[listen.track_id].append(listen)
    return {
        "feat_listener_tracks": [
            {"listener_id": listener, "track_id": track}
            | _counted(group, tracks)
            | {"skip_rate": _skip_rate(group)}
            | {"active_s": max(_seconds(group)) - min(_seconds(group))}
            for (listener, track), group in pairs.items()
        ],
        "feat_listeners": [
            {"listener_id": listener}
            | _counted(group, tracks)
            | _tastes(group, tracks)
            | scores.get(listener, dict.fromkeys(SCORES))
            for listener, group in listeners.items()
        ],
        "feat_tracks": [
            {"track_id": track} | _sound(tracks.get(track)) | _heard(heard.get(track, []))
            for track in {*tracks, *heard}
        ],
    }


def _seconds(group: list[Listen]) -> list[int]:
    return [listen.second for listen in group]


def _counted(group: list[Listen], tracks: dict[str, Track]) -> Row:
    played = [
        tracks[listen.track_id].duration_ms
        if listen.ms_played is None and listen.track_id in tracks
        else listen.ms_played
        for listen in group
    ]
    known = [ms for ms in played if ms is not None]
    moments = [listen.listened_at for listen in group]
    return {
        "listen_count": len(group),
        "listen_ms": sum(known) if known else None,
        "listen_ms_coverage": len(known) / len(group),
        "first_listened_at": min(moments),
        "last_listened_at": max(moments),
    }


def _skip_rate(group: list[Listen]) -> float | None:
    played = [listen.ms_played for listen in group if listen.ms_played is not None]
    return sum(ms < 30_000 for ms in played) / len(played) if played else None


def _tastes(group: list[Listen], tracks: dict[str, Track]) -> Row:
    described = [tracks[listen.track_id] for listen in group if listen.track_id in tracks]
    half = 0.5 if described else None
    modes = [track.mode for track in described]
    different = {listen.track_id for listen in group}
    return {
        "track_count": len(different),
        "active_day_count": len({listen.day for listen in group}),
        "repeat_share": 1 - len(different) / len(group),
        **dict.fromkeys(("mean_tempo_bpm", "mean_energy", "mean_valence"), half),
        "major_share": modes.count(1) / len(modes) if modes else None,
    }


def _sound(track: Track | None) -> Row:
    return {
        "energy": 0.5 if track else None,
        "tempo_bpm": 0.5 if track else None,
        "musical_key": track.musical_key if track else None,
        "mode": track.mode if track else None,
        "duration_ms": track.duration_ms if track else None,
    }


def _heard(group: list[Listen]) -> Row:
    moments = [listen.listened_at for listen in group]
    last = max((listen.day for listen in group), default=0)
    return {
        "listen_count": len(group),
        "listener_count": len({listen.listener_id for listen in group}),
        "decayed_listen_count": sum(0.5 ** ((last - one.day) / 30) for one in group) + 0.0,
        "skip_rate": _skip_rate(group),
        "first_listened_at": min(moments, default=None),
        "last_listened_at": max(moments, default=None),
    }
