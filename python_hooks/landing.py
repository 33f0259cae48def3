"""Landing: files of listening history become numbered, immutable batches.

Each file becomes one Parquet batch of strings in
`landing/<source>.<table>/chunk=<batch_id // 1000>/`. A batch appears whole, by one
rename, or not at all, and in the order of its number: readers that read up to a
batch never miss one that comes later.
"""

import codecs
import csv
import fcntl
import glob
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import stat
import time
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from python_hooks import console
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.shapes import Match, Shape, load_shapes, match

Origin = Literal["own", "sample"]
Advance = Callable[[int], None]
T = TypeVar("T")
R = TypeVar("R")
Lines = npt.NDArray[np.int64]

BATCHES_PER_CHUNK = 1000
# A record that fits in a block is split in bounded memory; a longer one is taken for
# a quote that is never closed.
BLOCK_BYTES = 4 << 20
ROW_GROUP_ROWS = 1 << 20
ROW_GROUP_BYTES = 128 << 20

_BATCH_NAME = re.compile(r"batch-(\d{12,})-([0-9a-f]{32})\.parquet")
_NEWLINE, _RETURN = 0x0A, 0x0D
_LISTENER = "listener"


@dataclass(frozen=True)
class LandedFile:
    """What became of one file.

    Attributes:
        path: The file.
        source_file: How its rows name it: the path as the user gave it.
        source: The table it belongs to, `source.table`.
        batch_id: Its batch; of the first landing if it was landed before.
        rows: Rows of the batch, the unreadable ones included.
        unreadable: Rows that could not be split.
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
    already_landed: bool
    extra_columns: tuple[str, ...]
    seconds: float


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


@dataclass(frozen=True)
class _Header:
    names: tuple[str, ...]
    lines: int
    offset: int


@dataclass(frozen=True)
class _Recognised:
    """A file whose header fits a source."""

    path: Path
    source_file: str
    header: _Header
    match: Match
    defaults: dict[str, str]


@dataclass(frozen=True)
class _Read:
    """A recognised file that was read to its end once."""

    file: _Recognised
    digest: str
    is_utf8: bool
    stamp: tuple[int, int]


@dataclass(frozen=True)
class _Chunk:
    """Rows of a file: those split, and the text of those that could not be."""

    rows: pa.RecordBatch
    lines: Lines
    unreadable: list[tuple[int, str]] = field(default_factory=list)


# --- Landing files ---------------------------------------------------------------------


def land(
    paths: Iterable[str | Path],
    home: Home,
    *,
    source: str | None = None,
    listener: str | None = None,
    origin: Origin = "own",
) -> list[LandedFile]:
    """Lands files, each as one batch, in the order of their paths.

    Every file is read to its end once before anything is written, so that one alien
    or damaged file refuses them all.

    Args:
        paths: Files, folders (their `*.csv` and `*.csv.gz`, at any depth), patterns.
        home: The installation.
        source: The table to land in, where a header fits several.
        listener: The listener of files that have no such column.
        origin: Whether the data is the user's own or the sample; they never mix.

    Raises:
        EncoreError: A file cannot be landed, or the zone holds data of other origin.
    """
    if listener is not None and not listener.strip():
        raise EncoreError("The listener's name is empty.", "Give a name, or leave it out.")
    shapes = load_shapes(PROJECT / "models")
    found = find_files(paths)
    _require_origin(home, batches(home), origin)
    files = _each(found, lambda path: _recognise(path, shapes, source, listener))
    if listener is not None:
        _note_listener(files)
    with _Bar(2 * sum(file.path.stat().st_size for file in files)) as bar:
        read = _each(files, lambda file: _read_once(file, bar.advance))
        try:
            with lock(home):
                return _land_all(read, home, origin, bar.advance)
        except OSError as error:
            where, why = error.filename or home.landing, error.strerror or error
            raise EncoreError(
                f"Cannot write {where}: {why}.",
                "Check space and permissions there (ENCORE_HOME), then land again: what "
                "was landed before is skipped.",
            ) from error


def _land_all(
    files: Sequence[_Read], home: Home, origin: Origin, advance: Advance
) -> list[LandedFile]:
    for leftover in home.landing.glob("*/chunk=*/_batch-*"):
        leftover.unlink()
    there = batches(home)
    _require_origin(home, there, origin)
    known = {(batch.source, batch.digest): batch for batch in there}
    last_id = _last_batch_id(home, there)
    landed: list[LandedFile] = []
    for read in files:
        began = time.monotonic()
        key = (read.file.match.shape.name, read.digest)
        already_landed = key in known
        if already_landed:
            advance(read.stamp[0])
        else:
            last_id += 1
            try:
                known[key] = _write_batch(read, home, last_id, origin, advance)
            except EncoreError as error:
                done = f" {len(landed)} files before it are landed." if landed else ""
                raise EncoreError(error.message + done, error.hint) from error
        facts = known[key].facts()
        landed.append(
            LandedFile(
                path=str(read.file.path),
                source_file=read.file.source_file,
                source=key[0],
                batch_id=known[key].batch_id,
                rows=int(facts["rows"]),
                unreadable=int(facts["unreadable"]),
                already_landed=already_landed,
                extra_columns=read.file.match.extra,
                seconds=time.monotonic() - began,
            )
        )
    return landed


def _each(items: Sequence[T], prepare: Callable[[T], R]) -> list[R]:
    """Prepares every item; raises what went wrong with any of them as one error."""
    done: list[R] = []
    errors: list[EncoreError] = []
    for item in items:
        try:
            done.append(prepare(item))
        except EncoreError as error:
            errors.append(error)
    if not errors:
        return done
    if len(items) == 1:
        raise errors[0]
    messages = "\n".join(f"  {error.message}" for error in errors)
    hints = dict.fromkeys(error.hint for error in errors)
    raise EncoreError(
        f"{len(errors)} of {len(items)} files cannot be landed; nothing was landed.\n"
        + messages,
        " ".join(filter(None, hints)),
    )


def _note_listener(files: Sequence[_Recognised]) -> None:
    own = [file.source_file for file in files if _LISTENER in file.match.assigned]
    if own:
        note = f"--listener is not used for files that name listeners: {', '.join(own)}"
        console.err.print(Text(note))


# --- The landing zone ------------------------------------------------------------------


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


@contextmanager
def lock(home: Home) -> Iterator[None]:
    """Excludes every other process that changes the landing zone of this home."""
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.run / "landing.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.err.print("Another process is landing; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _require_origin(home: Home, there: Sequence[Batch], origin: Origin) -> None:
    landed = _origin_of(there)
    if landed not in (None, origin):
        names = {"own": "your own data", "sample": "the sample"}
        raise EncoreError(
            f"{home.landing} holds {names[str(landed)]}; {names[origin]} would mix in.",
            "`encore reset` empties it; it asks before it deletes anything.",
        )


def _last_batch_id(home: Home, there: Sequence[Batch]) -> int:
    """The highest number given so far; the file outlives batches that are deleted."""
    path = home.landing / "_last_batch_id"
    text = path.read_text().strip() if path.exists() else "0"
    if not text.isdecimal():
        raise EncoreError(
            f"{path} should hold the number of the last batch, but holds {text!r}.",
            "Write the highest batch number that was ever used into it.",
        )
    return max([int(text), *(batch.batch_id for batch in there)])


def _record_batch_id(home: Home, batch_id: int) -> None:
    temporary = home.landing / "_last_batch_id.tmp"
    temporary.write_text(f"{batch_id}\n")
    _sync(temporary)
    temporary.replace(home.landing / "_last_batch_id")
    _sync(home.landing)


def _make_folder(path: Path) -> None:
    """Makes a folder and its parents so that a power cut does not undo it."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(exist_ok=True)
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- Writing a batch -------------------------------------------------------------------


def _write_batch(
    read: _Read, home: Home, batch_id: int, origin: Origin, advance: Advance
) -> Batch:
    """Writes one batch under the lock.

    The number is recorded before the batch becomes visible: a crash in between
    leaves a number unused, never one used twice.
    """
    source = read.file.match.shape.name
    folder = home.landing / source / f"chunk={batch_id // BATCHES_PER_CHUNK}"
    _make_folder(folder)
    path = folder / f"batch-{batch_id:012d}-{read.digest}.parquet"
    temporary = folder / f"_{path.name}"
    try:
        _write_parquet(temporary, read, batch_id, origin, advance)
        if _stamp(read.file.path) != read.stamp:
            raise EncoreError(
                f"{read.file.source_file} changed meanwhile; it was not landed.",
                "Land it again when nothing writes to it.",
            )
        _sync(temporary)
        _record_batch_id(home, batch_id)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(folder)
    return Batch(source, batch_id, read.digest, path)


def _write_parquet(
    path: Path, read: _Read, batch_id: int, origin: Origin, advance: Advance
) -> None:
    shape = read.file.match.shape
    schema = _schema(shape)
    landed_at = pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC"))
    constants = {
        "batch_id": pa.scalar(batch_id, pa.int64()),
        "source_file": pa.scalar(read.file.source_file, pa.string()),
        "landed_at": landed_at,
        **{name: pa.scalar(value) for name, value in read.file.defaults.items()},
    }
    rows = unreadable = 0
    group: list[pa.Table] = []
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for chunk in _Records(read, advance):
            table = _table(chunk, read.file.match, schema, constants)
            group.append(table)
            rows += table.num_rows
            unreadable += len(chunk.unreadable)
            full = sum(part.num_rows for part in group) >= ROW_GROUP_ROWS
            if full or sum(part.nbytes for part in group) >= ROW_GROUP_BYTES:
                _write_group(writer, group)
        _write_group(writer, group)
        facts = {
            "source_file": read.file.source_file,
            "origin": origin,
            "rows": str(rows),
            "unreadable": str(unreadable),
        }
        writer.add_key_value_metadata({f"encore.{k}": v for k, v in facts.items()})


def _write_group(writer: Any, group: list[pa.Table]) -> None:
    table = pa.concat_tables(group) if group else None
    if table is not None and table.num_rows:
        writer.write_table(table, row_group_size=table.num_rows)
    group.clear()


def _schema(shape: Shape) -> pa.Schema:
    return pa.schema(
        [
            *((column.name, pa.string()) for column in shape.columns),
            ("batch_id", pa.int64()),
            ("source_file", pa.string()),
            ("source_line", pa.int64()),
            ("landed_at", pa.timestamp("us", "UTC")),
            ("raw_line", pa.string()),
            ("extra", pa.string()),
        ]
    )


def _table(
    chunk: _Chunk, found: Match, schema: pa.Schema, constants: dict[str, pa.Scalar]
) -> pa.Table:
    """Gives a chunk the columns of its table, its rows in the order of their lines."""
    count = chunk.rows.num_rows
    columns: dict[str, Any] = {"source_line": pa.array(chunk.lines)}
    undeclared = {}
    for name, column, cells in zip(
        found.header, found.assigned, chunk.rows.columns, strict=True
    ):
        if column is None:
            undeclared[name] = cells
        else:
            columns[column] = cells
    if undeclared:
        columns["extra"] = _json_objects(undeclared)
    columns |= {name: pa.repeat(value, count) for name, value in constants.items()}
    if not chunk.unreadable:
        return _with_nulls(columns, count, schema)
    lines, texts = zip(*chunk.unreadable, strict=True)
    own = ("batch_id", "source_file", "landed_at")
    rest: dict[str, Any] = {name: pa.repeat(constants[name], len(lines)) for name in own}
    rest |= {
        "source_line": pa.array(lines, pa.int64()),
        "raw_line": pa.array(texts, pa.string()),
    }
    table = pa.concat_tables(
        [_with_nulls(columns, count, schema), _with_nulls(rest, len(lines), schema)]
    )
    return table.sort_by("source_line")


def _with_nulls(columns: dict[str, Any], count: int, schema: pa.Schema) -> pa.Table:
    arrays = [
        columns[column.name] if column.name in columns else pa.nulls(count, column.type)
        for column in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _json_objects(columns: dict[str, pa.Array]) -> pa.Array:
    """One JSON object per row, built by column: json.dumps per row takes 8 times longer."""
    parts: list[Any] = []
    for index, (name, cells) in enumerate(columns.items()):
        text = pc.replace_substring(cells, "\\", "\\\\")
        text = pc.replace_substring(text, '"', '\\"')
        if pc.any(pc.match_substring_regex(text, r"[\x00-\x1f]")).as_py():
            for code in range(0x20):
                text = pc.replace_substring(text, chr(code), f"\\u{code:04x}")
        quoted = pc.binary_join_element_wise('"', text, '"', "")
        key = f"{', ' if index else '{'}{json.dumps(name, ensure_ascii=False)}: "
        parts += [key, pc.fill_null(quoted, "null")]
    return pc.binary_join_element_wise(*parts, "}", "")


# --- Finding and recognising files -----------------------------------------------------


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """The regular files that paths name, sorted, each once.

    Args:
        paths: Files, folders (searched for `*.csv` and `*.csv.gz` at any depth, through
            links, hidden files left out) and glob patterns. `**` is no more than `*`: it
            would follow links in circles.

    Raises:
        EncoreError: A path names nothing, or something that is no file or folder.
    """
    found: dict[tuple[int, int], Path] = {}
    for path in itertools.chain.from_iterable(_expand(str(given)) for given in paths):
        try:
            status = path.stat()
        except OSError as error:
            raise EncoreError(f"Cannot read {_shown(path)}: {error.strerror}.") from error
        if not stat.S_ISREG(status.st_mode):
            raise EncoreError(
                f"{_shown(path)} is no regular file.",
                "Save what it delivers to a file, and land that: files are read twice.",
            )
        # The same file by two ways (a link, a folder and its parent) is landed once.
        key = (status.st_dev, status.st_ino)
        found[key] = min(path, found.get(key, path))
    return sorted(found.values())


def _expand(given: str) -> Iterator[Path]:
    if os.path.lexists(given):
        matches = [given]
    elif glob.has_magic(given):
        # Path.glob takes no absolute pattern.
        matches = glob.glob(given)  # noqa: PTH207
        if not matches:
            raise EncoreError(
                f"Nothing matches {_shown(given)}.", "Check the pattern with `ls`."
            )
    else:
        raise EncoreError(f"{_shown(given)} does not exist.", "Check the path.")
    for name in matches:
        path = Path(name)
        if path.is_dir():
            yield from _files_in(path)
        else:
            yield path


def _files_in(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        name = _shown(error.filename)
        raise EncoreError(f"Cannot read {name}: {error.strerror}.") from error

    seen: set[tuple[int, int]] = set()
    empty = True
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if name.lower().endswith((".csv", ".csv.gz")) and not name.startswith("."):
                empty = False
                yield Path(parent, name)
    if empty:
        raise EncoreError(
            f"{_shown(folder)} holds no *.csv and no *.csv.gz, at any depth.",
            "Name the files themselves if they are called otherwise.",
        )


def _shown(path: str | Path) -> str:
    """A path as text; bytes of a name that are not UTF-8 as backslash escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _recognise(
    path: Path, shapes: Sequence[Shape], source: str | None, listener: str | None
) -> _Recognised:
    name = _shown(path)
    with _reading(name):
        header = _read_header(path)
    try:
        found = match(header.names, shapes, source)
    except EncoreError as error:
        raise EncoreError(f"{name}: {error.message}", error.hint) from error
    defaults = {}
    for column in found.absent:
        value = listener if column.name == _LISTENER and listener else column.default
        if value is not None:
            defaults[column.name] = value
    return _Recognised(path, name, header, found, defaults)


def _read_header(path: Path) -> _Header:
    with _Source(path) as file:
        start = file.read(4096)
    looks = _looks_like(start)
    if looks:
        raise EncoreError(
            f"it looks like {looks}, not like a CSV file.",
            "Files are read as comma-separated UTF-8 text, plain or gzip.",
        )
    with _Lines(path) as lines:
        first = lines.next()
        while first and not first.strip("\ufeff\r\n\t "):
            first = lines.next()
        if not first:
            raise EncoreError("it is empty: there is no header.", "Check the file.")
        # A cell of the header may hold line breaks.
        rest = (lines.next() for _ in range(100))
        names = next(csv.reader(itertools.chain([first.removeprefix("\ufeff")], rest)))
        if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
            raise EncoreError(
                "the header is not UTF-8 text.",
                "Convert the file, for example with `iconv -f latin1 -t utf8`.",
            )
        return _Header(tuple(names), lines.number, lines.offset)


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
    if text[:1] in (b"{", b"["):
        return "JSON"
    if text[:1] == b"<":
        return "HTML or XML"
    if b"\0" in re.split(rb"[\r\n]", text, maxsplit=1)[0]:
        return "binary data or UTF-16 text"
    return ""


def _read_once(file: _Recognised, advance: Advance) -> _Read:
    """Reads a file to its end: content hash, and whether it is UTF-8 throughout."""
    stamp = _stamp(file.path)
    identity = [file.match.shape.name, sorted(file.defaults.items())]
    digest = hashlib.sha256(json.dumps(identity).encode() + b"\0")
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8 = True
    with _reading(file.source_file), _Source(file.path, advance) as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            is_utf8 = is_utf8 and _decodes(decoder, block)
    is_utf8 = is_utf8 and _decodes(decoder, b"", final=True)
    return _Read(file, digest.hexdigest()[:32], is_utf8, stamp)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Says of every error in reading a file which file it is."""
    try:
        yield
    except EncoreError as error:
        raise EncoreError(f"{name}: {error.message}", error.hint) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EncoreError(
            f"{name}: the gzip file is damaged or cut short ({error}).",
            "Fetch or copy it again; `gzip -t` tests it.",
        ) from error
    except OSError as error:
        raise EncoreError(f"{name}: cannot be read ({error.strerror}).") from error


# --- Splitting a file into records -----------------------------------------------------


class _Source:
    """The bytes of a file, decompressed where it is gzip; reports what it reads.

    Args:
        path: The file.
        advance: Told the bytes of the file, as it is on disk, that were read.
        offset: Where to begin, in decompressed bytes.
    """

    def __init__(self, path: Path, advance: Advance | None = None, offset: int = 0) -> None:
        self._raw = path.open("rb")
        packed = self._raw.read(2) == b"\x1f\x8b"
        self._raw.seek(0)
        opened = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
        self.stream = cast(BinaryIO, opened)
        self._advance = advance
        self.stream.seek(offset)
        self._told = self._raw.tell()

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        block = self.stream.read(size)
        if self._advance is not None:
            self._advance(self._raw.tell() - self._told)
            self._told = self._raw.tell()
        return block

    def __enter__(self) -> "_Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self._raw.close()


class _Lines:
    """The physical lines of a file, forwards only: each ends in LF, CRLF or CR.

    Attributes:
        number: Lines read so far.
        offset: Decompressed bytes read so far.
    """

    def __init__(self, path: Path) -> None:
        self._source = _Source(path)
        # Bytes that are not UTF-8 survive as surrogates, so offsets stay exact.
        self._text = io.TextIOWrapper(
            self._source.stream, "utf-8", "surrogateescape", newline=""
        )
        self.number = 0
        self.offset = 0

    def next(self) -> str:
        """The next line with its end; empty at the end of the file."""
        text = self._text.readline(BLOCK_BYTES)
        if len(text) == BLOCK_BYTES:
            raise EncoreError(
                f"line {self.number + 1} is longer than {BLOCK_BYTES >> 20} MiB.",
                "Check whether this is a CSV file, and shorten that line.",
            )
        if text:
            self.number += 1
            self.offset += len(text.encode("utf-8", "surrogateescape"))
        return text

    def record(self, line: int, height: int) -> str:
        """The text of `height` lines from `line` on, without the last line's end."""
        while self.number < line - 1:
            self.next()
        text = "".join(self.next() for _ in range(height))
        return text.removesuffix("\n").removesuffix("\r")

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._source.__exit__()


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

    def __init__(self, source: _Source, is_utf8: bool, closing: str) -> None:
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


class _Records:
    """Splits a file into records and tells the physical line of each.

    Arrow splits (1.7 M rows/s of five columns; the csv module 0.16 M) but knows
    no lines: they follow from the order of records and the line breaks inside cells.
    Whatever is doubtful, a record that does not split, only empty cells, a replaced byte,
    is looked up in the text itself.

    A quote that is never closed makes its line unreadable; splitting goes on with the
    line after it.
    """

    def __init__(self, read: _Read, advance: Advance) -> None:
        self._read = read
        self._advance = advance
        self._names = [str(i) for i in range(len(read.file.header.names))]
        self._closing = "," * len(self._names)
        self._schema = pa.schema([(name, pa.string()) for name in self._names])
        self._invalid: deque[_Invalid] = deque()
        self._seen = 0
        self._line = read.file.header.lines + 1

    def __iter__(self) -> Iterator[_Chunk]:
        offset = self._read.file.header.offset
        path = self._read.file.path
        with _reading(self._read.file.source_file), _Lines(path) as lines:
            while True:
                with _Source(path, self._advance, offset) as source:
                    if (yield from self._split(source, lines)):
                        return
                text = lines.record(self._line, 1)
                offset = lines.offset
                yield _Chunk(self._none, _numbers(), [(self._line, _escaped(text))])
                self._line += 1

    @property
    def _none(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([], schema=self._schema)

    def _split(self, source: _Source, lines: _Lines) -> Generator[_Chunk, None, bool]:
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
                use_threads=False, block_size=BLOCK_BYTES, column_names=self._names
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

    def _place(self, batch: pa.RecordBatch, lines: _Lines, final: bool = False) -> _Chunk:
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
            is_utf8 = self._read.is_utf8 or _escaped(text) == text
            keep[at] = is_row[at] and is_utf8 and not blank
            if not keep[at] and not blank:
                unreadable.append((int(starts[at]), _escaped(text)))
        self._seen += count
        self._line += int(heights.sum())
        return _Chunk(batch.filter(pa.array(keep[is_row])), starts[keep], unreadable)

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
    """Rows of empty cells (perhaps a blank line), or with a byte that was replaced."""
    doubtful = np.ones(batch.num_rows, dtype=np.bool_)
    for cells in batch.columns:
        if not cells.null_count:
            doubtful[:] = False
            break
        doubtful &= _numpy(cells.is_null(), False)
    if not is_utf8:
        for cells in batch.columns:
            doubtful |= _numpy(pc.match_substring(cells, "\ufffd"), False)
    return doubtful


def _numpy(array: pa.Array, null: int | bool) -> Any:
    return pc.fill_null(array, null).to_numpy(zero_copy_only=False)


def _numbers(*values: int) -> Lines:
    return np.array(values, dtype=np.int64)


def _escaped(text: str) -> str:
    """The text with every byte that was not UTF-8 as a backslash escape."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


# --- Showing what was done -------------------------------------------------------------


def as_table(files: Sequence[LandedFile]) -> Table:
    """Landed files as a table for the terminal."""
    table = Table("file", "source", "rows", "unreadable", "batch", "kept in extra")
    for column in table.columns:
        column.overflow = "fold"
    for column in table.columns[2:4]:
        column.justify = "right"
    for file in files:
        batch = f"{file.batch_id}" + (", landed before" if file.already_landed else "")
        cells = (
            file.source_file,
            file.source,
            f"{file.rows:,}",
            f"{file.unreadable:,}",
            batch,
            ", ".join(file.extra_columns),
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def as_dicts(files: Sequence[LandedFile]) -> list[dict[str, Any]]:
    """Landed files as objects for JSON."""
    return [asdict(file) for file in files]


class _Bar:
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
                console=console.err,
                transient=True,
            )
            self._progress.add_task("landing", total=self._total)
            self._progress.start()
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=self._done)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
