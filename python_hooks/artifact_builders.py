"""The kinds of artifacts, and what the dbt project declares of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from python_hooks import ann_index, bloom_filter, declaration, feature_store
from python_hooks.declaration import Artifact
from python_hooks.home import target_folder
from python_hooks.receipt import Built, Receipt

Read = Callable[[Artifact, Sequence[str]], pa.Table]
VersionOf = Callable[[Artifact], str]


class Builder(declaration.Kind, Protocol):
    """What the module of one kind of artifact offers.

    Attributes:
        LIBRARIES: Distributions whose versions the receipt records.
    """

    LIBRARIES: tuple[str, ...]

    def required_columns(self, artifact: Artifact) -> list[str]:
        """The columns of the mart to read."""

    def build(self, table: pa.Table, artifact: Artifact) -> Built[Any]:
        """Makes the index or filter and measures its quality."""

    def save(self, built: Built[Any], path: Path) -> list[Path]:
        """Writes it to `path` and files beside it; returns them all."""

    def load(self, path: Path, receipt: Receipt) -> Any:
        """Loads what was saved, after its receipt was verified."""


BUILDERS: dict[str, Builder] = {
    "ann_index": ann_index,
    "bloom_filter": bloom_filter,
    "feature_store": feature_store,
}


def declared(target: Path | None = None) -> list[Artifact]:
    """The artifacts that the dbt project declares; raises as `declaration.read`."""
    return declaration.read((target or target_folder()) / "manifest.json", BUILDERS)
