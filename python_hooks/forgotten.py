"""The listeners that were forgotten, and what landing leaves of their rows.

`forgotten.json` holds no name: of each one a keyed hash and its length, by which a name
is recognised where it comes again. Of a row of theirs only its place in the file stays,
so that the accounts of what landed still add up.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from python_hooks.durable import sync
from python_hooks.errors import EncoreError
from python_hooks.home import Home

LISTENER = "listener"
# What takes the place of a name inside a longer text.
REDACTED = "(forgotten)"
# What SQL's `cleaned` trims from a cell.
_BLANK = " \t\r\n\u00a0\u3000\u200b\ufeff"
# Of an emptied row these stay: its place, and when it came.
_PLACE = ("batch_id", "source_file", "source_line", "landed_at")


@dataclass(frozen=True)
class Forgotten:
    """The list of an installation.

    Attributes:
        key: The key of the hashes.
        lengths: Hash of each name to its number of letters.
        pending: Hashes of those that may still be in marts and artifacts.
    """

    key: bytes
    lengths: Mapping[str, int] = field(default_factory=dict)
    pending: frozenset[str] = frozenset()

    def hash(self, name: str) -> str:
        """The hash of a name as marts spell it."""
        text = name.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self.key, digest_size=16).hexdigest()

    def with_listener(self, name: str) -> "Forgotten":
        """The list with one more listener, whose removal is pending."""
        digest = self.hash(cleaned(name))
        lengths = {**self.lengths, digest: len(cleaned(name))}
        return replace(self, lengths=lengths, pending=self.pending | {digest})

    def knows(self, name: str) -> bool:
        """Whether a listener of this name was forgotten."""
        return self.hash(cleaned(name)) in self.lengths

    def redacted(self, text: str) -> str:
        """A text without the names that stand in it as words of their own."""
        parts, start, at = [], 0, 0
        while at < len(text):
            length = self._length_at(text, at)
            if length:
                parts += [text[start:at], REDACTED]
                start = at = at + length
            else:
                at += 1
        return "".join([*parts, text[start:]]) if parts else text

    def _length_at(self, text: str, at: int) -> int:
        """Length of the longest name that stands at a place of a text, or 0."""
        if not _is_edge(text, at):
            return 0
        for length in self._lengths:
            end = at + length
            if end <= len(text) and _is_edge(text, end) and self.knows(text[at:end]):
                return length
        return 0

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted(set(self.lengths.values()), reverse=True)

    def emptied(self, table: pa.Table) -> tuple[pa.Table, int]:
        """Landed rows without what is theirs.

        Rows of a forgotten listener are emptied, and so are lines that could not be split
        and name one. In `extra` and the name of the file the names are redacted.

        Returns:
            The table, and how many of its rows are emptied, now or before.
        """
        if not self.lengths:
            return table, 0
        gone = _filled(table["is_forgotten"])
        if LISTENER in table.column_names:
            gone = pc.or_(gone, _where(table[LISTENER], self.knows))
        raw = _where(table["raw_line"], lambda line: self.redacted(line) != line)
        gone = pc.or_(gone, raw)
        columns = {name: table[name] for name in table.column_names}
        columns["extra"] = _mapped(columns["extra"], self._redacted_json)
        columns["source_file"] = _mapped(columns["source_file"], self.redacted)
        count = pc.sum(gone).as_py() or 0
        if count:
            for name in columns.keys() - {*_PLACE, "is_forgotten"}:
                kind = table.schema.field(name).type
                columns[name] = pc.if_else(gone, pa.scalar(None, kind), columns[name])
            columns["is_forgotten"] = pc.if_else(gone, True, pa.scalar(None, pa.bool_()))
        return pa.Table.from_pydict(columns, schema=table.schema), count

    def changes(self, table: pa.Table) -> bool:
        """Whether `emptied` would change anything of landed rows."""
        before = pc.sum(_filled(table["is_forgotten"])).as_py() or 0
        after, count = self.emptied(table)
        same = ("extra", "source_file")
        return count > before or any(after[name] != table[name] for name in same)

    def _redacted_json(self, text: str) -> str:
        cells = json.loads(text)
        clean = {
            self.redacted(name): value if value is None else self.redacted(value)
            for name, value in cells.items()
        }
        return text if clean == cells else json.dumps(clean, ensure_ascii=False)


def read(home: Home) -> Forgotten:
    """The list of an installation; an empty one with a new key where there is none.

    Raises:
        EncoreError: The file is damaged: without it, who was forgotten would come back.
    """
    path = home.root / "forgotten.json"
    if not path.exists():
        return Forgotten(secrets.token_bytes(32))
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return Forgotten(
            bytes.fromhex(found["key"]),
            {str(name): int(length) for name, length in found["listeners"].items()},
            frozenset(found["pending"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoreError(
            f"{path} cannot be read ({error}): it says who was forgotten.",
            "Bring it back from a backup. Without it, old files would bring back who was "
            "forgotten.",
        ) from error


def add(home: Home, name: str) -> Forgotten:
    """Puts a listener on the list, durably; landing must be locked."""
    return _write(home, read(home).with_listener(name))


def settle(home: Home, name: str) -> Forgotten:
    """Notes that nothing of a listener is left; landing must be locked."""
    there = read(home)
    return _write(home, replace(there, pending=there.pending - {there.hash(cleaned(name))}))


def cleaned(name: str) -> str:
    """A name as marts have it: SQL's `cleaned` in Python."""
    return name.strip(_BLANK)


def _write(home: Home, forgotten: Forgotten) -> Forgotten:
    path = home.root / "forgotten.json"
    draft = path.with_suffix(".new")
    content = {
        "key": forgotten.key.hex(),
        "listeners": dict(sorted(forgotten.lengths.items())),
        "pending": sorted(forgotten.pending),
    }
    home.make(home.root)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=1) + "\n")
    sync(draft)
    draft.replace(path)
    sync(home.root)
    return forgotten


def _is_edge(text: str, at: int) -> bool:
    """Whether a word may begin or end before the letter at a place."""
    return not (0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum())


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(column, False)


def _where(column: pa.ChunkedArray, holds: Callable[[str], bool]) -> pa.ChunkedArray:
    """Where a text meets a condition; asked once of every distinct one."""
    found = [
        text for text in pc.unique(column).to_pylist() if text is not None and holds(text)
    ]
    return pc.is_in(column, pa.array(found, pa.string()))


def _mapped(column: pa.ChunkedArray, change: Callable[[str], str]) -> pa.ChunkedArray:
    """A column with every distinct text changed; the same column if none is."""
    texts = [text for text in pc.unique(column).to_pylist() if text is not None]
    changed = {text: new for text in texts if (new := change(text)) != text}
    if not changed:
        return column
    cells = [changed.get(text, text) for text in column.to_pylist()]
    return pa.chunked_array([pa.array(cells, pa.string())])
