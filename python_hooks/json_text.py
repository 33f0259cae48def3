"""Reading JSON files of listens: an array of objects, or one object a line.

Exports of streaming services come so. Objects within objects become columns with dotted
names (`track_metadata.artist_name`), and every value is text, as a CSV file's cells are:
numbers are spelled as the file spells them.
"""

import codecs
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol

from python_hooks.csv_text import BLOCK_BYTES, Advance, Source, TextLines, escaped
from python_hooks.errors import EncoreError, NoSourceError

# So many records are looked at to find which columns a file has.
HEADER_RECORDS = 1_000
_READ_BYTES = 1 << 20
_DEPTH = 8
_BLANK = re.compile(r"[ \t\r\n]*")
_SHAPE = "Listens are an array of objects, or one object a line."

Cells = dict[str, str | None]
# The place of a record, from 1, and its cells, or the text of what is no object.
Record = tuple[int, Cells | str]


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""


def kind_of(start: bytes) -> str:
    """`array` or `lines` where the first bytes of a file say that it is JSON, else empty."""
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    return {b"[": "array", b"{": "lines"}.get(text[:1], "")


def column_names(path: Path, kind: str) -> tuple[str, ...]:
    """The keys of a file's first records, each once without regard to case.

    Raises:
        NoSourceError: It holds no objects, or one over several lines: no listens.
        EncoreError: It is damaged.
    """
    names: dict[str, str] = {}
    objects = 0
    try:
        for _, cells in itertools.islice(records_of(path, kind), HEADER_RECORDS):
            if not isinstance(cells, str):
                objects += 1
                names = {name.casefold(): name for name in cells} | names
    except EncoreError as error:
        if kind == "array":
            raise
        # A line without end is no row of anything.
        raise NoSourceError(error.message, _SHAPE) from error
    if kind == "lines" and not objects and not _is_one_object(path):
        raise EncoreError(
            f"none of its first {HEADER_RECORDS:,} lines is a JSON object.", _SHAPE
        )
    if not names:
        raise NoSourceError("it holds no objects with keys.", _SHAPE)
    return tuple(names.values())


def records_of(path: Path, kind: str, advance: Advance | None = None) -> Iterator[Record]:
    """Every record of a file.

    Raises:
        EncoreError: An array is damaged or cut short, or an object has a key twice.
    """
    return _elements(path, advance) if kind == "array" else _lines(path, advance)


def check_array(stream: Stream) -> None:
    """Reads an array to its end; raises EncoreError where it is damaged."""
    for _ in _cells_of(stream):
        pass


def _elements(path: Path, advance: Advance | None) -> Iterator[Record]:
    with Source(path, advance) as source:
        yield from _cells_of(source)


def _cells_of(stream: Stream) -> Iterator[Record]:
    number = 0
    try:
        for value in _Array(stream):
            cells = _cells(value)
            number += 1
            yield number, cells
    except (ValueError, RecursionError, EncoreError) as error:
        what = error.message if isinstance(error, EncoreError) else str(error)
        raise EncoreError(
            f"the JSON is damaged or cut short after {number:,} records ({what[:120]}).",
            "Mend it, or fetch or unpack it again: nothing of it was landed.",
        ) from error


class _Number(str):
    """A number as the file spells it."""


class _Array:
    """The elements of an array, one after the other, in bounded memory."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0

    def __iter__(self) -> Iterator[Any]:
        self._expect("[")
        if self._next_sign() != "]":
            yield self._element()
            while self._next_sign() != "]":
                self._expect(",")
                yield self._element()
        self._expect("]")
        if self._next_sign():
            raise ValueError("something follows the array")

    def _element(self) -> Any:
        self._next_sign()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                # Perhaps only its beginning was read so far.
                if len(self._text) - self._at > BLOCK_BYTES or not self._more():
                    raise
                continue
            # A number at the end of what was read may go on.
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _expect(self, sign: str) -> None:
        found = self._next_sign()
        if found != sign:
            raise ValueError(f"{found!r} instead of {sign!r}" if found else f"no {sign!r}")
        self._at += 1

    def _next_sign(self) -> str:
        """The next letter that is no blank; empty at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _more(self) -> bool:
        """Reads on; False at the end."""
        block = self._stream.read(_READ_BYTES)
        text = self._decoder.decode(block, final=not block)
        if block:
            self._text, self._at = self._text[self._at :] + text, 0
        return bool(block)


def _lines(path: Path, advance: Advance | None) -> Iterator[Record]:
    with TextLines(path, advance) as lines:
        while text := lines.next():
            text = text.strip("\ufeff \t\r\n")
            if text:
                yield lines.number, _line(text)


def _line(text: str) -> Cells | str:
    shown = escaped(text)
    if shown != text:
        # Not UTF-8.
        return shown
    try:
        value, end = _DECODER.raw_decode(text)
        return _cells(value) if end == len(text) else text
    except (ValueError, RecursionError, EncoreError):
        return text


def _is_one_object(path: Path) -> bool:
    """Whether a file is one object over several lines, as profiles in exports are."""
    with TextLines(path) as lines:
        first = lines.next()
        while first and not first.strip("\ufeff \t\r\n"):
            first = lines.next()
        if first.strip("\ufeff \t\r\n") == "{":
            return True
    with Source(path) as source:
        text = source.read(BLOCK_BYTES).decode("utf-8-sig", "replace")
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError, EncoreError):
        return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys come once: which of two holds would be a guess."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise _twice(twice)
    return made


def _twice(key: str) -> EncoreError:
    return EncoreError(f"an object has more than one key {key!r}")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_no_number,
)


def _cells(value: Any) -> Cells | str:
    """An object as cells by dotted name; the text of anything else."""
    if isinstance(value, _Number):
        return value
    if not isinstance(value, dict):
        return _safe(json.dumps(value, ensure_ascii=False))
    cells: Cells = {}
    _flatten(value, "", 1, cells)
    return cells


def _flatten(value: dict[str, Any], prefix: str, depth: int, cells: Cells) -> None:
    for key, inner in value.items():
        name = _safe(f"{prefix}{key}")
        if isinstance(inner, dict) and inner and depth < _DEPTH:
            _flatten(inner, f"{name}.", depth + 1, cells)
        elif name in cells:
            raise _twice(name)
        else:
            cells[name] = _text(inner)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _safe(text) or None


def _safe(text: str) -> str:
    """The text without half pairs of surrogates, which are none that Parquet could hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
