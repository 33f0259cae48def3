"""Invented feature marts, their definitions, and releases of them, without a server."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from python_hooks import artifacts, feature_store, receipt
from python_hooks.artifact_releases import complete, delta_path, point_to, stored_releases
from python_hooks.declaration import Artifact
from python_hooks.home import Home
from python_hooks.receipt import Receipt
from python_hooks.release_note import Note

NEWEST = datetime(2026, 6, 30, 12, 0, 0, 250_000, tzinfo=UTC)
TYPES = {
    "listen_count": ("bigint", pa.int64()),
    "mean_tempo_bpm": ("double", pa.float64()),
    "rf_segment": ("string", pa.string()),
    "vector": ("array<float>", pa.list_(pa.float32())),
    "last_listened_at": ("timestamp", pa.timestamp("us", "UTC")),
}
Row = dict[str, object]
KEYS = {"listener": ("listener_id",), "pair": ("listener_id", "track_id")}


def rows(entity: str, keys: Sequence[Sequence[str]], seed: int = 1) -> pa.Table:
    """One row per key with a column of each type, and nulls; the newest is `NEWEST`."""
    random = np.random.default_rng(seed)
    count = len(keys)
    gaps = random.random(count) < 0.1
    ages = random.integers(0, 400 * 86_400_000_000, count).tolist()
    moments = [NEWEST - timedelta(microseconds=age) for age in ages]
    if moments:
        moments[0] = NEWEST
    tempos = random.normal(120, 20, count).tolist()
    columns: dict[str, list[object]] = {
        "listen_count": random.integers(1, 1000, count).tolist(),
        "mean_tempo_bpm": [
            None if g else tempo for g, tempo in zip(gaps, tempos, strict=True)
        ],
        "rf_segment": random.choice(["new", "at_risk", "champions"], count).tolist(),
        "vector": [
            None if g else v for g, v in zip(gaps, random.random((count, 3)), strict=True)
        ],
        "last_listened_at": list(moments),
    }
    parts = list(zip(*keys, strict=True)) or [()] * len(KEYS[entity])
    table = {
        name: pa.array(values, pa.string())
        for name, values in zip(KEYS[entity], parts, strict=True)
    }
    table |= {name: pa.array(columns[name], kind) for name, (_, kind) in TYPES.items()}
    return pa.table(table)


def artifact(entity: str) -> Artifact:
    """The declaration of the features of an entity."""
    return Artifact(
        name=f"{entity}_features",
        builder="feature_store",
        relation=f"encore.int_{entity}_features_batch",
        model=f"int_{entity}_features_batch",
        columns=(*KEYS[entity], *TYPES),
        key=KEYS[entity],
        path=f"features/{entity}s.arrow",
        params={"mart": f"feat_{entity}s"},
        min_quality={"differing_rows": 0},
        description="",
    )


def target(folder: Path, ttl: str = "90 days", wrong: Row | None = None) -> Path:
    """A folder with a manifest that declares both entities; `wrong` mends the listener's."""
    nodes, exposures = {}, {}
    for entity, key in KEYS.items():
        columns = {name: {"data_type": "string", "description": ""} for name in key}
        columns |= {
            name: {"data_type": t, "description": name} for name, (t, _) in TYPES.items()
        }
        store = {
            "entity": entity,
            "join_key": list(key),
            "event_timestamp": "last_listened_at",
            "ttl": ttl,
            "owner": "Data team",
            "version": 1,
        }
        if entity == "listener":
            store = {
                name: value
                for name, value in (store | (wrong or {})).items()
                if value is not None
            }
        declared = artifact(entity)
        for name, meta in (
            (f"feat_{entity}s", {"feature_store": store}),
            (declared.model, {}),
        ):
            nodes[f"model.encore.{name}"] = {
                "name": name,
                "resource_type": "model",
                "relation_name": f"`encore`.`{name}`",
                "columns": columns,
                "config": {"meta": meta},
            }
        exposures[entity] = {
            "name": declared.name,
            "depends_on": {"nodes": [f"model.encore.{declared.model}"]},
            "config": {
                "meta": {
                    "artifact": {
                        "builder": declared.builder,
                        "path": declared.path,
                        "key": list(key),
                        "params": declared.params,
                    }
                }
            },
        }
    folder.mkdir(parents=True, exist_ok=True)
    content = {"nodes": nodes, "exposures": exposures}
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def release(home: Home, tables: dict[str, pa.Table], version: str = "v1") -> list[Receipt]:
    """Builds the features of a batch from tables by entity, and releases them."""
    declared = {entity: artifact(entity) for entity in tables}
    of_model = {one.model: tables[entity] for entity, one in declared.items()}
    receipts = artifacts.build(
        list(declared.values()),
        home,
        lambda model, columns: of_model[model].select(list(columns)),
        lambda _one: version,
    )
    add_deltas(home, {}, version)
    return receipts


def add_deltas(home: Home, tables: dict[str, pa.Table], name: str) -> None:
    """Releases the newest artifacts as the release `name`, with deltas by entity."""

    def add(folder: Path) -> None:
        for entity, table in tables.items():
            declared = artifact(entity)
            path = delta_path(folder / declared.path)
            built = feature_store.build(table, declared)
            files = feature_store.save(built, path)
            receipt.write(receipt.of_built(declared, built, path, files), path)

    point_to(complete(stored_releases(home)[0], Note(name, 1, 2), home, add), home, ())
