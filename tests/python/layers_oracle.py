"""The serving marts, counted again in plain Python from the rows of the landed files.

It knows no layers and none of the project's SQL: only definitions, and the seeds, which
hold the business constants. Listens count up to `upto`, track files up to `batch`.
"""

import csv
import hashlib
import math
from collections import ChainMap, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Key = tuple[Any, ...]

KEYS = {
    "int_listens_log": ("listener_id", "track_id", "listened_at", "ms_played"),
    "fct_listener_track_rfm": ("listener_id", "track_id"),
    "fct_listener_rfm": ("listener_id",),
    "fct_track_rfm": ("track_id",),
    "fct_track_popularity": ("track_id",),
    "fct_key_frequency": ("musical_key",),
    "feat_listeners": ("listener_id",),
    "feat_listener_tracks": ("listener_id", "track_id"),
    "feat_tracks": ("track_id",),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Definitions:
    """What an edit of the project may change.

    Attributes:
        seeds: Folder of the seeds.
        earliest: Listens before this moment are rejected.
    """

    seeds: Path
    earliest: datetime


@dataclass(frozen=True)
class Batch:
    """One landed file: its number, its kind and the cells of its rows."""

    batch_id: int
    is_catalogue: bool
    rows: Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Listen:
    """One play; two of them are the same listen if all of this is equal."""

    listener_id: str
    track_id: str
    listened_at: datetime
    ms_played: int | None

    @property
    def second(self) -> int:
        return (self.listened_at - _EPOCH) // timedelta(seconds=1)

    @property
    def day(self) -> int:
        return (self.listened_at - _EPOCH).days


@dataclass(frozen=True)
class Track:
    """What the last track file said."""

    musical_key: int | None
    duration_ms: int | None
    mode: int | None


def recompute(
    batches: Iterable[Batch], upto: int, batch: int, by: Definitions
) -> dict[str, list[Row]]:
    """Every serving mart as if all of it were counted at once, and the log."""
    batches = list(batches)
    log = first_arrivals(batches, batch, by.earliest)
    tracks = catalogue(batches, batch)
    listens = list(first_arrivals(batches, upto, by.earliest))

    def ms(listen: Listen) -> int | None:
        track = tracks.get(listen.track_id)
        known = listen.ms_played
        return known if known is not None else track.duration_ms if track else None

    seconds = [listen.second for listen in listens] or [0]
    span, today = (min(seconds), max(seconds)), max(seconds) // 86_400

    def each(mart: str, *measures: Callable[[list[Listen]], Row]) -> list[Row]:
        groups: dict[Key, list[Listen]] = defaultdict(list)
        for listen in listens:
            groups[tuple(getattr(listen, column) for column in KEYS[mart])].append(listen)
        return [
            dict(zip(KEYS[mart], key, strict=True))
            | dict(ChainMap(*(measure(group) for measure in measures)))
            for key, group in groups.items()
        ]

    def rfm(group: list[Listen]) -> Row:
        return _rfm(group, ms, span)

    def btyd(group: list[Listen]) -> Row:
        return _btyd(group, today)

    return {
        "int_listens_log": [
            {**asdict(listen), "batch_id": batch_id} for listen, batch_id in log.items()
        ],
        "fct_listener_track_rfm": each("fct_listener_track_rfm", rfm),
        "fct_listener_rfm": _scored(each("fct_listener_rfm", rfm, btyd), by.seeds),
        "fct_track_rfm": _scored(
            each("fct_track_rfm", rfm, btyd, lambda group: _monetary(group, ms)), by.seeds
        ),
        "fct_track_popularity": each(
            "fct_track_popularity", lambda group: _popularity(group, today)
        ),
        "fct_key_frequency": _keys(tracks, listens, by.seeds),
    }


def first_arrivals(
    batches: Iterable[Batch], upto: int, earliest: datetime
) -> dict[Listen, int]:
    """The accepted listens among the batches up to one, with the batch each came in."""
    found: dict[Listen, int] = {}
    for batch in sorted(batches, key=lambda batch: batch.batch_id):
        if batch.batch_id <= upto and not batch.is_catalogue:
            for cells in batch.rows:
                if listen := _listen(cells, earliest):
                    found.setdefault(listen, batch.batch_id)
    return found


def catalogue(batches: Iterable[Batch], upto: int) -> dict[str, Track]:
    """The tracks as the last accepted row of each describes them."""
    found: dict[str, Track] = {}
    for batch in sorted(batches, key=lambda batch: batch.batch_id):
        for cells in batch.rows if batch.is_catalogue and batch.batch_id <= upto else ():
            key, duration = _whole(cells["key"]), _whole(cells["duration_ms"])
            key_fits = not cells["key"] or (key is not None and -1 <= key <= 11)
            if cells["id"] and key_fits and (duration or not cells["duration_ms"]):
                found[cells["id"]] = Track(key, duration, _whole(cells["mode"]))
    return found


def differences(mart: str, found: list[Row], expected: list[Row]) -> list[str]:
    """What is wrong with a mart; empty if every row and column agrees."""
    there, wanted = (
        {tuple(row[column] for column in KEYS[mart]): row for row in rows}
        for rows in (found, expected)
    )
    wrong = [f"{mart}: {len(found)} rows, {len(there)} keys"] * (len(there) < len(found))
    for key in sorted(there.keys() | wanted.keys(), key=str):
        one, other = there.get(key, {}), wanted.get(key, {})
        wrong += [
            f"{mart} {key} {column}: {one.get(column, 'nothing')!r} "
            f"instead of {other.get(column, 'nothing')!r}"
            for column in sorted(one.keys() | other.keys())
            if not _equal(one.get(column, "nothing"), other.get(column, "nothing"))
        ]
    return wrong


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return type(one) is type(other) and bool(one == other)


def _listen(cells: Mapping[str, str], earliest: datetime) -> Listen | None:
    track, ms, at = (
        cells["id"],
        _whole(cells["ms_played"]),
        _moment(cells["timestamp"], earliest),
    )
    if not track and cells["artist"] and cells["title"]:
        names = (" ".join(cells[column].lower().split()) for column in ("artist", "title"))
        track = "name:" + hashlib.sha256("\x1f".join(names).encode()).hexdigest()
    ms_fits = not cells["ms_played"] or (ms is not None and ms >= 0)
    if not track or not cells["listener"] or at is None or not ms_fits:
        return None
    return Listen(cells["listener"], track, at, ms)


def _moment(text: str, earliest: datetime) -> datetime | None:
    if text.isdecimal():
        at = _EPOCH + timedelta(milliseconds=int(text.ljust(13, "0")))
    else:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
    fits = earliest <= at <= datetime.now(UTC) + timedelta(days=1)
    return at.astimezone(UTC) if fits else None


def _whole(text: str) -> int | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return int(number) if number == int(number) else None


Ms = Callable[[Listen], int | None]


def _rfm(group: list[Listen], ms: Ms, span: tuple[int, int]) -> Row:
    known = [played for played in map(ms, group) if played is not None]
    seconds, (base, newest) = [listen.second for listen in group], span
    return {
        "frequency": len(group),
        "first_recency_s": min(seconds) - base,
        "last_recency_s": max(seconds) - base,
        "span_s": newest - base,
        "age_s": newest - max(seconds),
        "listen_ms": sum(known) if known else None,
        "listen_ms_coverage": len(known) / len(group),
        "has_monetary": len(known) == len(group),
    }


def _btyd(group: list[Listen], today: int) -> Row:
    days = {listen.day for listen in group}
    return {
        "btyd_frequency": len(days) - 1,
        "btyd_recency": max(days) - min(days),
        "btyd_t": today - min(days),
    }


def _monetary(group: list[Listen], ms: Ms) -> Row:
    first = min(listen.day for listen in group)
    repeats = {listen.day for listen in group} - {first}
    played = [ms(listen) for listen in group if listen.day in repeats]
    known = [value for value in played if value is not None]
    mean = sum(known) / len(repeats) if repeats else 0.0
    return {"btyd_monetary": mean if len(known) == len(played) else None}


def _scored(rows: Iterable[Row], seeds: Path) -> list[Row]:
    rows = list(rows)
    segments = {
        (int(row["recency_score"]), int(row["frequency_score"])): row["rf_segment"]
        for row in _seed(seeds, "rf_segments")
    }
    percentiles = [Fraction(row["percentile"]) for row in _seed(seeds, "rfm_bands")]

    def score(values: list[int | None]) -> list[int | None]:
        known = sorted(value for value in values if value is not None)
        if len(known) < 5:
            return [None] * len(values)
        cuts = [_percentile(known, percentile) for percentile in percentiles]
        return [
            None if value is None else 1 + sum(value > cut for cut in cuts)
            for value in values
        ]

    ages = score([row["age_s"] for row in rows])
    frequencies = score([row["frequency"] for row in rows])
    times = score([row["listen_ms"] if row["has_monetary"] else None for row in rows])
    for row, age, frequency, time in zip(rows, ages, frequencies, times, strict=True):
        recency = None if age is None else len(percentiles) + 2 - age
        row |= {"recency_score": recency, "frequency_score": frequency}
        segment = segments[recency, frequency] if recency and frequency else None
        row |= {"monetary_score": time, "rf_segment": segment}
    return rows


def _percentile(values: list[int], percentile: Fraction) -> Fraction:
    place = percentile * (len(values) - 1)
    low, high = values[math.floor(place)], values[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _popularity(group: list[Listen], today: int) -> Row:
    ages = [today - listen.day for listen in group]
    return {
        "listen_count": len(group),
        "listens_7d": sum(age < 7 for age in ages),
        "listens_30d": sum(age < 30 for age in ages),
        "decayed_30d": math.fsum(2 ** (-age / 30) for age in ages),
        "listener_count": len({listen.listener_id for listen in group}),
    }


def _keys(tracks: Mapping[str, Track], listens: list[Listen], seeds: Path) -> list[Row]:
    names = {
        int(row["musical_key"]): row["pitch_class"] for row in _seed(seeds, "pitch_classes")
    }
    of_track = {name: track.musical_key for name, track in tracks.items()}
    described = list(of_track.values())
    played = [of_track.get(listen.track_id) for listen in listens]
    ranked = sorted(range(12), key=lambda key: (-described.count(key), key))
    return [
        {
            "musical_key": key,
            "pitch_class": None if key is None else names[key],
            "track_count": described.count(key),
            "track_share": described.count(key) / len(described) if described else None,
            "track_rank": ranked.index(key) + 1 if key in range(12) else None,
            "listen_count": played.count(key),
            "listen_share": played.count(key) / len(played) if played else None,
        }
        for key in {*range(12), *described, *played}
    ]


def _seed(seeds: Path, name: str) -> list[dict[str, str]]:
    with (seeds / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))
