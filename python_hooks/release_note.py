"""The note of a folder of artifacts: of which release it is, and which receipts it holds.

A receipt vouches for its files, and the note for the receipts: a sound artifact of another
release, put where this one's belongs, is as wrong as a damaged one. The note is the last
file that is written, so a folder that was copied by half has none.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from python_hooks import receipt
from python_hooks.errors import DamagedError
from python_hooks.receipt import Receipt
from python_hooks.recorded_files import BROKEN_JSON, REBUILD, file_facts, regular

NAME = "release.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Note:
    """What is recorded about one folder of artifacts.

    Attributes:
        release: Id of the release of the marts; empty for a build that no release has yet.
        batch: Last batch of its batch layer.
        upto: Last batch that its deltas have seen.
        receipts: SHA-256 of every receipt, by path of the artifact or delta.
        format_version: Version of the note.
    """

    release: str = ""
    batch: int = 0
    upto: int = 0
    receipts: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


_TYPES = {"release": str, "batch": int, "upto": int, "receipts": dict, "format_version": int}


def write(note: Note, folder: Path, paths: Iterable[str]) -> None:
    """Writes a note that vouches for the receipts there are of these artifacts.

    Args:
        note: What it says besides.
        folder: The folder.
        paths: Paths of artifacts and deltas; those without a receipt are left out.
    """
    receipts = {
        path: file_facts(found).sha256
        for path in paths
        if (found := receipt.receipt_path(folder / path)).exists()
    }
    note = dataclasses.replace(note, receipts=receipts)
    (folder / NAME).write_text(_text(dataclasses.asdict(note)), encoding="utf-8")


def read(folder: Path) -> Note:
    """The note of a folder.

    Raises:
        DamagedError: There is none, it is not as it was written, or of another format.
    """
    owner = f"Release folder {folder.name}"
    try:
        found = regular(folder, NAME, owner).read_bytes()
        content = json.loads(found)
        recorded, version = content.pop("checksum"), content["format_version"]
    except BROKEN_JSON as error:
        raise DamagedError(
            f"{owner}: {NAME} is damaged: it is no JSON object with a checksum, as it was "
            f"recorded ({type(error).__name__}: {error}).",
            REBUILD,
        ) from error
    if version != FORMAT_VERSION:
        raise DamagedError(
            f"{owner}: {NAME} has format {version!r}, this version of encore reads format "
            f"{FORMAT_VERSION}.",
            REBUILD,
        )
    written = _text(content).encode()
    if found != written:
        raise DamagedError(
            f"{owner}: {NAME} is damaged: checksum {_checksum(content)} in "
            f"{len(found)} bytes, recorded {recorded!r} in {len(written)} bytes.",
            REBUILD,
        )
    if {name: type(value) for name, value in content.items()} != _TYPES:
        raise DamagedError(
            f"{owner}: {NAME} has the fields {', '.join(content)}, recorded are "
            f"{', '.join(_TYPES)}, each of its type.",
            REBUILD,
        )
    return Note(**content)


def vouched(note: Note, folder: Path, path: str, look: Callable[[Path], Receipt]) -> Receipt:
    """The receipt of an artifact or delta, as `look` reads it and the note knows it.

    Args:
        note: The folder's note.
        folder: The folder.
        path: One of the note's paths.
        look: `receipt.read`, or `receipt.verify` to hash the files too.

    Raises:
        DamagedError: The receipt cannot be used, or is that of another build.
    """
    owner = f"Artifact {Path(path).name}"
    place = regular(folder, receipt.receipt_path(Path(path)).as_posix(), owner)
    actual = file_facts(place).sha256
    if actual == note.receipts[path]:
        return look(folder / path)
    try:
        why = f"It is of {receipt.read(folder / path).built_at}."
    except DamagedError as error:
        why = error.message
    raise DamagedError(
        f"{owner}: its receipt {place.name} is not the one of release {note.release}: its "
        f"SHA-256 is {actual}, recorded in {NAME} {note.receipts[path]}. {why}",
        REBUILD,
    )


def _text(content: dict[str, object]) -> str:
    whole = content | {"checksum": _checksum(content)}
    return json.dumps(whole, ensure_ascii=True, indent=2) + "\n"


def _checksum(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
