"""Recognising a file by its header, and reading it once before anything is written."""

import codecs
import csv
import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_hooks import csv_text, json_text
from python_hooks.csv_text import Advance, Source, TextLines, reading
from python_hooks.errors import EncoreError, NoSourceError
from python_hooks.forgotten import LISTENER
from python_hooks.landing_archives import File
from python_hooks.shapes import Match, Shape, match


@dataclass(frozen=True)
class Header:
    """The header of a file.

    Attributes:
        names: The columns, as the file spells them.
        lines: Physical lines up to its end, blank ones before it included.
        offset: Decompressed bytes up to its end.
        kind: `csv`, or of JSON `array` or `lines`: its names are the keys of its first
            objects.
    """

    names: tuple[str, ...]
    lines: int
    offset: int
    kind: str = "csv"


@dataclass(frozen=True)
class Recognised:
    """A file whose header fits a source.

    Attributes:
        path: The file.
        source_file: How its rows name it.
        header: Its header.
        match: The table it belongs to, and which column is which.
        defaults: Values of declared columns that the file lacks.
    """

    path: Path
    source_file: str
    header: Header
    match: Match
    defaults: dict[str, str]


@dataclass(frozen=True)
class Read:
    """A recognised file that was read to its end once.

    Attributes:
        file: The file.
        digest: First 32 hex digits of the SHA-256 of its table, defaults and content.
        is_utf8: Whether it is UTF-8 throughout.
        stamp: Its size in bytes and time of change, as `stamp_of` gives them.
    """

    file: Recognised
    digest: str
    is_utf8: bool
    stamp: tuple[int, int]


def recognise(
    file: File, shapes: Sequence[Shape], source: str | None, listener: str | None
) -> Recognised:
    """Finds the table of a file by its header, of a JSON file by its first objects.

    Args:
        file: The file.
        shapes: The declared tables.
        source: The table, where the header fits several.
        listener: The listener, where the file has no such column.

    Raises:
        NoSourceError: Its columns fit no table.
        EncoreError: The file is neither CSV nor JSON, or fits several tables.
    """
    with reading(file.name):
        header = _read_header(file.path)
        found = match(header.names, shapes, source)
    defaults = {}
    for column in found.absent:
        value = listener if column.name == LISTENER and listener else column.default
        if value is not None:
            defaults[column.name] = value
    return Recognised(file.path, file.name, header, found, defaults)


def _read_header(path: Path) -> Header:
    with Source(path) as file:
        start = file.read(4096)
    looks, kind = _looks_like(start), json_text.kind_of(start)
    if looks:
        raise EncoreError(
            f"it looks like {looks}, not like a CSV or JSON file.",
            "Files are read as UTF-8 text, comma-separated or JSON, plain, gzip or in a zip.",
        )
    if kind:
        return Header(json_text.column_names(path, kind), 0, 0, kind)
    with TextLines(path) as lines:
        first = lines.next()
        while first and not first.strip("\ufeff\r\n\t "):
            first = lines.next()
        if not first:
            raise NoSourceError("it is empty: there is no header.", "Check the file.")
        # A cell of the header may hold line breaks.
        rest = (lines.next() for _ in range(100))
        reader = csv.reader(
            itertools.chain([first.removeprefix("\ufeff")], rest), strict=True
        )
        try:
            names = next(reader)
        except csv.Error as error:
            raise EncoreError(
                f"the header cannot be split into columns ({error}): perhaps a quote in it "
                "is not closed.",
                "The first line has to name the columns, separated by commas.",
            ) from error
        if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
            raise EncoreError(
                "the header is not UTF-8 text.",
                "Convert the file, for example with `iconv -f latin1 -t utf8`.",
            )
        return Header(tuple(names), lines.number, lines.offset)


def _looks_like(start: bytes) -> str:
    """What the first bytes of a file say it is; empty for text."""
    kinds = {
        b"PK\x03\x04": "a zip archive or a spreadsheet",
        b"\x1f\x8b": "gzip inside gzip",
        b"PAR1": "Parquet",
        b"%PDF": "a PDF",
        b"SQLite format 3": "an SQLite database",
        b"BZh": "bzip2",
        b"\xfd7zXZ": "xz",
        b"\x28\xb5\x2f\xfd": "zstd",
        codecs.BOM_UTF16_LE: "UTF-16 text",
        codecs.BOM_UTF16_BE: "UTF-16 text",
    }
    for magic, kind in kinds.items():
        if start.startswith(magic):
            return kind
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if text[:1] == b"<":
        return "HTML or XML"
    if b"\0" in re.split(rb"[\r\n]", text, maxsplit=1)[0]:
        return "binary data or UTF-16 text"
    return ""


def read_once(file: Recognised, advance: Advance) -> Read:
    """Reads a file to its end: content hash, and whether it is UTF-8 throughout."""
    stamp = stamp_of(file.path)
    identity = [file.match.shape.name, sorted(file.defaults.items())]
    digest = hashlib.sha256(json.dumps(identity).encode() + b"\0")
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    with reading(file.source_file), Source(file.path, advance) as stream:
        if file.header.kind == "array":
            # Behind a damaged place nothing could be read: better to know before.
            json_text.check_array(_Hashed(stream, digest))
        while block := stream.read(csv_text.BLOCK_BYTES):
            digest.update(block)
            is_utf8 = is_utf8 and _decodes(decoder, block)
    is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    return Read(file, digest.hexdigest()[:32], is_utf8, stamp)


class _Hashed:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: Source, digest: Any) -> None:
        self._stream = stream
        self._digest = digest

    def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        block = self._stream.read(size)
        self._digest.update(block)
        return block


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def stamp_of(path: Path) -> tuple[int, int]:
    """Size in bytes and time of change in ns: others mean that it was written to."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns
