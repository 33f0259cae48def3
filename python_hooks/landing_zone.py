"""The landing zone: which batches it holds, how they are numbered, who may write."""

import fcntl
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from python_hooks import console
from python_hooks.durable import sync
from python_hooks.errors import EncoreError
from python_hooks.home import Home

Origin = Literal["own", "sample"]

_BATCH_NAME = re.compile(r"batch-(\d{12,})-([0-9a-f]{32})\.parquet")


@dataclass(frozen=True)
class Batch:
    """A landed batch, as its file name tells it.

    Attributes:
        source: The table, `source.table`.
        batch_id: Order of arrival over all sources.
        digest: First 32 hex digits of the content's SHA-256.
        path: The Parquet file.
    """

    source: str
    batch_id: int
    digest: str
    path: Path

    def facts(self) -> dict[str, str]:
        """`source_file`, `origin`, `rows`, `unreadable`, read from the file's footer."""
        metadata = pq.read_metadata(self.path).metadata or {}
        prefix = b"encore."
        return {
            key.removeprefix(prefix).decode(): value.decode()
            for key, value in metadata.items()
            if key.startswith(prefix)
        }


def batches(home: Home) -> list[Batch]:
    """All landed batches in the order of arrival, from the names of their files."""
    found = []
    for path in home.landing.glob("*/chunk=*/batch-*.parquet"):
        name = _BATCH_NAME.fullmatch(path.name)
        if name:
            found.append(Batch(path.parts[-3], int(name[1]), name[2], path))
    return sorted(found, key=lambda batch: batch.batch_id)


def is_empty(home: Home) -> bool:
    """Whether nothing is landed."""
    return not batches(home)


def landed_origin(home: Home) -> str | None:
    """Whether the zone holds `own` or `sample` data; None if nothing is landed."""
    return _origin_of(batches(home))


def _origin_of(there: Sequence[Batch]) -> str | None:
    return there[0].facts()["origin"] if there else None


def require_origin(home: Home, there: Sequence[Batch], origin: Origin) -> None:
    """Refuses data of one origin where data of the other is; raises EncoreError."""
    landed = _origin_of(there)
    if landed not in (None, origin):
        names = {"own": "your own data", "sample": "the sample"}
        raise EncoreError(
            f"{home.landing} holds {names[str(landed)]}; {names[origin]} would mix in.",
            "`encore reset` empties it; it asks before it deletes anything.",
        )


@contextmanager
def lock(home: Home) -> Iterator[None]:
    """Excludes every other process that changes the landing zone of this home."""
    home.make(home.run)
    with (home.run / "landing.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.err.print("Another process is landing; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def last_batch_id(home: Home, there: Sequence[Batch]) -> int:
    """The highest number given so far; the file outlives batches that are deleted."""
    path = home.landing / "_last_batch_id"
    text = path.read_text().strip() if path.exists() else "0"
    if not text.isdecimal():
        raise EncoreError(
            f"{path} should hold the number of the last batch, but holds {text!r}.",
            "Write the highest batch number that was ever used into it.",
        )
    return max([int(text), *(batch.batch_id for batch in there)])


def record_batch_id(home: Home, batch_id: int) -> None:
    """Makes a number the last one, durably."""
    temporary = home.landing / "_last_batch_id.tmp"
    temporary.write_text(f"{batch_id}\n")
    sync(temporary)
    temporary.replace(home.landing / "_last_batch_id")
    sync(home.landing)
