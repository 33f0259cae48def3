"""The tracks of the sample: artists, features, and the track file."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from python_hooks.sample_data import (
    DATA,
    FAULTS,
    GENRES,
    TRACK_COLUMNS,
    IntArray,
    Line,
    Row,
    invent_names,
    spoil,
    zipf,
)

_BASE_62 = list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Catalogue(NamedTuple):
    """`n` tracks that are heard, `listed` of them in the track file, and faulty ones."""

    rows: list[Row]  # by column of the track file; first the listed ones, last the faulty
    listed: int
    artist: IntArray  # (n,) index of the artist
    genre: IntArray  # (n,) index of the genre
    duration_ms: IntArray  # (n,)


def invent_catalogue(rng: Generator, keys: IntArray) -> Catalogue:
    """Invents artists and tracks; features scatter around the genre and the artist."""
    listed = len(keys)
    heard = listed + max(3, listed // 30)
    n = heard + len(FAULTS["tracks"])
    artists = max(1, listed // 8)
    names = np.array(invent_names(rng, "artists", artists))
    # Every artist has a track; the others go to few artists.
    more = rng.choice(artists, n - artists, p=zipf(rng, artists, 0.8))
    artist = rng.permutation(np.append(np.arange(artists), more))
    genre = rng.permutation(np.arange(artists) % len(GENRES))[artist]
    middle = np.array(list(GENRES.values()))[genre]
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
    cells = dict(zip(DATA["columns"]["shares"], shares.T, strict=True)) | {
        "key": np.append(rng.permutation(keys), np.zeros(n - listed, np.int64)),
        "loudness": loudness,
        "mode": (rng.random(n) < middle[:, 9]).astype(np.int64),
        "tempo": tempo,
        "type": np.full(n, "audio_features"),
        "id": ids,
        "uri": np.char.add("sample:track:", ids),
        "duration_ms": duration_ms,
        "time_signature": rng.choice([4, 3, 5, 1], n, p=[0.94, 0.04, 0.015, 0.005]),
        "title": np.array(invent_names(rng, "titles", n)),
        "artist": names[artist],
        "genre": np.array(list(GENRES))[genre],
    }
    rows = list(zip(*(map(str, cells[c].tolist()) for c in TRACK_COLUMNS), strict=True))
    return Catalogue(rows, listed, *(a[:heard] for a in (artist, genre, duration_ms)))


def track_lines(rng: Generator, catalogue: Catalogue) -> list[Line]:
    """The listed tracks, five of them corrected at the end, with faulty ones between."""
    lines: list[Line] = [("accepted", row) for row in catalogue.rows[: catalogue.listed]]
    title = TRACK_COLUMNS.index("title")
    for at in rng.permutation(catalogue.listed)[:5]:
        row = lines[at][1]
        lines.append(("accepted", row))
        lines[at] = "superseded", (*row[:title], row[title][:-1], *row[title + 1 :])
    faulty = catalogue.rows[len(catalogue.artist) :]
    for fault, row in zip(FAULTS["tracks"], faulty, strict=True):
        place = int(rng.integers(len(lines)))
        lines.insert(place, spoil(fault, TRACK_COLUMNS, row))
    return lines
