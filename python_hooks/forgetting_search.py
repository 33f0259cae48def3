"""Searching all files of an installation for what is left of a listener."""

import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from python_hooks.console import err
from python_hooks.errors import EncoreError
from python_hooks.forgotten import cleaned
from python_hooks.home import PROJECT, Home, target_folder

# Columns of tables that say who listened.
_WHO = re.compile(r"listener(_id)?")
# Columns in which landing redacts the name, so that nothing explains it there.
_REDACTED = frozenset(["extra", "raw_line", "source_file"])
_NO_REASON = _REDACTED | {"bytes", "metadata"}
_BLOCK = 1 << 24
# Shorter names occur in binary files by chance.
_TELLING = 5
_TEXT = frozenset(
    [".csv", ".html", ".json", ".log", ".md", ".properties", ".py", ".sql", ".txt", ".yml"]
)
# What dbt makes of the project's text and not of rows.
_OF_PROJECT = re.compile(
    r"(semantic_)?manifest\.json|partial_parse\.msgpack|graph.*|catalog\.json|.*\.html"
)
_INPUTS = ("models", "macros", "seeds", "tests/data", "profiles", "python_hooks")


@dataclass(frozen=True)
class Place:
    """Where a name was found.

    Attributes:
        file: The file.
        where: The column, `metadata` beside the columns, or `bytes` of another file.
        count: How many cells; else 1.
    """

    file: str
    where: str
    count: int


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        files: How many files were read to their end.
        left: Places that are the listener's.
        same_letters: Places where the letters stand for something else: a title, a word.
    """

    files: int
    left: tuple[Place, ...]
    same_letters: tuple[Place, ...]


def search(name: str, home: Home) -> Found:
    """Reads every file of the state folder, and what dbt and its docs wrote beside it.

    Parquet and Arrow files are decoded; all others are searched byte by byte. Rows of the
    listener are always `left`. Other occurrences are, unless the letters also stand in
    cells of landed rows that are not theirs, or in the text of the project: a title may
    be called like a listener, and `me` is a word.

    Raises:
        EncoreError: A file cannot be read.
    """
    left: list[Place] = []
    letters: list[Place] = []
    paths = sorted({*_files(home.root), *written_beside(everything=True)})
    with _progress() as progress:
        for path in progress.track(paths, description="searching"):
            for place in _places(path, name):
                (left if _WHO.fullmatch(place.where) else letters).append(place)
    is_word = _in_project(name) or any(
        Path(place.file).is_relative_to(home.landing) and place.where not in _NO_REASON
        for place in letters
    )
    by_chance = len(name.encode()) < _TELLING

    def is_explained(place: Place) -> bool:
        if place.where in _REDACTED:
            return False
        return is_word or (by_chance and place.where == "bytes")

    left += [place for place in letters if not is_explained(place)]
    return Found(len(paths), tuple(left), tuple(filter(is_explained, letters)))


def written_beside(*, everything: bool = False) -> Iterator[Path]:
    """Logs and results that dbt wrote; with what it made of the project's text."""
    logs = Path(os.environ.get("DBT_LOG_PATH") or PROJECT / "logs")
    for path in (*_files(logs), *_files(target_folder())):
        if everything or not _OF_PROJECT.fullmatch(path.name):
            yield path
    if everything:
        yield from _files(PROJECT / "docs" / "site")


def mentioning(path: Path, name: str) -> bool:
    """Whether a file holds the letters of a name, as a word where it is a text."""
    is_text = path.suffix in _TEXT or ".log." in path.name
    pattern = _pattern(name, is_text=is_text)
    longest = max(len(name.encode(kind, "surrogatepass")) for kind in ("utf-8", "utf-16"))
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            tail = b""
            while block := file.read(_BLOCK):
                if pattern.search(tail + block):
                    return True
                tail = block[-6 * longest - 2 :]
    except OSError as error:
        raise EncoreError(
            f"{path} cannot be searched: {error.strerror or error}.",
            "Mend that, or remove the file; then run the same again.",
        ) from error
    return False


def _pattern(name: str, *, is_text: bool) -> re.Pattern[bytes]:
    in_json = json.dumps(name)[1:-1].encode()
    plain = name.encode("utf-8", "surrogatepass")
    spelled = {
        plain,
        in_json,
        json.dumps(name, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass"),
    }
    either = b"|".join(re.escape(each) for each in sorted(spelled))
    if is_text or len(plain) < _TELLING:
        before = rb"(?<![0-9A-Za-z])" if name[:1].isalnum() else b""
        after = rb"(?![0-9A-Za-z])" if name[-1:].isalnum() else b""
        return re.compile(before + b"(?:" + either + b")" + after)
    wide = [name.encode(kind, "surrogatepass") for kind in ("utf-16-le", "utf-16-be")]
    return re.compile(b"|".join([either, *map(re.escape, wide)]))


def _places(path: Path, name: str) -> Iterator[Place]:
    if path.suffix in (".parquet", ".arrow"):
        counts: dict[str, int] = {}
        try:
            for table in _tables(path):
                for column, count in _cells(table, name):
                    counts[column] = counts.get(column, 0) + count
                # Facts that a writer adds to the columns.
                facts = b"\n".join((table.schema.metadata or {}).values())
                if _pattern(name, is_text=True).search(facts):
                    counts["metadata"] = 1
            yield from (Place(str(path), *found) for found in counts.items())
            return
        except (OSError, pa.ArrowException):
            # A file that a killed server left half written: its bytes are searched.
            pass
    if mentioning(path, name):
        yield Place(str(path), "bytes", 1)


def _tables(path: Path) -> Iterator[pa.Table]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            yield file.schema_arrow.empty_table()
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)
    else:
        with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
            yield reader.schema.empty_table()
            for number in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(number)])


def _cells(table: pa.Table, name: str) -> Iterator[tuple[str, int]]:
    """Columns with cells of the listener, or with the name as a word in a text."""
    word = re.escape(name)
    before = r"(?:^|[^\pL\pN])" if name[:1].isalnum() else ""
    after = r"(?:$|[^\pL\pN])" if name[-1:].isalnum() else ""
    for column, cells in _texts(table):
        if _WHO.fullmatch(column):
            texts = pc.unique(cells).to_pylist()
            same = [text for text in texts if text is not None and cleaned(text) == name]
            count = pc.sum(pc.is_in(cells, pa.array(same, cells.type))).as_py()
        else:
            found = pc.match_substring_regex(cells, f"(?s){before}{word}{after}")
            count = pc.sum(found).as_py()
        if count:
            yield column, count


def _texts(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The columns of strings, also those inside of lists, maps and structs."""
    for column in table.column_names:
        yield from _strings(column, table[column].combine_chunks())


def _strings(column: str, cells: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    kind = cells.type
    if pa.types.is_dictionary(kind):
        yield from _strings(column, cells.cast(kind.value_type))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield column, cells
    elif pa.types.is_map(kind):
        yield from _strings(column, cells.keys)
        yield from _strings(column, cells.items)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _strings(column, cells.flatten())
    elif pa.types.is_struct(kind):
        for part in kind:
            yield from _strings(part.name, cells.field(part.name))


def _in_project(name: str) -> bool:
    inputs: Iterable[Path] = (path for folder in _INPUTS for path in _files(PROJECT / folder))
    return any(mentioning(path, name) for path in inputs if path.suffix in (*_TEXT, ".conf"))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=err, transient=True)
