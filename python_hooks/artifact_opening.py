"""Opens artifacts of the release that is read, after their checksums were compared.

Every file is hashed at every opening, whole; nothing is verified lazily. Where one is
damaged, the newest release before in which the artifact is sound answers, and says so.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from python_hooks import (
    ann_index,
    bloom_filter,
    feature_store,
    inverted_index,
    item_weights,
    receipt,
    release_note,
)
from python_hooks.ann_index import AnnIndex
from python_hooks.artifact_releases import (
    DELTA,
    current_release,
    releases_before,
    require_release,
)
from python_hooks.bloom_filter import BloomFilter
from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError
from python_hooks.feature_store import FeatureTable
from python_hooks.home import Home
from python_hooks.inverted_index import InvertedIndex
from python_hooks.item_weights import ItemWeights
from python_hooks.receipt import Receipt
from python_hooks.recorded_files import REBUILD
from python_hooks.release_note import Note

_BUILD = "Run `encore artifacts build`."

T = TypeVar("T")


@dataclass(frozen=True)
class Opened(Generic[T]):
    """An artifact of one release, ready to answer.

    Attributes:
        release: Id of the release of the marts; empty where none was published.
        parts: The artifact of the batch, then its delta where there is one.
        fallback: Why this is not of the release that is read, or None.
    """

    release: str
    parts: list[T]
    fallback: str | None = None

    @property
    def value(self) -> T:
        """The artifact of the batch; a filter with its delta."""
        return self.parts[0]


def open_index(artifact: Artifact, home: Home) -> Opened[AnnIndex]:
    """Verifies and loads an ANN index; raises EncoreError where it cannot be used."""
    return _opened(artifact, home, "ann_index", ann_index.load)


def open_filter(artifact: Artifact, home: Home) -> Opened[BloomFilter]:
    """Verifies and loads a Bloom filter; raises EncoreError where it cannot be used."""
    opened = _opened(artifact, home, "bloom_filter", bloom_filter.load)
    batch, *delta = opened.parts
    return dataclasses.replace(opened, parts=[batch.with_delta(delta[0]) if delta else batch])


def open_search(artifact: Artifact, home: Home) -> Opened[InvertedIndex]:
    """Verifies and opens an inverted index; raises EncoreError where it cannot be used."""
    return _opened(artifact, home, "inverted_index", inverted_index.load)


def open_tables(artifact: Artifact, home: Home) -> Opened[FeatureTable]:
    """Verifies and maps features; raises EncoreError where they cannot be used."""
    return _opened(artifact, home, "feature_store", feature_store.load)


def open_weights(artifact: Artifact, home: Home) -> Opened[ItemWeights]:
    """Verifies and maps item weights; raises EncoreError where they cannot be used."""
    return _opened(artifact, home, "item_weights", item_weights.load)


def _opened(
    artifact: Artifact, home: Home, kind: str, load: Callable[[Path, Receipt], T]
) -> Opened[T]:
    if artifact.builder != kind:
        raise EncoreError(
            f"Artifact {artifact.name} is of the kind {artifact.builder}, not {kind}."
        )
    while True:
        folder = current_release(home)
        try:
            require_release(folder, home)
            return _opened_in(folder, artifact, load)
        except DamagedError as error:
            # Its folder is gone where two releases took its place meanwhile.
            if current_release(home) == folder:
                return _from_before(folder, artifact, home, load, error)


def _from_before(
    folder: Path,
    artifact: Artifact,
    home: Home,
    load: Callable[[Path, Receipt], T],
    error: DamagedError,
) -> Opened[T]:
    """The artifact of the newest release before that can be used; raises `error` if none."""
    for before in releases_before(folder, home):
        try:
            opened = _opened_in(before, artifact, load)
        except EncoreError:
            # Damaged as well, not there yet, or of another declaration.
            continue
        why = f"{error.message} {artifact.name} of release {opened.release} answers instead."
        return dataclasses.replace(opened, fallback=why)
    raise error


def _opened_in(
    folder: Path, artifact: Artifact, load: Callable[[Path, Receipt], T]
) -> Opened[T]:
    note = release_note.read(folder) if folder.exists() else Note()
    if artifact.path not in note.receipts:
        raise EncoreError(f"Artifact {artifact.name} is not built.", _BUILD)
    paths = [artifact.path, artifact.path + DELTA]
    receipts = {
        path: release_note.vouched(note, folder, path, receipt.verify)
        for path in paths
        if path in note.receipts
    }
    receipt.require_match(receipts[artifact.path], artifact)
    parts = [_loaded(folder / path, found, load) for path, found in receipts.items()]
    return Opened(note.release, parts)


def _loaded(path: Path, recorded: Receipt, load: Callable[[Path, Receipt], T]) -> T:
    try:
        return load(path, recorded)
    except (EncoreError, KeyboardInterrupt):
        raise
    # A panic of a library in Rust is no Exception.
    except BaseException as error:
        raise DamagedError(
            f"Artifact {recorded.artifact}: its files are as its receipt recorded them, but "
            f"they are no {recorded.builder} ({type(error).__name__}: {error}).",
            REBUILD,
        ) from error
