"""Realistic listening of any size, seeded: what all benchmarks run on.

    python -m benchmarks.listening /tmp/ten_million --listens 10000000

Listeners and tracks are popular by Zipf's law; a listener listens in sessions, mostly in
the evening, and takes a third of what is played from what was played before.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

_ROWS_PER_FILE = 1_000_000
_TRACKS_PER_SESSION = 12
_DAYS = 730
_FIRST = np.datetime64("2023-01-01T00:00:00", "ms")
_FEATURES = ("danceability", "energy", "speechiness", "acousticness", "valence")


@dataclass(frozen=True)
class Size:
    """How much listening there is.

    Attributes:
        listens: Rows of the history.
        listeners: Who listened.
        tracks: What there is to listen to.
        seed: Decides everything.
    """

    listens: int
    listeners: int
    tracks: int
    seed: int = 1


def sized(listens: int, seed: int = 1) -> Size:
    """The usual proportions: a hundred listens per listener and per track."""
    return Size(listens, max(listens // 100, 10), max(listens // 100, 100), seed)


def write(folder: Path, size: Size) -> None:
    """Writes the history as CSV files of a million rows, and one of tracks.

    Args:
        folder: Created where it is missing.
        size: How much.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pa_csv.write_csv(tracks(size), folder / "tracks.csv")
    for number, table in enumerate(histories(size)):
        pa_csv.write_csv(table, folder / f"plays_{number:04}.csv")


def tracks(size: Size) -> pa.Table:
    """One row per track: id, artist, title, genre, key, mode, durations and features."""
    rng = np.random.default_rng([size.seed, 0])
    ids = np.arange(size.tracks)
    columns = {
        "id": _named("track ", ids),
        "artist": _named("artist ", ids // 12),
        "title": _named("title ", ids),
        "genre": _named("genre ", ids // 12 % 20),
        "key": rng.integers(0, 12, size.tracks),
        "mode": rng.integers(0, 2, size.tracks),
        "duration_ms": rng.integers(120_000, 360_000, size.tracks),
        "tempo": np.round(rng.normal(120, 25, size.tracks).clip(40, 220), 3),
        "loudness": np.round(rng.normal(-8, 4, size.tracks), 3),
        "instrumentalness": np.round(rng.beta(0.3, 2, size.tracks), 4),
        "liveness": np.round(rng.beta(2, 8, size.tracks), 4),
    } | {name: np.round(rng.beta(3, 3, size.tracks), 4) for name in _FEATURES}
    return pa.table(columns)


def histories(size: Size) -> Iterator[pa.Table]:
    """The listens in the order of time, in tables of at most a million rows.

    Columns: listener, id (strings), timestamp (ISO 8601, UTC), ms_played.
    """
    for number, begin in enumerate(range(0, size.listens, _ROWS_PER_FILE)):
        rows = min(_ROWS_PER_FILE, size.listens - begin)
        part = (begin / size.listens, (begin + rows) / size.listens)
        yield _history(size, rows, part, np.random.default_rng([size.seed, 1, number]))


def _history(
    size: Size, rows: int, part: tuple[float, float], rng: np.random.Generator
) -> pa.Table:
    sessions = -(-rows // _TRACKS_PER_SESSION)
    listener = np.repeat(_zipf(rng, sessions, size.listeners), _TRACKS_PER_SESSION)[:rows]
    track = _zipf(rng, rows, size.tracks)
    # A listener's favourites: few tracks, the same ones for ever.
    favourite = (listener * 7919 + rng.integers(0, 20, rows) ** 2) % size.tracks
    track = np.where(rng.random(rows) < 0.35, favourite, track)
    days = rng.uniform(part[0] * _DAYS, part[1] * _DAYS, sessions).astype(np.int64)
    evening = rng.normal(19.5, 3.5, sessions) % 24
    start = days * 86_400_000 + (evening * 3_600_000).astype(np.int64)
    within = np.tile(np.arange(_TRACKS_PER_SESSION) * 215_000, sessions)[:rows]
    at = np.repeat(start, _TRACKS_PER_SESSION)[:rows] + within
    at += rng.integers(0, 10_000, rows)
    order = np.argsort(at, kind="stable")
    moments = pa.array(_FIRST + at[order].astype("timedelta64[ms]"))
    return pa.table(
        {
            "listener": _named("listener ", listener[order]),
            "id": _named("track ", track[order]),
            "timestamp": moments.cast(pa.string()),
            "ms_played": rng.integers(20_000, 300_000, rows),
        }
    )


def _zipf(rng: np.random.Generator, rows: int, kinds: int) -> np.ndarray:
    """Ranks from 0, the probability of rank r proportional to 1 / (r + 10) ** 0.9."""
    weights = (np.arange(kinds) + 10.0) ** -0.9
    return np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(rows))


def _named(prefix: str, numbers: np.ndarray) -> pa.Array:
    names = pa.array(numbers).cast(pa.string())
    return pc.binary_join_element_wise(prefix, names, "")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--listens", default=10_000_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(folder: Path, listens: int, seed: int) -> None:
    """Write a history of so many listens, and its tracks."""
    begun = time.monotonic()
    write(folder, sized(listens, seed))
    click.echo(f"{listens:,} listens in {time.monotonic() - begun:.1f} s")


if __name__ == "__main__":
    main()
