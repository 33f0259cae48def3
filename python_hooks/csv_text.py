"""Reading the bytes and the physical lines of a CSV file, plain or gzip."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from python_hooks.errors import EncoreError

Advance = Callable[[int], None]

# A record that fits in a block is split in bounded memory; a longer one is taken for
# a quote that is never closed.
BLOCK_BYTES = 4 << 20
_TELL_LINES = 1_000


class Source:
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
        self.tell()
        return block

    def tell(self) -> None:
        """Reports what was read since it was last reported."""
        if self._advance is not None:
            self._advance(self._raw.tell() - self._told)
            self._told = self._raw.tell()

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self._raw.close()


class TextLines:
    """The physical lines of a file, forwards only: each ends in LF, CRLF or CR.

    Attributes:
        number: Lines read so far.
        offset: Decompressed bytes read so far.
    """

    def __init__(self, path: Path, advance: Advance | None = None) -> None:
        self._source = Source(path, advance)
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
                "Check whether this is a file of rows, and shorten that line.",
            )
        if self.number % _TELL_LINES == 0 or not text:
            self._source.tell()
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

    def __enter__(self) -> "TextLines":
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._source.__exit__()


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Says of every error in reading a file which file it is."""
    try:
        yield
    except EncoreError as error:
        raise type(error)(f"{name}: {error.message}", error.hint) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EncoreError(
            f"{name}: the gzip file is damaged or cut short ({error}).",
            "Fetch or copy it again; `gzip -t` tests it.",
        ) from error
    except OSError as error:
        raise EncoreError(
            f"{name}: cannot be read ({error.strerror}).",
            "`ls -l` shows whose it is, and who may read it.",
        ) from error


def escaped(text: str) -> str:
    """The text with every byte that was not UTF-8 as a backslash escape."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
