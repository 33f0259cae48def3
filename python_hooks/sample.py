"""An invented listening history with known faults, drawn from a seed.

The files look like exports of a streaming service: one of tracks, one of listens
per quarter. Every line is made together with what has to become of it, so the
counts that the warehouse must arrive at are known (`expected`). `docs/sample.md`
describes the data; words, genres and faults are in `sample.toml`.
"""

import csv
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray
from rich.progress import track as with_progress

from python_hooks.console import err
from python_hooks.errors import EncoreError

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Times = NDArray[np.datetime64]
Row = tuple[str, ...]
Line = tuple[str, Row]  # what has to become of it, and its cells

_DATA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_GENRES: dict[str, list[float]] = _DATA["genres"]
_FAULTS = {
    source: [fault for fault in faults for _ in range(fault["times"])]
    for source, faults in _DATA["faults"].items()
}
KEY_COUNTS: Mapping[int, int] = {int(k): n for k, n in _DATA["key_counts"].items()}
_LISTEN_COLUMNS: list[str] = _DATA["columns"]["listens"]
_TRACK_COLUMNS: list[str] = _DATA["columns"]["tracks"]
_BASE_62 = list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_BEGIN, _END = np.datetime64("2025-05-01", "ms"), np.datetime64("2026-07-01", "ms")
_QUARTERS = np.arange("2025-04", "2026-10", 3, dtype="datetime64[M]").astype(_END.dtype)
_HOUR_MS, _DAY = 3_600_000, np.timedelta64(1, "D")
_HOURS = np.array(_DATA["sessions"]["hours"]) / sum(_DATA["sessions"]["hours"])
_DAYS = int((_END - _BEGIN) // _DAY)
_SPAN_MS = _DAYS * 24 * _HOUR_MS
_MONTHS = 14  # of equal length, in which popularity and tastes are constant


class Options(TypedDict, total=False):
    """What `generate` and `expected` take, all optional.

    Attributes:
        seed: Seed of the generator, >= 0; default 1.
        tracks: Accepted distinct tracks; default the sum of `key_counts`, which any
            other number takes in proportion.
        key_counts: Accepted distinct tracks by key (-1 to 11); default `KEY_COUNTS`.
        listeners: Number of listeners; default 200.
        listens: Accepted distinct listens, >= `listeners`; default 40,000.
    """

    seed: int
    tracks: int | None
    key_counts: Mapping[int, int] | None
    listeners: int
    listens: int


class _Catalogue(NamedTuple):
    """`n` tracks that are heard, `listed` of them in the track file, and faulty ones."""

    rows: list[Row]  # by column of the track file; first the listed ones, last the faulty
    listed: int
    artist: IntArray  # (n,) index of the artist
    genre: IntArray  # (n,) index of the genre
    duration_ms: IntArray  # (n,)


def generate(folder: Path, **options: Unpack[Options]) -> list[Path]:
    """Writes the track file and the listening histories; same options, same bytes.

    Args:
        folder: Where to write; made if absent, files of the same name are replaced.
        **options: See `Options`.

    Returns:
        The files in order of name, which is the order to land them in.

    Raises:
        EncoreError: An option is out of its range, or the folder cannot be written.
    """
    files = _files(options)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in files.items():
            with (folder / name).open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(_TRACK_COLUMNS if "track" in name else _LISTEN_COLUMNS)
                writer.writerows(cells for _, cells in lines)
    except OSError as error:
        raise EncoreError(
            f"The sample cannot be written to {folder}: {error.strerror}.",
            "Choose a folder that can be written.",
        ) from error
    return [folder / name for name in files]


def expected(**options: Unpack[Options]) -> dict[str, Counter[str]]:
    """Counts what has to become of the lines that `generate` writes, header left out.

    Returns:
        Per file name, in order of landing: `accepted`, `duplicate`, `superseded`,
        `unreadable` and each reason of rejection that occurs; `total()` is what lands.

    Raises:
        EncoreError: An option is out of its range.
    """
    files = _files(options).items()
    return {name: Counter(outcome for outcome, _ in lines) for name, lines in files}


def _files(options: Options) -> dict[str, list[Line]]:
    seed, listeners = options.get("seed", 1), options.get("listeners", 200)
    listens = options.get("listens", 40_000)
    keys = _keys(options.get("tracks"), options.get("key_counts"))
    if seed < 0 or not 1 <= listeners <= listens:
        raise EncoreError(
            f"No sample for seed {seed}, {listeners} listeners and {listens} listens.",
            "The seed is at least 0, and every listener listens at least once.",
        )
    # A stream each, so that other numbers of listens leave the tracks as they are.
    tracks, heard, faults = (Generator(PCG64(s)) for s in SeedSequence(seed).spawn(3))
    catalogue = _catalogue(tracks, keys)
    listening = _listening(heard, catalogue, listeners, listens)
    files = dict(_histories(faults, *listening))
    return files | {"track_features.csv": _track_lines(tracks, catalogue)}


def _keys(tracks: int | None, key_counts: Mapping[int, int] | None) -> IntArray:
    """Keys of the track file, sorted as in the counts: (tracks,)."""
    counts = KEY_COUNTS if key_counts is None else key_counts
    total = sum(counts.values())
    tracks = total if tracks is None else tracks
    allowed = all(-1 <= key <= 11 and count >= 0 for key, count in counts.items())
    if not allowed or min(tracks, total) < 1:
        raise EncoreError(
            f"No sample for {tracks} tracks with {dict(counts)} by key.",
            "There is at least one track; keys are -1 to 11, their counts at least 0.",
        )
    keys = np.repeat(np.array(list(counts)), list(counts.values()))
    return keys[np.arange(tracks) * total // tracks]  # evenly spaced: all, if all fit


def _names(rng: Generator, kind: str, count: int) -> list[str]:
    """Invents distinct names; where the words run out, they are numbered."""
    names = [
        f"{first}{glue}{last}"
        for firsts, glue, lasts in _DATA["names"][kind]
        for first in _DATA["words"][firsts]
        for last in _DATA["words"][lasts]
    ]
    rng.shuffle(names)
    turns = (divmod(k, len(names)) for k in range(count))
    return [names[at] if turn == 0 else f"{names[at]} {turn + 1}" for turn, at in turns]


def _zipf(rng: Generator, size: int, exponent: float) -> FloatArray:
    """Weights 1 / rank^exponent in random order, with sum 1: (size,)."""
    weights = rng.permutation(np.arange(1.0, size + 1) ** -exponent)
    return np.asarray(weights / weights.sum())


def _catalogue(rng: Generator, keys: IntArray) -> _Catalogue:
    """Invents artists and tracks; features scatter around the genre and the artist."""
    listed = len(keys)
    heard = listed + max(3, listed // 30)
    n = heard + len(_FAULTS["tracks"])
    artists = max(1, listed // 8)
    names = np.array(_names(rng, "artists", artists))
    # Every artist has a track; the others go to few artists.
    more = rng.choice(artists, n - artists, p=_zipf(rng, artists, 0.8))
    artist = rng.permutation(np.append(np.arange(artists), more))
    genre = rng.permutation(np.arange(artists) % len(_GENRES))[artist]
    middle = np.array(list(_GENRES.values()))[genre]
    scatter = rng.normal(0, 0.5, (artists, 9))[artist] + rng.normal(0, 0.45, (n, 9))
    scatter[:, 3] -= 0.6 * scatter[:, 1]  # what is acoustic has less energy
    odds = middle[:, :7] / (1 - middle[:, :7]) * np.exp(scatter[:, :7])
    shares = (odds / (1 + odds)).round(3)
    loudness = (17 * shares[:, 1] - 18 + rng.normal(0, 1.5, n)).clip(-60, 0).round(3)
    tempo = (middle[:, 7] * np.exp(scatter[:, 7] / 5)).clip(50, 210).round(3)
    tempo[rng.random(n) < 0.003] = 0  # no beat was found
    minutes = (middle[:, 8] * np.exp(scatter[:, 8] / 3)).clip(1.5, 7)
    duration_ms = (minutes * 60_000).astype(np.int64)
    ids = np.array(["".join(chars) for chars in rng.choice(_BASE_62, (n, 22)).tolist()])
    ids[heard - (heard - listed) // 3 : heard] = ""  # known by artist and title alone
    cells = dict(zip(_DATA["columns"]["shares"], shares.T, strict=True)) | {
        "key": np.append(rng.permutation(keys), np.zeros(n - listed, np.int64)),
        "loudness": loudness,
        "mode": (rng.random(n) < middle[:, 9]).astype(np.int64),
        "tempo": tempo,
        "type": np.full(n, "audio_features"),
        "id": ids,
        "uri": np.char.add("sample:track:", ids),
        "duration_ms": duration_ms,
        "time_signature": rng.choice([4, 3, 5, 1], n, p=[0.94, 0.04, 0.015, 0.005]),
        "title": np.array(_names(rng, "titles", n)),
        "artist": names[artist],
        "genre": np.array(list(_GENRES))[genre],
    }
    rows = list(zip(*(map(str, cells[c].tolist()) for c in _TRACK_COLUMNS), strict=True))
    return _Catalogue(rows, listed, *(a[:heard] for a in (artist, genre, duration_ms)))


def _track_lines(rng: Generator, catalogue: _Catalogue) -> list[Line]:
    """The listed tracks, five of them corrected at the end, with faulty ones between."""
    lines: list[Line] = [("accepted", row) for row in catalogue.rows[: catalogue.listed]]
    title = _TRACK_COLUMNS.index("title")
    for at in rng.permutation(catalogue.listed)[:5]:
        row = lines[at][1]
        lines.append(("accepted", row))
        lines[at] = "superseded", (*row[:title], row[title][:-1], *row[title + 1 :])
    faulty = catalogue.rows[len(catalogue.artist) :]
    for fault, row in zip(_FAULTS["tracks"], faulty, strict=True):
        place = int(rng.integers(len(lines)))
        lines.insert(place, _spoil(fault, _TRACK_COLUMNS, row))
    return lines


def _spoil(fault: dict[str, Any], columns: list[str], row: Row) -> Line:
    over, fields = fault.get("cells", {}), fault.get("fields", 0)
    cells = tuple(over.get(c, cell) for c, cell in zip(columns, row, strict=True))
    return fault["outcome"], cells[:fields] if fields < 0 else cells + ("",) * fields


def _listening(
    rng: Generator, catalogue: _Catalogue, listeners: int, listens: int
) -> tuple[list[Row], Times]:
    """Every listen once, oldest first: rows by column of the file, and their times."""
    activity = rng.lognormal(0, 1.2, listeners)
    activity[rng.random(listeners) < 0.05] *= 0.01  # came, saw, and left
    counts = 1 + rng.multinomial(listens - listeners, activity / activity.sum())
    n = len(catalogue.artist)
    popularity = _zipf(rng, n, 0.6) * _zipf(rng, n, 0.3)[catalogue.artist]
    # Some tracks are unknown until the month of their rise, and slowly fade.
    age = np.arange(_MONTHS)[:, None] - rng.integers(3, _MONTHS, n)
    rise = np.where(age < 0, 0.02, 1 + 9 * np.exp(-age / 3))
    popularity = popularity * np.where(rng.random(n) < 0.08, rise, 1)
    quiet = not err.is_terminal
    counted = with_progress(
        counts.tolist(), "listening", console=err, transient=True, disable=quiet
    )
    histories = [_history(rng, catalogue, popularity, count) for count in counted]
    track, played, at = (np.concatenate(parts) for parts in zip(*histories, strict=True))
    names = np.repeat(_names(rng, "listeners", listeners), counts)
    order = np.lexsort((names, at))
    times = _BEGIN + at[order]
    ms_played = np.where(rng.random(listens) < 0.03, "", played.astype(str))
    stamps = np.char.add(np.datetime_as_string(times, unit="ms"), "Z").tolist()
    places = [_TRACK_COLUMNS.index(column) for column in ("id", "artist", "title")]
    id_, *named = ([catalogue.rows[at][place] for at in track[order]] for place in places)
    cells = id_, stamps, names[order].tolist(), ms_played[order].tolist(), *named
    return list(zip(*cells, strict=True)), times


def _history(
    rng: Generator, catalogue: _Catalogue, popularity: FloatArray, n: int
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

    # Three favourite genres, the first two of which give way to two others.
    liked, genres = np.zeros((2, len(_GENRES))), rng.permutation(len(_GENRES))
    liked[0, genres[:3]], liked[1, genres[2:5]] = rng.dirichlet((3, 2, 1), 2)
    late = np.linspace(0, 1, _MONTHS)[:, None]
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
    repeats = rng.random(n) < rng.uniform(0.3, 0.6)
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


def _histories(
    rng: Generator, rows: list[Row], times: Times
) -> Iterator[tuple[str, list[Line]]]:
    """One file per quarter, each with the day before it once more."""
    after: dict[int, list[Line]] = defaultdict(list)
    for at in rng.integers(len(rows), size=-(-len(rows) // 300)).tolist():
        after[at].append(("duplicate", rows[at]))
    for fault in _FAULTS["listens"]:
        at = int(rng.integers(len(rows)))
        after[at].append(_spoil(fault, _LISTEN_COLUMNS, rows[at]))
    for begin, end in pairwise(_QUARTERS):
        bounds = [begin - _DAY, begin, end]
        again, first, last = np.searchsorted(times, bounds).tolist()
        lines: list[Line] = [("duplicate", row) for row in rows[again:first]]
        for at in range(first, last):
            lines += [("accepted", rows[at]), *after[at]]
        if lines:
            year, month = str(begin)[:4], int(str(begin)[5:7])
            yield f"listening_history_{year}q{(month + 2) // 3}.csv", lines
