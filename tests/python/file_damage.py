"""Good files, drawn from one seed, and what it is to damage one."""

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]

SEED = 1
ROWS = 5
UNIT_FEATURES = (
    *("danceability", "energy", "speechiness", "acousticness"),
    *("instrumentalness", "liveness", "valence"),
)
# What a cell is called once it is typed.
TYPED = {
    "listens": {"listener": "listener_id", "id": "track_id", "timestamp": "listened_at"},
    "tracks": {"id": "track_id", "key": "musical_key", "tempo": "tempo_bpm"},
}


@dataclass
class Good:
    """A good file, before it is damaged.

    Attributes:
        source: `listens` or `tracks`.
        rng: Draws what is damaged.
        rows: Its cells, one mapping per row, all with the same keys.
        typed: What staging has to make of each row; damage that costs a row takes it out.
    """

    source: str
    rng: random.Random
    rows: list[dict[str, str]] = field(default_factory=list)
    typed: list[Row] = field(default_factory=list)

    @property
    def header(self) -> list[str]:
        """Names of the columns."""
        return list(self.rows[0])

    def draw(self) -> int:
        """Number of a row that is neither the first nor the last."""
        return self.rng.randrange(1, ROWS - 1)

    def lines(self, **dialect: Any) -> list[str]:
        """The file as lines, the header first, each with its end."""
        options: dict[str, Any] = {"lineterminator": "\n", **dialect}
        found = []
        for cells in [self.header, *(row.values() for row in self.rows)]:
            text = io.StringIO(newline="")
            csv.writer(text, **options).writerow(cells)
            found.append(text.getvalue())
        return found

    def text(self, **dialect: Any) -> str:
        """The file as text."""
        return "".join(self.lines(**dialect))


Damage = Callable[[Good], str | bytes | list[bytes]]


@dataclass(frozen=True)
class Mutation:
    """One kind of damage, and what becomes of the file.

    Attributes:
        source: `listens` or `tracks`.
        what: The damage, in words; with the source its name.
        damage: Damages a good file; several contents are several files.
        refused: Text of the message, where no row lands; else:
        rejected: How many rows are rejected, by reason.
        unreadable: Rows that cannot be split.
        duplicate: Listens that are there already.
        superseded: Tracks that are described anew.
        files_known: Files of which the content is landed already.
        told: What more the page says of it.
        rows: Rows of the good file.
    """

    source: str
    what: str
    damage: Damage
    refused: str = ""
    rejected: Mapping[str, int] = field(default_factory=dict)
    unreadable: int = 0
    duplicate: int = 0
    superseded: int = 0
    files_known: int = 0
    told: str = ""
    rows: int = ROWS

    def apply(self, number: int) -> tuple[list[bytes], list[Row]]:
        """Damages a good file; its contents, and the rows that staging has to accept."""
        found = good(self.source, f"{number:03}", self.rows)
        damaged = self.damage(found)
        if isinstance(damaged, str):
            damaged = damaged.encode()
        return damaged if isinstance(damaged, list) else [damaged], found.typed

    def accounts(self, usable: int) -> Counter[str]:
        """Rows by outcome, as `fct_landing_accounts` has to count them.

        Args:
            usable: Rows that staging accepts, the duplicate and superseded ones included.
        """
        counts = Counter(
            accepted=usable - self.duplicate - self.superseded,
            duplicate=self.duplicate,
            superseded=self.superseded,
            rejected=sum(self.rejected.values()),
            unreadable=self.unreadable,
        )
        counts["landed"] = counts.total()
        return counts

    def outcome(self) -> str:
        """What becomes of it, for the page."""
        if self.refused:
            return f"refused: “{self.refused}”"
        parts = [f"{_rows(count)} rejected: `{r}`" for r, count in self.rejected.items()]
        for kind in ("unreadable", "duplicate", "superseded"):
            if count := getattr(self, kind):
                parts.append(f"{_rows(count)} {kind}")
        if self.files_known:
            parts.append("the second file is known and lands nothing")
        return ("; ".join(parts) or "accepted") + self.told


def good(source: str, name: str, rows: int = ROWS) -> Good:
    """A good file of a source, whose ids no other file has.

    Args:
        source: `listens` or `tracks`.
        name: A part of its ids.
        rows: How many rows it has.
    """
    found = Good(source, random.Random(f"{SEED} {source} {name}"))
    for number in range(rows):
        cells, typed = _DRAWN[source](found.rng, f"{source[0]}{name}-{number}")
        found.rows.append(cells)
        found.typed.append(typed)
    return found


def _listen(rng: random.Random, track: str) -> tuple[dict[str, str], Row]:
    at = datetime(2024, 1, 2, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**7))
    ms = rng.randrange(10**6)
    cells = {
        "listener": rng.choice(["ann", "bob", "zoë"]),
        "id": track,
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": str(ms),
        "artist": rng.choice(["The Larks", "Rai, Inc."]),
        "title": f"Über {track}",
    }
    typed: Row = {
        "artist": cells["artist"],
        "title": cells["title"],
        "listener_id": cells["listener"],
        "track_id": track,
        "listened_at": at,
        "ms_played": ms,
    }
    return cells, typed


def _track(rng: random.Random, track: str) -> tuple[dict[str, str], Row]:
    named: Row = {"title": f"Über {track}", "artist": "Rai, Inc.", "genre": "folk"}
    numbers: Row = {name: rng.randrange(100) / 100 for name in UNIT_FEATURES}
    numbers |= {"loudness": -rng.randrange(60), "mode": rng.randrange(2)}
    numbers |= {"duration_ms": rng.randrange(1, 10**6), "time_signature": 4}
    key, tempo = rng.randrange(-1, 12), rng.randrange(60, 200)
    cells: Row = {"id": track, "key": key, "tempo": tempo} | named | numbers
    typed: Row = {"track_id": track, "musical_key": key, "tempo_bpm": tempo}
    return {name: str(value) for name, value in cells.items()}, typed | named | numbers


_DRAWN = {"listens": _listen, "tracks": _track}


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
