"""What the feature marts say about themselves, read from dbt's manifest.

A mart of features declares, in `config.meta.feature_store`, what a feature store has to
know of it; nothing of this is written a second time:

    - name: feat_listeners
      config:
        meta:
          feature_store:
            entity: listener
            join_key: listener_id
            event_timestamp: last_listened_at
            ttl: 90 days
            owner: Data team
            version: 1
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from python_hooks.errors import EncoreError
from python_hooks.home import target_folder

_FIELDS = ("entity", "join_key", "event_timestamp", "ttl", "owner", "version")
_TTL = re.compile(r"([1-9]\d*) (hour|day)s?")


@dataclass(frozen=True)
class FeatureDefinition:
    """The features of one kind of entity.

    Attributes:
        entity: What a row describes, such as `listener`.
        mart: Name of the dbt model.
        join_key: The columns that identify an entity, all of them strings.
        event_timestamp: The column that says when the entity was last heard of.
        ttl: How much older than the newest listen it may be before it is stale.
        owner: Who answers for the features.
        version: Grows when the meaning of a feature changes.
        features: Column name to description, in the order of the mart, without the key.
    """

    entity: str
    mart: str
    join_key: tuple[str, ...]
    event_timestamp: str
    ttl: timedelta
    owner: str
    version: int
    features: Mapping[str, str]


def read(target: Path | None = None) -> list[FeatureDefinition]:
    """All feature definitions of the project, ordered by entity.

    Args:
        target: The folder of the manifest; by default dbt's.

    Raises:
        EncoreError: There is no manifest, or a definition is wrong; the hint names the
            file to mend.
    """
    path = (target or target_folder()) / "manifest.json"
    try:
        nodes = json.loads(path.read_bytes())["nodes"].values()
    except FileNotFoundError:
        raise EncoreError(
            f"There is no {path}, which says what features are defined.",
            "Run `encore dbt build` first.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoreError(
            f"{path} cannot be read: {error}.", "Run `encore dbt build` to write it again."
        ) from error
    found = [
        _definition(node, node["config"]["meta"]["feature_store"])
        for node in nodes
        if "feature_store" in ((node.get("config") or {}).get("meta") or {})
    ]
    found.sort(key=lambda definition: (definition.entity, definition.mart))
    for one, other in pairwise(found):
        if one.entity == other.entity:
            raise EncoreError(
                f"{one.mart} and {other.mart} both define the entity {one.entity}.",
                "Give one of them another entity, then run `encore dbt parse`.",
            )
    return found


def of_entity(entity: str, definitions: list[FeatureDefinition]) -> FeatureDefinition:
    """The definition of one entity; raises EncoreError where there is none."""
    for definition in definitions:
        if definition.entity == entity:
            return definition
    known = ", ".join(definition.entity for definition in definitions) or "none"
    raise EncoreError(
        f"No features are defined for the entity {entity!r}; known are {known}.",
        "List them with `encore features`.",
    )


def _definition(node: Mapping[str, Any], declared: Any) -> FeatureDefinition:
    mart, columns = node["name"], node["columns"]

    def wrong(what: str) -> EncoreError:
        return EncoreError(
            f"{mart}: meta.feature_store {what}.",
            f"Mend it in {node.get('patch_path') or 'its YAML'}, "
            "then run `encore dbt parse`.",
        )

    if not isinstance(declared, Mapping) or set(declared) != set(_FIELDS):
        raise wrong(f"is {declared!r}; it has to have exactly {', '.join(_FIELDS)}")
    key = declared["join_key"]
    key = tuple(key) if isinstance(key, list) else (key,)
    event, ttl = declared["event_timestamp"], _TTL.fullmatch(str(declared["ttl"]))
    for column in (*key, event):
        if column not in columns:
            raise wrong(f"names the column {column!r}; {mart} declares {', '.join(columns)}")
    for column in key:
        if columns[column].get("data_type") != "string":
            raise wrong(f"has the key column {column}, which is no string")
    if columns[event].get("data_type") != "timestamp":
        raise wrong(f"has the event timestamp {event}, which is no timestamp")
    if not ttl:
        raise wrong(f"has the ttl {declared['ttl']!r}, not a text like '90 days'")
    if type(declared["version"]) is not int or declared["version"] < 1:
        raise wrong(f"has the version {declared['version']!r}, not a whole number from 1")
    return FeatureDefinition(
        entity=str(declared["entity"]),
        mart=mart,
        join_key=key,
        event_timestamp=event,
        ttl=timedelta(**{f"{ttl[2]}s": int(ttl[1])}),
        owner=str(declared["owner"]),
        version=declared["version"],
        features={
            name: " ".join(str(column.get("description") or "").split())
            for name, column in columns.items()
            if name not in key
        },
    )
