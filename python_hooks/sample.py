"""An invented listening history with known faults, drawn from a seed.

The files look like exports of a streaming service: one of tracks, one of listens
per quarter. Every line is made together with what has to become of it, so the
counts that the warehouse must arrive at are known (`expected`). `docs/sample.md`
describes the data; words, genres and faults are in `sample.toml`.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from python_hooks.errors import EncoreError
from python_hooks.sample_data import DATA, LISTEN_COLUMNS, TRACK_COLUMNS, IntArray, Line
from python_hooks.sample_listening import Habits, history_lines, invent_listening
from python_hooks.sample_tracks import invent_catalogue, track_lines

# Two sets of tastes with one genre in common fit into the 12 genres; and beyond this
# skew hardly anything but the first track is heard.
_MOST_TASTES, _MOST_SKEW = 6, 3

KEY_COUNTS: Mapping[int, int] = {int(k): n for k, n in DATA["key_counts"].items()}


class Options(TypedDict, total=False):
    """What `generate` and `expected` take, all optional.

    Attributes:
        seed: Seed of the generator, >= 0; default 1.
        tracks: Accepted distinct tracks; default the sum of `key_counts`, which any
            other number takes in proportion.
        key_counts: Accepted distinct tracks by key (-1 to 11); default `KEY_COUNTS`.
        listeners: Number of listeners; default 200.
        listens: Accepted distinct listens, >= `listeners`; default 40,000.
        habits: How people listen; default `Habits()`.
    """

    seed: int
    tracks: int | None
    key_counts: Mapping[int, int] | None
    listeners: int
    listens: int
    habits: Habits


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
                writer.writerow(TRACK_COLUMNS if "track" in name else LISTEN_COLUMNS)
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
    habits = options.get("habits", Habits())
    shares = (habits.repeat_rate, habits.drift)
    if not all(0 <= share <= 1 for share in shares) or not (
        0 <= habits.skew <= _MOST_SKEW and 1 <= habits.tastes <= _MOST_TASTES
    ):
        raise EncoreError(
            f"No sample with {habits}.",
            f"Repeat rate and drift are 0 to 1, skew 0 to {_MOST_SKEW}, tastes 1 to "
            f"{_MOST_TASTES}.",
        )
    # A stream each, so that other numbers of listens leave the tracks as they are.
    tracks, heard, faults = (Generator(PCG64(s)) for s in SeedSequence(seed).spawn(3))
    catalogue = invent_catalogue(tracks, keys)
    listening = invent_listening(heard, catalogue, listeners, listens, habits)
    files = dict(history_lines(faults, *listening))
    return files | {"track_features.csv": track_lines(tracks, catalogue)}


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
