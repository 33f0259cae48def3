"""What a build says about an artifact: a JSON file beside the artifact's files.

No library detects every damage to its own file (a truncated Bloom filter loads
and forgets its keys; other formats abort the process), so every file is hashed
and compared with the receipt before anything is loaded. The receipt protects
itself by a checksum of its own content.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any, Generic, TypeVar

from python_hooks import recorded_files
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError
from python_hooks.recorded_files import BROKEN_JSON, REBUILD, FileFacts, file_facts

FORMAT_VERSION = 1

T = TypeVar("T")


@dataclass(frozen=True)
class Built(Generic[T]):
    """What a builder made, in memory.

    Attributes:
        value: The index or filter.
        rows: Rows of the mart it was made from.
        quality: What was measured; None where there was nothing to measure on.
        details: Facts a reader of the files wants to know, such as the hash.
    """

    value: T
    rows: int
    quality: Mapping[str, float | None]
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What is recorded about one built artifact.

    Attributes:
        artifact: Name of the artifact.
        format_version: Version of the receipt and of the files it describes.
        builder: The kind of artifact.
        relation: The mart it was built from.
        version: The build that the mart was read from: the schema of its table.
        rows: Rows of the mart, whether indexed or not.
        key: Key columns.
        params: Parameters of the build, and of the queries.
        details: Facts about the files, by builder.
        libraries: Versions of the libraries that wrote the files.
        files: Checksum and size by path below the receipt's folder, with `/`.
        quality: What was measured at the build.
        built_at: UTC, ISO 8601. Only here, so that the same mart gives the same
            files whenever it is built.
    """

    artifact: str
    format_version: int
    builder: str
    relation: str
    version: str
    rows: int
    key: tuple[str, ...]
    params: Mapping[str, Any]
    details: Mapping[str, Any]
    libraries: Mapping[str, str]
    files: Mapping[str, FileFacts]
    quality: Mapping[str, float | None]
    built_at: str


# The type of each field in JSON.
_KINDS = {
    **dict.fromkeys(("artifact", "builder", "relation", "version", "built_at"), "str"),
    **dict.fromkeys(("format_version", "rows"), "int"),
    **dict.fromkeys(("params", "details", "libraries", "files", "quality"), "dict"),
    "key": "list",
}


def receipt_path(path: Path) -> Path:
    """Where the receipt of the artifact at `path` is: `<path>.json`."""
    return path.with_name(path.name + ".json")


def of_built(
    artifact: Artifact,
    built: Built[Any],
    path: Path,
    files: Iterable[Path] = (),
    libraries: Iterable[str] = (),
) -> Receipt:
    """The receipt of what was built now and saved at `path`; of no version yet.

    Args:
        artifact: The declaration.
        built: What the builder made.
        path: Where the artifact is.
        files: The files that were saved, at `path`, beside or below it.
        libraries: Distributions whose versions matter.
    """
    return Receipt(
        artifact=artifact.name,
        format_version=FORMAT_VERSION,
        builder=artifact.builder,
        relation=artifact.relation,
        version="",
        rows=built.rows,
        key=artifact.key,
        params=artifact.params,
        details=built.details,
        libraries={name: library_version(name) for name in libraries},
        files={file.relative_to(path.parent).as_posix(): file_facts(file) for file in files},
        quality=built.quality,
        built_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


def write(receipt: Receipt, path: Path) -> None:
    """Writes the receipt of the artifact at `path`, atomically and durably."""
    target = receipt_path(path)
    temporary = target.with_name(target.name + ".new")
    content = dataclasses.asdict(receipt)
    content["checksum"] = _checksum(content)
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target)


def read(path: Path) -> Receipt:
    """Reads the receipt of the artifact at `path`, not looking at the files.

    Raises:
        DamagedError: There is none, it is damaged, or it has another format.
    """
    source, owner = receipt_path(path), f"Artifact {path.name}"
    if not source.exists():
        raise DamagedError(f"{owner} has no receipt {source.name}.", REBUILD)
    try:
        place = recorded_files.regular(source.parent, source.name, owner)
        content = json.loads(place.read_bytes())
        recorded = content.pop("checksum")
        format_version = content["format_version"]
    except BROKEN_JSON as error:
        raise DamagedError(
            f"{owner}: its receipt {source.name} is damaged "
            f"({type(error).__name__}: {error}).",
            REBUILD,
        ) from error
    if format_version != FORMAT_VERSION:
        raise DamagedError(
            f"{owner}: its receipt has format {format_version}, "
            f"this version of encore reads format {FORMAT_VERSION}.",
            REBUILD,
        )
    actual = _checksum(content)
    if actual != recorded:
        raise DamagedError(
            f"{owner}: its receipt {source.name} is damaged: "
            f"checksum {actual}, recorded {recorded}.",
            REBUILD,
        )
    kinds = {name: type(value).__name__ for name, value in content.items()}
    if kinds != _KINDS:
        found = sorted(set(kinds.items()) ^ set(_KINDS.items()))
        raise DamagedError(
            f"{owner}: its receipt {source.name} is not in its format: {found} are in it or "
            "in the format, and not in both.",
            REBUILD,
        )
    content["key"] = tuple(content["key"])
    try:
        files = {name: FileFacts(**facts) for name, facts in content["files"].items()}
    except TypeError as error:
        raise DamagedError(
            f"{owner}: its receipt {source.name} is not in its format: {error}.", REBUILD
        ) from error
    return Receipt(**content | {"files": files})


def verify(path: Path) -> Receipt:
    """Reads the receipt of the artifact at `path` and hashes all its files again.

    Raises:
        DamagedError: The receipt cannot be used (see `read`), or a file is missing or
            is not the one that was recorded; both values are named.
    """
    receipt = read(path)
    recorded_files.require(path.parent, receipt.files, f"Artifact {receipt.artifact}")
    return receipt


def differences(receipt: Receipt, artifact: Artifact) -> list[str]:
    """Where a receipt says something else than the declaration, with both values."""
    built: dict[str, Any] = {
        "artifact": receipt.artifact,
        "builder": receipt.builder,
        "key": ", ".join(receipt.key),
        **{f"parameter {name}": value for name, value in receipt.params.items()},
    }
    declared: dict[str, Any] = {
        "artifact": artifact.name,
        "builder": artifact.builder,
        "key": ", ".join(artifact.key),
        **{f"parameter {name}": value for name, value in artifact.params.items()},
    }
    return [
        f"{what} is {built.get(what, 'absent')} in the receipt, "
        f"{declared.get(what, 'absent')} in the declaration"
        for what in dict.fromkeys((*built, *declared))
        if built.get(what) != declared.get(what)
    ]


def shortfalls(
    artifact: Artifact, quality: Mapping[str, float | None], bounds: Mapping[str, str]
) -> list[str]:
    """Which measures miss the declared limits, with both values.

    What could not be measured (None) misses nothing. `bounds` says per measure
    whether its limit is `at least` or `at most`.
    """
    found = []
    for measure, limit in artifact.min_quality.items():
        value = quality.get(measure)
        bound = bounds[measure]
        if value is not None and (value < limit if bound == "at least" else value > limit):
            found.append(f"{measure} is {value:.6g}, declared {bound} {limit:.6g}")
    return found


def require_match(receipt: Receipt, artifact: Artifact) -> None:
    """Refuses an artifact built by another declaration; raises EncoreError."""
    if found := differences(receipt, artifact):
        raise EncoreError(f"Artifact {artifact.name}: {'; '.join(found)}.", REBUILD)


def _checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content in one canonical spelling."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
