"""What became of landed files, for the terminal and as JSON; progress meanwhile."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from python_hooks import console


@dataclass(frozen=True)
class LandedFile:
    """What became of one file.

    Attributes:
        path: The file, of a member of an archive followed by its name.
        source_file: How its rows name it: the path as the user gave it.
        source: The table it belongs to, `source.table`.
        batch_id: Its batch; of the first landing if it was landed before.
        rows: Rows of the batch, the unreadable ones included.
        unreadable: Rows that could not be split.
        forgotten: Rows of a listener that was forgotten; they are empty.
        already_landed: The same content was landed before; nothing was written.
        extra_columns: Undeclared columns, kept in `extra`.
        seconds: Time the landing took.
    """

    path: str
    source_file: str
    source: str
    batch_id: int
    rows: int
    unreadable: int
    forgotten: int
    already_landed: bool
    extra_columns: tuple[str, ...]
    seconds: float


def as_table(files: Sequence[LandedFile]) -> Table:
    """Landed files as a table for the terminal."""
    emptied = ["forgotten"] if any(file.forgotten for file in files) else []
    table = Table("file", "source", "rows", "unreadable", *emptied, "batch", "kept in extra")
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[2 : 4 + len(emptied)]:
        column.justify = "right"
    for file in files:
        batch = f"{file.batch_id}" + (", landed before" if file.already_landed else "")
        cells = (
            Path(file.source_file).name,
            file.source.partition(".")[2],
            f"{file.rows:,}",
            f"{file.unreadable:,}",
            *([f"{file.forgotten:,}"] if emptied else []),
            batch,
            ", ".join(file.extra_columns),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def note_left_out(names: Iterable[str]) -> None:
    """Says which files of a folder or an archive hold no listens and no tracks."""
    left = sorted(names)
    shown = ", ".join(left[:8]) + (f" and {len(left) - 8} more" if len(left) > 8 else "")
    console.err.print(f"Left out, as no source has such files: {shown}")


def as_dicts(files: Sequence[LandedFile]) -> list[dict[str, Any]]:
    """Landed files as objects for JSON."""
    return [asdict(file) for file in files]


class Bar:
    """A progress bar over bytes that appears once the work has taken two seconds."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._progress: Progress | None = None

    def advance(self, count: int) -> None:
        """Counts bytes that were read."""
        self._done += count
        if self._progress is None and time.monotonic() - self._began > 2:
            self._progress = Progress(
                TextColumn("landing"),
                BarColumn(),
                DownloadColumn(),
                TimeRemainingColumn(),
                console=console.err,
                transient=True,
            )
            self._progress.add_task("landing", total=self._total)
            self._progress.start()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=self._done)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
