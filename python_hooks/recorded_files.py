"""Files as receipts record them: regular, inside their folder, and unchanged."""

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from python_hooks.errors import DamagedError

REBUILD = "Run `encore artifacts build` to build it again."
# What reading a damaged JSON object, and taking a field out of it, raises.
BROKEN_JSON = (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class FileFacts:
    """Checksum (hexadecimal) and size (bytes) of one file."""

    sha256: str
    bytes: int


def file_facts(path: Path) -> FileFacts:
    """Hashes a file, without holding it in memory."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileFacts(digest, file.tell())


def regular(folder: Path, name: str, owner: str) -> Path:
    """The path of a file in a folder, which neither its name nor a link leads out of.

    Args:
        folder: The folder.
        name: Path below the folder, with `/`.
        owner: What the file is part of, for messages.

    Raises:
        DamagedError: The name leads elsewhere, there is no such file, or it is a link, a
            folder or a pipe, which would be waited for.
    """
    parts = name.split("/")
    if "\0" in name or {"", ".", ".."} & set(parts):
        raise DamagedError(
            f"{owner}: the recorded name {name!r} leads out of {folder}; recorded are "
            "files below it.",
            REBUILD,
        )
    path = folder
    for number, part in enumerate(parts, start=1):
        path = path / part
        wanted = stat.S_IFREG if number == len(parts) else stat.S_IFDIR
        try:
            found = stat.S_IFMT(path.lstat().st_mode)
        except OSError as error:
            raise DamagedError(
                f"{owner}: {name} cannot be read: {error.strerror}; recorded is a file.",
                REBUILD,
            ) from error
        if found != wanted:
            what = "a folder" if wanted == stat.S_IFDIR else "a file"
            raise DamagedError(
                f"{owner}: {name} cannot be read: {path} is "
                f"{_KINDS.get(found, 'a file')}, recorded is {what}.",
                REBUILD,
            )
    return path


def require(folder: Path, files: Mapping[str, FileFacts], owner: str) -> None:
    """Hashes files and compares them with what was recorded of them.

    Raises:
        DamagedError: One cannot be read (see `regular`), or is not the one that was
            recorded; both values are named.
    """
    for name, recorded in files.items():
        try:
            actual = file_facts(regular(folder, name, owner))
        except OSError as error:
            raise DamagedError(
                f"{owner}: {name} cannot be read: {error.strerror}.", REBUILD
            ) from error
        if actual.bytes != recorded.bytes:
            raise DamagedError(
                f"{owner}: {name} is damaged: it has {actual.bytes} bytes, "
                f"recorded {recorded.bytes}.",
                REBUILD,
            )
        if actual.sha256 != recorded.sha256:
            raise DamagedError(
                f"{owner}: {name} is damaged: its SHA-256 is {actual.sha256}, "
                f"recorded {recorded.sha256}.",
                REBUILD,
            )
