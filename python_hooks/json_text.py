"""Reading JSON files of listens: an array of objects, or one object a line.

Exports of streaming services come so. Objects within objects become columns with dotted
names (`track_metadata.artist_name`), and every value is text, as a CSV file's cells are.
"""

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import ijson

from python_hooks.csv_text import Advance, Source, TextLines, escaped
from python_hooks.errors import EncoreError

# So many records are looked at to find which columns a file has.
HEADER_RECORDS = 1_000
_DEPTH = 8

Cells = dict[str, str | None]
# The place of a record, from 1, and its cells, or the text of what is no object.
Record = tuple[int, Cells | str]


def kind_of(start: bytes) -> str:
    """`array` or `lines` where the first bytes of a file say that it is JSON, else empty."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return {b"[": "array", b"{": "lines"}.get(text[:1], "")


def column_names(path: Path, kind: str) -> tuple[str, ...]:
    """The keys of a file's first records, in the order of their first occurrence."""
    names: dict[str, None] = {}
    for _, cells in itertools.islice(records_of(path, kind), HEADER_RECORDS):
        if not isinstance(cells, str):
            names |= dict.fromkeys(cells)
    return tuple(names)


def records_of(path: Path, kind: str, advance: Advance | None = None) -> Iterator[Record]:
    """Every record of a file.

    Raises:
        EncoreError: An array is damaged or cut short, or an object has a key twice.
    """
    return _elements(path, advance) if kind == "array" else _lines(path, advance)


def check_array(stream: Any) -> None:
    """Reads an array to its end; raises EncoreError where it is damaged."""
    number = 0
    try:
        for prefix, event, _ in ijson.parse(stream):
            number += prefix == "item" and event != "end_map"
    except ijson.JSONError as error:
        raise _damaged(number, error) from error


def _elements(path: Path, advance: Advance | None) -> Iterator[Record]:
    number = 0
    with Source(path, advance) as source:
        try:
            for value in ijson.items(WithoutMark(source), "item", map_type=_Once):
                number += 1
                yield number, _cells(value)
        except ijson.JSONError as error:
            raise _damaged(number, error) from error


def _damaged(number: int, error: Exception) -> EncoreError:
    what = " ".join(str(error).split())[:120]
    return EncoreError(
        f"the JSON is damaged or cut short after {number:,} records ({what}).",
        "Fetch or unpack it again: nothing of it was landed.",
    )


def _lines(path: Path, advance: Advance | None) -> Iterator[Record]:
    told = 0
    with TextLines(path) as lines:
        while text := lines.next():
            if advance is not None and lines.offset - told > 1 << 20:
                advance(lines.offset - told)
                told = lines.offset
            text = text.strip("\ufeff \t\r\n")
            if text:
                yield lines.number, _line(text)
    if advance is not None:
        advance(max(0, path.stat().st_size - told))


def _line(text: str) -> Cells | str:
    try:
        return _cells(json.loads(text, parse_float=str, object_pairs_hook=_Once.of))
    except (ValueError, RecursionError, EncoreError):
        return escaped(text)


class WithoutMark:
    """A stream without the byte order mark it may begin with."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._first = True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none at the end."""
        block = self._source.read(size)
        if self._first and block:
            self._first = False
            return block.removeprefix(b"\xef\xbb\xbf") or self.read(size)
        return block


class _Once(dict[str, Any]):
    """An object that notes a key which comes twice: ijson passes over what is raised here."""

    twice: str | None = None

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            self.twice = key
        super().__setitem__(key, value)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Any]]) -> "_Once":
        """The object of these pairs."""
        made = cls()
        for key, value in pairs:
            made[key] = value
        return made


def _cells(value: Any) -> Cells | str:
    """An object as cells by dotted name; the text of anything else."""
    if not isinstance(value, _Once):
        return json.dumps(value, ensure_ascii=False, default=str)
    cells: Cells = {}
    _flatten(value, "", 1, cells)
    return cells


def _flatten(value: _Once, prefix: str, depth: int, cells: Cells) -> None:
    if value.twice is not None:
        # Which one holds would be a guess.
        raise EncoreError(
            f"an object has more than one key {value.twice!r}.", "Remove all but one of them."
        )
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, _Once) and depth < _DEPTH:
            _flatten(inner, f"{name}.", depth + 1, cells)
        else:
            cells[name] = _text(inner)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        text = json.dumps(value, ensure_ascii=False, default=str)
    else:
        text = str(value)
    # Half of a pair of surrogates is no text that Parquet could hold.
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    return text or None
