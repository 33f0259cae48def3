"""Reads features online: rows of the feature marts by key, from files alone.

    listeners = open_features("listener", Home.from_environment())
    listeners.get(["ann", "bob"], columns=["listen_count", "rf_segment"])

needs no server. What a speed run counted since the batch lies in a small file beside the
batch's, with finished rows of the marts for every key that was heard of since: such a row
replaces that of the batch. An opened reader keeps the files of its release, whatever is
released after; open again to see the newer one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from python_hooks import artifacts, feature_definitions, feature_store
from python_hooks.errors import EncoreError
from python_hooks.feature_definitions import FeatureDefinition
from python_hooks.feature_store import FeatureTable, Key
from python_hooks.home import Home


class Features:
    """The features of one kind of entity, in one release.

    Args:
        definition: What the mart says about itself.
        release: Id of the release.
        batch: The rows of the last batch.
        delta: Rows of speed runs since, or None.
        fallback: Why this is not the release that is read, or None.
    """

    def __init__(
        self,
        definition: FeatureDefinition,
        release: str,
        batch: FeatureTable,
        delta: FeatureTable | None = None,
        *,
        fallback: str | None = None,
    ) -> None:
        self.definition = definition
        self.fallback = fallback
        self.release = release
        self._batch = batch
        self._delta = delta
        self._names = [
            name
            for name in batch.rows.schema.names
            if name not in (feature_store.HASH_COLUMN, *definition.join_key)
        ]
        tables = [batch, delta] if delta else [batch]
        moments = [pc.max(table.rows[definition.event_timestamp]) for table in tables]
        # Every listen is of some entity: the newest moment is the newest listen.
        self.newest_at: pa.Scalar = pc.max(
            pa.array([moment.as_py() for moment in moments], moments[0].type)
        )

    def get(
        self, keys: Sequence[str] | Sequence[Key], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The features of n entities, in the order of the keys; repeated keys repeat.

        Args:
            keys: Strings; where two columns identify an entity, pairs of strings.
            columns: The wanted features, in that order; by default all.

        Returns:
            n rows: the key columns, the features (null where not found), and
            `age_s` (int64): seconds from the entity's event timestamp to the newest
            listen of the release, as the difference of whole seconds, null where there
            is no event timestamp; `stale` (bool): whether that is more than the
            definition's ttl, never so where `age_s` is null; `found` (bool). The wall
            clock has no part in it: the same release gives the same answer for ever.

        Raises:
            EncoreError: A key has another type or number of parts, or a column is
                unknown.
        """
        asked = self._checked(keys)
        wanted = self._known(columns)
        event = self.definition.event_timestamp
        read = list(dict.fromkeys((*wanted, event)))
        hashes = self._batch.hashes(asked)
        places = self._batch.positions(asked, hashes)
        rows, found = self._batch.take(places, read), places >= 0
        if self._delta:
            newer = self._delta.positions(asked, hashes)
            if (newer >= 0).any():
                both = pa.concat_tables([rows, self._delta.take(newer, read)])
                order = np.arange(len(asked))
                rows = both.take(np.where(newer >= 0, order + len(asked), order))
                found = found | (newer >= 0)
        age = pc.seconds_between(rows[event], self.newest_at)
        stale = pc.greater(age, int(self.definition.ttl.total_seconds()))
        parts = list(zip(*asked, strict=True)) or [()] * len(self.definition.join_key)
        answer: dict[str, Any] = {
            name: pa.array(values, pa.string())
            for name, values in zip(self.definition.join_key, parts, strict=True)
        }
        answer |= {name: rows[name] for name in wanted}
        answer |= {"age_s": age, "stale": pc.fill_null(stale, False), "found": found}
        return pa.table(answer)

    def _checked(self, keys: Sequence[Any]) -> list[Key]:
        key = self.definition.join_key
        if isinstance(keys, str | bytes):
            raise EncoreError(
                f"The keys of {self.definition.entity} are {keys!r}, not a list of them.",
                f"Ask for [{keys!r}].",
            )
        # A single column is asked for as it is, several as a tuple.
        single = len(key) == 1
        asked: list[Key] = [(one,) if single else _as_tuple(one) for one in keys]
        for number, parts in enumerate(asked):
            if len(parts) != len(key) or not all(map(_is_text, parts)):
                wanted = "a text" if single else f"texts ({', '.join(key)})"
                raise EncoreError(
                    f"Key {number} of {self.definition.entity} is {keys[number]!r}, "
                    f"not {wanted}.",
                    f"Ask with keys as {self.definition.mart} has them.",
                )
        return asked

    def _known(self, columns: Sequence[str] | None) -> list[str]:
        unknown = [name for name in columns or () if name not in self._names]
        if unknown:
            raise EncoreError(
                f"{self.definition.mart} has no feature {', '.join(map(str, unknown))}; "
                f"it has {', '.join(self._names)}.",
                "List them with `encore features`.",
            )
        return self._names if columns is None else list(columns)


def open_features(entity: str, home: Home, target: Path | None = None) -> Features:
    """Verifies and opens the features of an entity, in the current release.

    Args:
        entity: As the definitions name it: `listener`, `track`, `pair`.
        home: The installation.
        target: The folder of dbt's manifest, by default dbt's own.

    Raises:
        EncoreError: The entity is unknown, or its artifact is not declared, not built
            or damaged.
    """
    definition = feature_definitions.of_entity(entity, feature_definitions.read(target))
    for artifact in artifacts.declared(target):
        if artifact.builder == "feature_store" and (
            artifact.params["mart"] == definition.mart
        ):
            opened = artifacts.open_tables(artifact, home)
            return Features(
                definition, opened.release, *opened.parts, fallback=opened.fallback
            )
    raise EncoreError(
        f"No artifact is built from {definition.mart}: its features are in no store.",
        "Declare one as an exposure in models/marts/_artifacts__exposures.yml.",
    )


def _as_tuple(key: Any) -> tuple[Any, ...]:
    return tuple(key) if isinstance(key, tuple | list) else (key,)


def _is_text(part: Any) -> bool:
    if not isinstance(part, str):
        return False
    try:
        part.encode()
    except UnicodeEncodeError:
        # A command line may hold bytes that are not UTF-8, which Python gives as such.
        return False
    return True
