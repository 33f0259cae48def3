"""The listens of the sample: who heard what and when, and the files per quarter."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rich.progress import track as with_progress

from python_hooks.console import err
from python_hooks.errors import EncoreError
from python_hooks.sample_data import (
    DATA,
    FAULTS,
    GENRES,
    LISTEN_COLUMNS,
    TRACK_COLUMNS,
    FloatArray,
    IntArray,
    Line,
    Row,
    invent_names,
    spoil,
    zipf,
)
from python_hooks.sample_tracks import Catalogue

Times = NDArray[np.datetime64]

_BEGIN, _END = np.datetime64("2025-05-01", "ms"), np.datetime64("2026-07-01", "ms")
_QUARTERS = np.arange("2025-04", "2026-10", 3, dtype="datetime64[M]").astype(_END.dtype)
_HOUR_MS, _DAY = 3_600_000, np.timedelta64(1, "D")
_HOURS = np.array(DATA["sessions"]["hours"]) / sum(DATA["sessions"]["hours"])
_DAYS = int((_END - _BEGIN) // _DAY)
_SPAN_MS = _DAYS * 24 * _HOUR_MS
_MONTHS = 14  # of equal length, in which popularity and tastes are constant


@dataclass(frozen=True)
class Habits:
    """How people listen in the sample: what a recommender can find in it.

    Attributes:
        repeat_rate: Mean probability that a listen goes back to an earlier one, 0 to 1;
            listeners differ by up to 0.15 in either direction, where there is room.
        skew: Exponent of Zipf's law over the tracks, >= 0: 0 makes all equally popular.
            Artists have half of it.
        tastes: Genres that a listener likes at a time, 1 to 6 of the 12.
        drift: How far the first tastes give way to others by the end, 0 (not at all) to 1
            (wholly; only the last genre is liked throughout).
    """

    repeat_rate: float = 0.45
    skew: float = 0.6
    tastes: int = 3
    drift: float = 1.0


def invent_listening(
    rng: Generator, catalogue: Catalogue, listeners: int, listens: int, habits: Habits
) -> tuple[list[Row], Times]:
    """Every listen once, oldest first: rows by column of the file, and their times."""
    activity = rng.lognormal(0, 1.2, listeners)
    activity[rng.random(listeners) < 0.05] *= 0.01  # came, saw, and left
    counts = 1 + rng.multinomial(listens - listeners, activity / activity.sum())
    n = len(catalogue.artist)
    popularity = zipf(rng, n, habits.skew)
    popularity = popularity * zipf(rng, n, habits.skew / 2)[catalogue.artist]
    # Some tracks are unknown until the month of their rise, and slowly fade.
    age = np.arange(_MONTHS)[:, None] - rng.integers(3, _MONTHS, n)
    rise = np.where(age < 0, 0.02, 1 + 9 * np.exp(-age / 3))
    popularity = popularity * np.where(rng.random(n) < 0.08, rise, 1)
    quiet = not err.is_terminal
    counted = with_progress(
        counts.tolist(), "listening", console=err, transient=True, disable=quiet
    )
    histories = [_history(rng, catalogue, popularity, count, habits) for count in counted]
    track, played, at = (np.concatenate(parts) for parts in zip(*histories, strict=True))
    names = np.repeat(invent_names(rng, "listeners", listeners), counts)
    order = np.lexsort((names, at))
    times = _BEGIN + at[order]
    ms_played = np.where(rng.random(listens) < 0.03, "", played.astype(str))
    stamps = np.char.add(np.datetime_as_string(times, unit="ms"), "Z").tolist()
    places = [TRACK_COLUMNS.index(column) for column in ("id", "artist", "title")]
    id_, *named = ([catalogue.rows[at][place] for at in track[order]] for place in places)
    cells = id_, stamps, names[order].tolist(), ms_played[order].tolist(), *named
    return list(zip(*cells, strict=True)), times


def _history(
    rng: Generator, catalogue: Catalogue, popularity: FloatArray, n: int, habits: Habits
) -> tuple[IntArray, IntArray, IntArray]:
    """One listener's listens: track, ms played and ms since the beginning, (n,) each."""
    kind = rng.random()  # most stay all the time, some join late, some leave early
    joined = rng.integers(_DAYS // 2, _DAYS) if kind < 0.2 else 0
    left = rng.integers(60, _DAYS) if kind > 0.6 else _DAYS - 1
    opens = (rng.random(n) < 1 / 8) | (np.arange(n) == 0)  # a session
    sessions = int(opens.sum())
    hours = 24 * rng.integers(joined, left + 1, sessions)
    hours += rng.choice(24, sessions, p=_HOURS)
    begins = np.sort(hours * _HOUR_MS + rng.integers(_HOUR_MS, size=sessions))
    begins = begins[opens.cumsum() - 1]

    # Favourite genres, all but the last of which give way to others.
    liked, genres = np.zeros((2, len(GENRES))), rng.permutation(len(GENRES))
    first, last = genres[: habits.tastes], genres[habits.tastes - 1 :][: habits.tastes]
    shares = rng.dirichlet(np.arange(habits.tastes, 0, -1), 2)
    liked[0, first], liked[1, last] = shares
    late = np.linspace(0, habits.drift, _MONTHS)[:, None]
    tastes = (1 - late) * liked[0] + late * liked[1] + 0.01
    weights = popularity * tastes[:, catalogue.genre]
    found = rng.choice(len(weights.T), 8, p=weights.sum(axis=0) / weights.sum())
    favourites = np.isin(catalogue.artist, catalogue.artist[found])
    chances = np.where(favourites, 5 * weights, weights).cumsum(axis=1)
    chances = chances / chances[:, -1:] + np.arange(_MONTHS)[:, None]

    # A listen repeats an earlier one that was not skipped (Simon's process, which
    # makes few tracks heard often), or is a find by taste and popularity.
    drawn = begins * _MONTHS // _SPAN_MS + rng.random(n)
    track = np.searchsorted(chances.ravel(), drawn, "right") % len(favourites)
    earlier = (np.arange(n) * np.sqrt(rng.random(n))).astype(np.int64)
    spread = min(0.15, habits.repeat_rate, 1 - habits.repeat_rate)
    chance = rng.random(n)
    repeats = chance < habits.repeat_rate + rng.uniform(-spread, spread)
    skipped = rng.random(n) < np.where(repeats, 0.06, 0.22)
    for at in np.flatnonzero(repeats & ~skipped[earlier]):
        track[at] = track[earlier[at]]

    share = np.where(rng.random(n) < 0.85, 1, rng.uniform(0.5, 1, n))
    played = (catalogue.duration_ms[track] * share).astype(np.int64)
    played = np.where(skipped, rng.integers(2_000, 30_000, n), played)
    spent = played + rng.integers(500, 8_000, n)
    before = spent.cumsum() - spent
    total = int(spent.sum())
    if total >= _SPAN_MS:
        raise EncoreError(
            f"One listener cannot play {n} tracks in {_DAYS} days.",
            "Ask for more listeners or fewer listens.",
        )
    # Sessions push each other back rather than overlap, but not beyond the end.
    times = before + np.maximum.accumulate(np.where(opens, begins - before, -1))
    return track, played, np.minimum(times, _SPAN_MS - 1 - (total - before))


def history_lines(
    rng: Generator, rows: list[Row], times: Times
) -> Iterator[tuple[str, list[Line]]]:
    """One file per quarter, each with the day before it once more."""
    after: dict[int, list[Line]] = defaultdict(list)
    for at in rng.integers(len(rows), size=-(-len(rows) // 300)).tolist():
        after[at].append(("duplicate", rows[at]))
    for fault in FAULTS["listens"]:
        at = int(rng.integers(len(rows)))
        after[at].append(spoil(fault, LISTEN_COLUMNS, rows[at]))
    for begin, end in pairwise(_QUARTERS):
        bounds = [begin - _DAY, begin, end]
        again, first, last = np.searchsorted(times, bounds).tolist()
        lines: list[Line] = [("duplicate", row) for row in rows[again:first]]
        for at in range(first, last):
            lines += [("accepted", rows[at]), *after[at]]
        if lines:
            year, month = str(begin)[:4], int(str(begin)[5:7])
            yield f"listening_history_{year}q{(month + 2) // 3}.csv", lines
