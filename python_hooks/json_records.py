"""The records of a JSON file as chunks of rows, as those of a CSV file come."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from python_hooks.csv_records import Chunk
from python_hooks.csv_text import Advance, reading
from python_hooks.json_text import Cells, Record, records_of
from python_hooks.landing_files import Read
from python_hooks.shapes import Shape

CHUNK_RECORDS = 20_000
CHUNK_LETTERS = 8 << 20


class JsonRecords:
    """The records of a JSON file, each with its place: its line, or its number in the array.

    In an array nothing can be read behind a damaged place, so the file is refused; a
    damaged line is one unreadable record.
    """

    def __init__(self, read: Read, advance: Advance) -> None:
        self._file = read.file
        self._advance = advance

    def __iter__(self) -> Iterator[Chunk]:
        kind = self._file.header.kind
        with reading(self._file.source_file):
            records = records_of(self._file.path, kind, self._advance)
            taken: list[Record] = []
            size = 0
            for record in records:
                taken.append(record)
                size += _size(record[1])
                if len(taken) == CHUNK_RECORDS or size > CHUNK_LETTERS:
                    yield _chunk(taken, self._file.match.shape)
                    taken, size = [], 0
            if taken:
                yield _chunk(taken, self._file.match.shape)


def _size(cells: Cells | str) -> int:
    if isinstance(cells, str):
        return len(cells)
    return sum(len(text) for text in cells.values() if text is not None)


def _chunk(records: Sequence[Record], shape: Shape) -> Chunk:
    place = _Places(shape)
    columns: dict[str, list[str | None]] = {column.name: [] for column in shape.columns}
    extra: list[str | None] = []
    numbers, unreadable = [], []
    for number, cells in records:
        if isinstance(cells, str):
            unreadable.append((number, cells))
            continue
        numbers.append(number)
        row, rest = place.sorted(cells)
        for name, column in columns.items():
            column.append(row.get(name))
        extra.append(json.dumps(rest, ensure_ascii=False) if rest else None)
    rows = pa.RecordBatch.from_pydict(
        {name: pa.array(column, pa.string()) for name, column in columns.items()}
    )
    lines = np.array(numbers, dtype=np.int64)
    return Chunk(rows, lines, unreadable, pa.array(extra, pa.string()))


class _Places:
    """Which declared column a key means; the best name for one that has a value holds."""

    def __init__(self, shape: Shape) -> None:
        self._claims = {
            claim: (column.name, rank)
            for column in shape.columns
            for rank, claim in enumerate(column.claims)
        }
        self._known: dict[str, tuple[str, int] | None] = {}

    def sorted(self, cells: Cells) -> tuple[Cells, Cells]:
        """The declared cells by column, and all others by key."""
        row: Cells = {}
        rest: Cells = {}
        taken: dict[str, tuple[tuple[bool, int], str]] = {}
        for key, value in cells.items():
            if key not in self._known:
                self._known[key] = self._claims.get(key.strip().casefold())
            found = self._known[key]
            if found is None:
                rest[key] = value
                continue
            column, rank = found
            better = (value is not None, -rank)
            if column not in taken:
                taken[column] = better, key
                row[column] = value
            elif better > taken[column][0]:
                rest[taken[column][1]] = row[column]
                taken[column] = better, key
                row[column] = value
            else:
                rest[key] = value
        return row, rest
