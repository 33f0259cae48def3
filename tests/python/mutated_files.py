"""The lines or the bytes of a good file are damaged, or it comes twice."""

import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from tests.python import mutated_columns
from tests.python.file_damage import ROWS, Good, Mutation

# What follows a quote that is left open: a bare cell, or one in quotes.
_AFTER_QUOTE = {
    "a quote that is never closed": "The Larks",
    "a quote that the first one of another cell closes": "Rai, Inc.",
}
# What becomes of a header among the rows.
HEADER_REASON = {"listens": "timestamp_unreadable", "tracks": "audio_feature_invalid"}


def mutations() -> Iterator[Mutation]:
    """The mutations of either source."""
    for source in ("listens", "tracks"):
        yield from mutated_columns.mutations(source)
        yield from _lines(source)
        yield from _bytes(source)
        yield from _arrivals(source)


def _lines(source: str) -> Iterator[Mutation]:
    known = partial(Mutation, source)
    yield known("semicolons for commas", lambda g: g.text(delimiter=";"), "fit no source")
    yield known("tabs for commas", lambda g: g.text(delimiter="\t"), "fit no source")
    yield known("every cell in quotes", lambda g: g.text(quoting=1))
    yield known("lines that end in CRLF", lambda g: g.text(lineterminator="\r\n"))
    yield known("lines that end in CR", lambda g: g.text(lineterminator="\r"))
    yield known("lines that end in each way", _mixed_ends)
    yield known("no end of the last line", lambda g: g.text().removesuffix("\n"))
    yield known("blank lines", lambda g: "\n \n".join(g.lines()) + "\n\n")
    yield known("quotes inside a bare cell", _bare_quotes)
    for what, artist in _AFTER_QUOTE.items():
        yield known(what, partial(_open_quote, artist=artist), unreadable=1)
    yield known(
        "a quote that the next line closes", _two_in_one, unreadable=1, told=": both lines"
    )
    yield known("a row with a cell less", partial(_line, change=_shorter), unreadable=1)
    yield known("a row with a cell more", partial(_line, change=_longer), unreadable=1)
    yield known("a remark at the end", lambda g: g.text() + "# end\n", unreadable=1)
    yield known(
        "the header among the rows",
        lambda g: g.text() + g.lines()[0],
        rejected={HEADER_REASON[source]: 1},
    )
    yield known(
        "the header among the rows, with a byte order mark",
        lambda g: g.text() + "\ufeff" + g.lines()[0],
        rejected={HEADER_REASON[source]: 1},
    )
    yield known("only a header", _only_header, told=" without a row, and a note says so")
    yield known("only blank lines", lambda _: "\n \r\n\n", "it is empty")


def _bytes(source: str) -> Iterator[Mutation]:
    known = partial(Mutation, source)
    yield known("nothing in it", lambda _: b"", "it is empty")
    yield known("a byte order mark", lambda g: "\ufeff" + g.text())
    yield known("UTF-16", lambda g: g.text().encode("utf-16"), "looks like UTF-16")
    yield known("UTF-16 without a mark", lambda g: g.text().encode("utf-16-le"), "UTF-16")
    yield known("a letter in Latin-1", partial(_line, change=_latin1), unreadable=1)
    yield known("a name of a column in Latin-1", _latin1_header, "the header is not UTF-8")
    yield known("NULs at the end", lambda g: g.text() + "\0" * 4096, unreadable=1)
    yield known("gzip", _packed)
    yield known("gzip in two parts", _two_parts)
    yield known("gzip cut short", lambda g: _packed(g)[:-12], "damaged or cut short")
    yield known("gzip with a wrong checksum", lambda g: _packed(g)[:-8] + bytes(8), "damaged")
    yield known("gzip and rubbish after it", lambda g: _packed(g) + b"rubbish", "damaged")
    yield known("gzip in gzip", lambda g: gzip.compress(_packed(g)), "gzip inside gzip")
    yield known("JSON", lambda g: json.dumps(g.rows))
    yield known("JSON, a line a row", _json_lines)
    yield known("JSON cut short", lambda g: json.dumps(g.rows)[:-2], "damaged or cut short")
    yield known("JSON with a key twice", _key_twice, "more than one key")
    yield known("JSON, a line cut short", _cut_line, unreadable=1)
    yield known(
        "HTML", lambda g: f"<!DOCTYPE html>\n<pre>{g.text()}</pre>", "looks like HTML"
    )
    yield known("a spreadsheet", lambda _: b"PK\x03\x04" + bytes(60), "looks like a zip")


def _arrivals(source: str) -> Iterator[Mutation]:
    # A listen that is there is a duplicate, a track is described anew.
    many = "duplicate" if source == "listens" else "superseded"
    known: Any = partial(Mutation, source)
    yield known("the same file twice", _same_twice, files_known=1)
    yield known("the same rows in two files", _other_order, **{many: ROWS})
    yield known("a row twice", _row_twice, **{many: 1})


def _mixed_ends(good: Good) -> str:
    ends = ["\n", "\r\n", "\r"]
    return "".join(line[:-1] + good.rng.choice(ends) for line in good.lines())


def _bare_quotes(good: Good) -> str:
    at = good.draw()
    good.rows[at]["title"] = good.typed[at]["title"] = 'Say "Yes"'
    return good.text().replace('"Say ""Yes"""', 'Say "Yes"')


def _open_quote(good: Good, artist: str) -> str:
    at = good.draw()
    for cells in [*good.rows, *good.typed]:
        cells["artist"] = artist
    before = good.header[good.header.index("artist") - 1]
    cell = good.rows[at][before]
    lines = good.lines()
    lines[at + 1] = lines[at + 1].replace(f",{cell},", f',"{cell},')
    del good.typed[at]
    return "".join(lines)


def _two_in_one(good: Good) -> str:
    at = good.draw()
    for cells in [*good.rows, *good.typed]:
        cells["artist"] = "The Larks"
    good.rows[at + 1]["artist"] = "Rai, Inc."
    lines = good.lines()
    lines[at + 1] = lines[at + 1].replace("Über", '"Über')
    del good.typed[at : at + 2]
    return "".join(lines)


def _line(good: Good, change: Callable[[bytes], bytes]) -> bytes:
    """Changes one line, which is lost by that."""
    at = good.draw()
    lines = [line.encode() for line in good.lines()]
    lines[at + 1] = change(lines[at + 1])
    del good.typed[at]
    return b"".join(lines)


def _shorter(line: bytes) -> bytes:
    return line.rpartition(b",")[0] + b"\n"


def _longer(line: bytes) -> bytes:
    return line.replace(b"\n", b",1\n")


def _latin1(line: bytes) -> bytes:
    return line.decode().encode("latin-1")


def _latin1_header(good: Good) -> bytes:
    return good.text().replace("title", "Titré").encode("latin-1")


def _only_header(good: Good) -> str:
    good.typed.clear()
    return good.lines()[0]


def _packed(good: Good) -> bytes:
    return gzip.compress(good.text().encode(), mtime=0)


def _two_parts(good: Good) -> bytes:
    lines = good.lines()
    parts = ("".join(lines[:3]), "".join(lines[3:]))
    return b"".join(gzip.compress(part.encode(), mtime=0) for part in parts)


def _json_lines(good: Good) -> str:
    return "".join(json.dumps(row) + "\n" for row in good.rows)


def _key_twice(good: Good) -> str:
    first, *others = good.rows
    twice = json.dumps(first)[:-1] + ', "id": "x"}'
    return f"[{twice}, {json.dumps(others)[1:]}"


def _cut_line(good: Good) -> str:
    lines = _json_lines(good).splitlines(keepends=True)
    at = good.draw()
    lines[at] = lines[at][:-3] + "\n"
    del good.typed[at]
    return "".join(lines)


def _same_twice(good: Good) -> list[bytes]:
    return [good.text().encode()] * 2


def _other_order(good: Good) -> list[bytes]:
    header, *lines = good.lines()
    good.typed *= 2
    return ["".join([header, *some]).encode() for some in (lines, reversed(lines))]


def _row_twice(good: Good) -> str:
    at = good.draw()
    good.typed.append(good.typed[at])
    return good.text() + good.lines()[at + 1]
