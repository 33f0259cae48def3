"""The kinds of artifacts, and what the dbt project declares of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from python_hooks import (
    ann_index,
    bloom_filter,
    declaration,
    feature_store,
    inverted_index,
    item_weights,
)
from python_hooks.declaration import Artifact
from python_hooks.errors import EncoreError
from python_hooks.home import target_folder
from python_hooks.receipt import Built, Receipt

# Reads columns of a model, by its name.
Read = Callable[[str, Sequence[str]], pa.Table]
VersionOf = Callable[[Artifact], str]


class Builder(declaration.Kind, Protocol):
    """What the module of one kind of artifact offers.

    Attributes:
        LIBRARIES: Distributions whose versions the receipt records.
        build: Makes the index or filter and measures its quality, given the table of
            `required_columns`, where it has one the table of `REFERENCE`, and the
            artifact.
    """

    LIBRARIES: tuple[str, ...]
    build: Callable[..., Built[Any]]

    def required_columns(self, artifact: Artifact) -> list[str]:
        """The columns of the mart to read."""

    def save(self, built: Built[Any], path: Path) -> list[Path]:
        """Writes it to `path` and beside or below it; returns all files."""

    def load(self, path: Path, receipt: Receipt) -> Any:
        """Loads what was saved, after its receipt was verified."""


BUILDERS: dict[str, Builder] = {
    "ann_index": ann_index,
    "bloom_filter": bloom_filter,
    "feature_store": feature_store,
    "inverted_index": inverted_index,
    "item_weights": item_weights,
}


def declared(target: Path | None = None) -> list[Artifact]:
    """The artifacts that the dbt project declares; raises as `declaration.read`."""
    return declaration.read((target or target_folder()) / "manifest.json", BUILDERS)


def declared_as(name: str) -> Artifact:
    """The artifact of this name, which a command asks; raises EncoreError without one."""
    artifacts = {one.name: one for one in declared()}
    if name not in artifacts:
        raise EncoreError(
            f"The project declares no artifact called {name}, which answers this; "
            f"there are {', '.join(artifacts) or 'none'}.",
            "Declare it as an exposure in models/marts/_artifacts__exposures.yml.",
        )
    return artifacts[name]
