"""Invented files: late, doubled, repeated and bad rows, all drawn from one generator."""

import random
from datetime import UTC, datetime, timedelta

from tests.python.layers_oracle import Row

LISTENS = ("listener", "id", "artist", "title", "timestamp", "ms_played")
FEATURES = [
    *("danceability", "energy", "loudness", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence", "tempo"),
]
BAD_LISTENS = [
    {"listener": ""},
    {"id": "", "artist": "", "title": ""},
    *({"timestamp": text} for text in ("", "yesterday", "1985-01-01", "2999-01-01")),
    *({"ms_played": text} for text in ("-1", "4.5", "long")),
]
BAD_TRACKS = [{"id": ""}, {"key": "12"}, {"key": "4.5"}, {"duration_ms": "0"}]


class Files:
    """Draws the rows of one file after the other."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._now = datetime(2025, 2, 1, tzinfo=UTC)
        self._written: list[tuple[datetime, Row]] = []

    def listens(self) -> list[Row]:
        """Some plays since the last file, a few of them older or heard of before."""
        self._now += self.rng.choice(
            [timedelta(minutes=5), timedelta(1, 25000), timedelta(9)]
        )
        rows: list[Row] = []
        for _ in range(self.rng.randint(4, 12)):
            at, cells = self._repeat() if self.rng.random() < 0.3 else self._play()
            self._written.append((at, cells))
            rows += [cells | {"timestamp": self._spelled(at)}] * self.rng.choice(
                [1] * 7 + [2]
            )
            if self.rng.random() < 0.1:
                rows.append(rows[-1] | self.rng.choice(BAD_LISTENS))
        self.rng.shuffle(rows)
        return rows

    def tracks(self) -> list[Row]:
        """New keys and durations of some tracks, one of them perhaps twice."""
        rows = []
        for number in self.rng.choices(range(12), k=self.rng.randint(3, 10)):
            cells = dict.fromkeys(FEATURES, "0.5") | {
                "id": f"track {number}",
                "mode": self.rng.choice("01"),
                "key": self.rng.choice(["", "-1", "0", "4.0", "7", "11"]),
                "duration_ms": self.rng.choice(["", "1000", "200000", "240000.0"]),
            }
            bad = self.rng.random() < 0.1
            rows.append(cells | (self.rng.choice(BAD_TRACKS) if bad else {}))
        return rows

    def _play(self) -> tuple[datetime, Row]:
        ago = self.rng.uniform(0, 400 if self.rng.random() < 0.25 else 2)
        at = self._now - timedelta(seconds=int(ago * 86400))
        at += timedelta(milliseconds=self.rng.choice([0, 0, 1, 500, 999]))
        listener, track = self.rng.randrange(12), self.rng.randrange(16)
        named = {"id": "", "artist": "The  Larks", "title": self.rng.choice(["Oh", "oh "])}
        cells = dict.fromkeys(LISTENS, "") | {
            "listener": f"listener {listener}",
            # Half of them always say how long, so that some have a monetary score.
            "ms_played": self.rng.choice(
                ["0", "90000", "180000.0"] + [""] * 3 * (listener % 2)
            ),
        }
        return at, cells | ({"id": f"track {track}"} if track else named)

    def _repeat(self) -> tuple[datetime, Row]:
        """A row of any age, or of the last files; with and without the time played."""
        recent = self._written[-30:] if self.rng.random() < 0.7 else self._written
        if not recent:
            return self._play()
        at, cells = self.rng.choice(recent)
        ms = self.rng.choice([cells["ms_played"]] * 4 + ["", "90000.0"])
        return at, cells | {"ms_played": ms}

    def _spelled(self, at: datetime) -> str:
        milliseconds = round(at.timestamp() * 1000)
        there = at + timedelta(hours=5, minutes=30)
        spelled = [
            f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
            f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}",
            f"{there:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+05:30",
            str(milliseconds),
        ]
        return self.rng.choice(spelled + [str(milliseconds // 1000)] * (not at.microsecond))
