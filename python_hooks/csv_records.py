"""Splitting a CSV file into records, each with the physical line it begins on."""

import codecs
import re
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from python_hooks import csv_text
from python_hooks.csv_text import Advance, Source, TextLines, escaped, reading
from python_hooks.errors import EncoreError
from python_hooks.landing_files import Read

Lines = npt.NDArray[np.int64]

_NEWLINE, _RETURN, _QUOTE = 0x0A, 0x0D, 0x22

# A cell in quotes, each quote in it doubled, or one that does not begin with a quote.
_CELL = r'(?:"(?:[^"]|"")*+"|(?!")[^,]*+)'
_RECORD = re.compile(f"{_CELL}(?:,{_CELL})*+")


@dataclass(frozen=True)
class Chunk:
    """Consecutive records of a file.

    Attributes:
        rows: Those that could be split, all columns strings.
        lines: The physical line of each of them, from 1: (rows,).
        unreadable: Line and text of each that could not.
        extra: Of JSON the undeclared cells of each row, as JSON: its rows have the declared
            columns alone, by name.
    """

    rows: pa.RecordBatch
    lines: Lines
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    extra: pa.Array | None = None


class _Feed:
    """The file object that Arrow reads: valid UTF-8, then a record that never splits.

    The closing record has a field too many, so Arrow reports it. It is missing only if
    a quote before it is never closed, which Arrow by itself passes over in silence.
    It comes in one block with the end of the file: Arrow fails at a record that spans
    three blocks, and a short last block would make one of a record that spans two.
    CR and LF stay in one block: Arrow drops a LF that begins a block after a CR, even
    inside a cell.
    """

    closed = False

    def __init__(self, source: Source, is_utf8: bool, closing: str) -> None:
        self._source = source
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoder = None if is_utf8 else decoder("replace")
        self._closing = closing
        self._last = b"\n"
        self._next = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        while not self._ended:
            block, self._next = self._next, self._source.read(size)
            self._ended = not self._next
            if self._decoder is not None:
                self._next = self._decoder.decode(self._next, self._ended).encode()
            if self._ended:
                block += self._next
                newline = "" if (block or self._last)[-1:] in b"\r\n" else "\n"
                return block + f"{newline}{self._closing}\n".encode()
            if block.endswith(b"\r"):
                block, self._next = block[:-1], b"\r" + self._next
            if block:
                self._last = block[-1:]
                return block
        return b""

    def close(self) -> None:
        """Nothing: the file is closed by who opened it."""


@dataclass(frozen=True)
class _Invalid:
    """A record that Arrow could not split: its number from 1, and its text."""

    number: int
    text: str

    @property
    def height(self) -> int:
        """Physical lines it takes."""
        text = self.text
        return 1 + text.count("\n") + text.count("\r") - text.count("\r\n")


class Records:
    """Splits a file into records and tells the physical line of each.

    Arrow splits (1.7 M rows/s of five columns; the csv module 0.16 M) but knows
    no lines: they follow from the order of records and the line breaks inside cells.
    Whatever is doubtful, a record that does not split, only empty cells, a replaced byte,
    a quote in a cell, is looked up in the text itself.

    A quote that is never closed makes its line unreadable; splitting goes on with the
    line after it. One that the next cell's first quote closes would make one cell of two:
    its record is unreadable.
    """

    def __init__(self, read: Read, advance: Advance) -> None:
        self._read = read
        self._advance = advance
        self._names = [str(i) for i in range(len(read.file.header.names))]
        self._closing = "," * len(self._names)
        self._schema = pa.schema([(name, pa.string()) for name in self._names])
        self._invalid: deque[_Invalid] = deque()
        self._seen = 0
        self._line = read.file.header.lines + 1

    def __iter__(self) -> Iterator[Chunk]:
        offset = self._read.file.header.offset
        path = self._read.file.path
        with reading(self._read.file.source_file), TextLines(path) as lines:
            while True:
                with Source(path, self._advance, offset) as source:
                    if (yield from self._split(source, lines)):
                        return
                text = lines.record(self._line, 1)
                offset = lines.offset
                no_lines = np.array([], dtype=np.int64)
                yield Chunk(self._none, no_lines, [(self._line, escaped(text))])
                self._line += 1

    @property
    def _none(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([], schema=self._schema)

    def _split(self, source: Source, lines: TextLines) -> Generator[Chunk, None, bool]:
        """Splits up to the end (True), or to the line of a quote not closed (False)."""
        self._invalid.clear()
        self._seen = 0
        feed = _Feed(source, self._read.is_utf8, self._closing)
        # The last record is judged at the end, so it is always held back: the last
        # batch with rows, and the last of the invalid records.
        held = self._none
        try:
            with self._open(feed) as reader:
                for batch in reader:
                    if batch.num_rows or self._is_last_invalid(held):
                        yield self._place(held, lines)
                        held = batch
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise EncoreError(f"cannot be split: {error}") from error
            yield self._place(held, lines, final=True)
            return False
        closed = False
        if self._is_last_invalid(held):
            closed = self._invalid.pop().text == self._closing
        else:
            held = held.slice(0, held.num_rows - 1)
        yield self._place(held, lines, final=True)
        return closed

    def _open(self, feed: _Feed) -> Any:
        def on_invalid(row: Any) -> str:
            self._invalid.append(_Invalid(row.number, row.text))
            return "skip"

        return pa_csv.open_csv(
            pa.PythonFile(feed, mode="r"),
            # Without threads Arrow counts rows, which tells where the invalid ones are.
            pa_csv.ReadOptions(
                use_threads=False, block_size=csv_text.BLOCK_BYTES, column_names=self._names
            ),
            pa_csv.ParseOptions(
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=on_invalid,
            ),
            pa_csv.ConvertOptions(
                column_types=self._schema,
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                null_values=[""],
            ),
        )

    def _is_last_invalid(self, held: pa.RecordBatch) -> bool:
        """Whether an invalid record comes after all rows held."""
        known = self._seen + held.num_rows + len(self._invalid)
        return bool(self._invalid) and self._invalid[-1].number >= known

    def _place(self, batch: pa.RecordBatch, lines: TextLines, final: bool = False) -> Chunk:
        """Gives each record its line, and sorts out blank and unreadable ones."""
        invalid = self._take_invalid(batch.num_rows, final)
        count = batch.num_rows + len(invalid)
        is_row = np.ones(count, dtype=np.bool_)
        is_row[[record.number - self._seen - 1 for record in invalid]] = False
        heights = np.ones(count, dtype=np.int64)
        heights[is_row] += _line_breaks(batch)
        heights[~is_row] = [record.height for record in invalid]
        ends = self._line + np.cumsum(heights)
        starts = ends - heights
        doubtful = ~is_row
        doubtful[is_row] = _is_doubtful(batch, self._read.is_utf8)
        keep = is_row.copy()
        unreadable = []
        for at in np.flatnonzero(doubtful):
            text = lines.record(int(starts[at]), int(heights[at]))
            # A line of blanks is a cell where there is one column only.
            blank = not (text.strip() if len(self._names) > 1 else text)
            is_utf8 = self._read.is_utf8 or escaped(text) == text
            # Else a quote stands before the end of a cell: it has swallowed others.
            is_strict = _RECORD.fullmatch(text) is not None
            keep[at] = is_row[at] and is_utf8 and is_strict and not blank
            if not keep[at] and not blank:
                unreadable.append((int(starts[at]), escaped(text)))
        self._seen += count
        self._line += int(heights.sum())
        return Chunk(batch.filter(pa.array(keep[is_row])), starts[keep], unreadable)

    def _take_invalid(self, rows: int, final: bool) -> list[_Invalid]:
        """The invalid records before, among and right after the next rows."""
        taken: list[_Invalid] = []
        while self._invalid:
            next_number = self._seen + rows + len(taken) + 1
            held_back = not final and len(self._invalid) == 1
            number = self._invalid[0].number
            if number > next_number or (number == next_number and held_back):
                break
            taken.append(self._invalid.popleft())
        return taken


def _line_breaks(batch: pa.RecordBatch) -> Lines:
    """Line breaks inside the cells of each row."""
    breaks = np.zeros(batch.num_rows, dtype=np.int64)
    for cells in batch.columns:
        data = np.frombuffer(cells.buffers()[2] or b"", dtype=np.uint8)
        # Cells with line breaks are rare: this look costs a tenth of counting.
        if (data == _NEWLINE).any() or (data == _RETURN).any():
            for text, sign in (("\n", 1), ("\r", 1), ("\r\n", -1)):
                breaks += sign * _numpy(pc.count_substring(cells, text), 0)
    return breaks


def _is_doubtful(batch: pa.RecordBatch, is_utf8: bool) -> npt.NDArray[np.bool_]:
    """Rows of empty cells (perhaps a blank line), with a quote, or with a replaced byte."""
    doubtful = np.ones(batch.num_rows, dtype=np.bool_)
    for cells in batch.columns:
        if not cells.null_count:
            doubtful[:] = False
            break
        doubtful &= _numpy(cells.is_null(), False)
    for cells in batch.columns:
        data = np.frombuffer(cells.buffers()[2] or b"", dtype=np.uint8)
        if (data == _QUOTE).any():
            doubtful |= _numpy(pc.match_substring(cells, '"'), False)
    if not is_utf8:
        for cells in batch.columns:
            doubtful |= _numpy(pc.match_substring(cells, "\ufffd"), False)
    return doubtful


def _numpy(array: pa.Array, null: int | bool) -> Any:
    return pc.fill_null(array, null).to_numpy(zero_copy_only=False)
