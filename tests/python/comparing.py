"""Compares marts with what they should hold, and what is looked up online with marts."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from python_hooks import artifacts, feature_definitions, releases
from python_hooks.features import open_features
from python_hooks.home import Home
from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse
from tests.python import features_oracle
from tests.python.layers_oracle import KEYS, Row, differences

Marts = dict[str, list[Row]]


def read_marts(warehouse: Warehouse, relations: dict[str, str]) -> Marts:
    """All rows of marts, and of the log without where its listens came from."""
    found: Marts = {}
    for mart, relation in relations.items():
        columns: Any = [*KEYS[mart], "batch_id"] if mart == "int_listens_log" else None
        table = warehouse.read(relation, columns)
        if mart == "feat_tracks":
            table = table.drop_columns(list(features_oracle.LEFT_OUT))
        found[mart] = table.to_pylist()
    return found


def wrong_rows(what: str, found: Marts, expected: Marts) -> list[str]:
    return [
        what + line
        for mart in expected
        for line in differences(mart, found[mart], expected[mart])
    ]


def views_elsewhere(
    warehouse: Warehouse, release: Release, models: Iterable[str]
) -> list[str]:
    """Which public views do not read the release: their text says what they read."""
    tables = warehouse.query(f"show table extended in {releases.schema()} like '*'")
    texts = {row["tableName"]: row["information"] for row in tables.to_pylist()}
    return [
        f"public {model} is not of {release.relation(model)}: {texts.get(model)}"
        for model in models
        if f"View Text: select * from {release.relation(model)}\n" not in texts.get(model, "")
    ]


def differences_online(
    home: Home, warehouse: Warehouse, release: Release, heard: list[Row]
) -> list[str]:
    """Where the artifacts say something else than the marts of the release.

    Args:
        home: The installation.
        warehouse: A session on its server.
        release: The published release.
        heard: The rows of `fct_listener_track_rfm`, which the Bloom filter must know.
    """
    wrong = []
    for definition in feature_definitions.read():
        features = open_features(definition.entity, home)
        if features.release != release.release_id:
            return [f"features are of {features.release}, marts of {release.release_id}"]
        offline = warehouse.read(release.relation(definition.mart))
        parts = [offline[name].to_pylist() for name in definition.join_key]
        keys = list(zip(*parts, strict=True)) if len(parts) > 1 else parts[0]
        online = features.get(keys)
        if online["found"].to_pylist() != [True] * len(keys):
            wrong.append(f"online {definition.entity}: not all are found")
        latest = max(map(_late, online["last_listened_at"].to_pylist()), default=None)
        if latest != features.newest_at.as_py():
            wrong.append(f"online {definition.entity}: {latest}, not {features.newest_at}")
        wrong += [
            f"online {definition.entity} {key}: {one} instead of {other}"
            for key, one, other in zip(
                keys,
                online.select(offline.column_names).to_pylist(),
                offline.to_pylist(),
                strict=True,
            )
            if one != other
        ]
    known = artifacts.open_filter(artifacts.declared_as("heard_tracks_filter"), home).value
    table = warehouse.read(release.relation("int_track_recordings"))
    # What arrived after the batch is a recording of its own.
    recordings = {row["track_id"]: row["recording_id"] for row in table.to_pylist()}
    return wrong + [
        f"the filter forgot {row}"
        for row in heard
        for track_id in [row["track_id"]]
        if not known.contains(row["listener_id"], recordings.get(track_id) or track_id)
    ]


def _late(moment: datetime | None) -> datetime:
    return moment or datetime.min.replace(tzinfo=UTC)
