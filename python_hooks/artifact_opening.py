"""Opens artifacts of the release that is read, after their checksums were compared."""

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
)
from python_hooks.ann_index import AnnIndex
from python_hooks.artifact_releases import current_release, delta_path, read_note
from python_hooks.bloom_filter import BloomFilter
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError
from python_hooks.feature_store import FeatureTable
from python_hooks.home import Home
from python_hooks.inverted_index import InvertedIndex
from python_hooks.item_weights import ItemWeights
from python_hooks.receipt import Receipt

_BUILD = "Run `encore artifacts build`."

T = TypeVar("T")


@dataclass(frozen=True)
class Opened(Generic[T]):
    """An artifact of one release, ready to answer.

    Attributes:
        release: Id of the release of the marts; empty where none was published.
        parts: The artifact of the batch, then its delta where there is one.
    """

    release: str
    parts: list[T]


def open_index(artifact: Artifact, home: Home) -> AnnIndex:
    """Verifies and loads an ANN index; raises EncoreError where it cannot be used."""
    return _opened(artifact, home, "ann_index", ann_index.load).parts[0]


def open_filter(artifact: Artifact, home: Home) -> BloomFilter:
    """Verifies and loads a Bloom filter; raises EncoreError where it cannot be used."""
    batch, *delta = _opened(artifact, home, "bloom_filter", bloom_filter.load).parts
    return batch.with_delta(delta[0]) if delta else batch


def open_search(artifact: Artifact, home: Home) -> InvertedIndex:
    """Verifies and opens an inverted index; raises EncoreError where it cannot be used."""
    return _opened(artifact, home, "inverted_index", inverted_index.load).parts[0]


def open_tables(artifact: Artifact, home: Home) -> Opened[FeatureTable]:
    """Verifies and maps features; raises EncoreError where they cannot be used."""
    return _opened(artifact, home, "feature_store", feature_store.load)


def open_weights(artifact: Artifact, home: Home) -> ItemWeights:
    """Verifies and maps item weights; raises EncoreError where they cannot be used."""
    return _opened(artifact, home, "item_weights", item_weights.load).parts[0]


def _opened(
    artifact: Artifact, home: Home, kind: str, load: Callable[[Path, Receipt], T]
) -> Opened[T]:
    if artifact.builder != kind:
        raise EncoreError(f"Artifact {artifact.name} is a {artifact.builder}, no {kind}.")
    while True:
        folder = current_release(home)
        try:
            return _opened_in(folder, artifact, load)
        except (EncoreError, FileNotFoundError):
            # Its folder is gone where two releases took its place meanwhile.
            if current_release(home) == folder:
                raise


def _opened_in(
    folder: Path, artifact: Artifact, load: Callable[[Path, Receipt], T]
) -> Opened[T]:
    path, note = folder / artifact.path, read_note(folder)
    if not receipt.receipt_path(path).exists():
        raise EncoreError(f"Artifact {artifact.name} is not built.", _BUILD)
    recorded = receipt.verify(path)
    receipt.require_match(recorded, artifact)
    parts = [load(path, recorded)]
    if note and artifact.path in note.deltas:
        delta = delta_path(path)
        parts.append(load(delta, receipt.verify(delta)))
    return Opened(note.release if note else "", parts)
