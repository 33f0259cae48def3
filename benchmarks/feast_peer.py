"""The Feast side of benchmarks/features.py; runs in an environment that has Feast.

Usage: `python feast_peer.py FOLDER ROWS CALLS` with the rows in `FOLDER/rows.parquet`;
prints what each call took as JSON, by number of keys: seconds passed, and of CPU.
"""

import json
import random
import sys
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64, String


def main(folder: Path, rows: int, calls: int) -> None:
    """Registers the features, fills the SQLite online store and asks it."""
    (folder / "feature_store.yaml").write_text(
        "project: peer\nregistry: registry.db\nprovider: local\n"
        "online_store: {type: sqlite, path: online.db}\n"
        "entity_key_serialization_version: 3\n"
    )
    store = FeatureStore(repo_path=str(folder))
    listener = Entity(name="listener", join_keys=["listener_id"], value_type=ValueType.STRING)
    view = FeatureView(
        name="listeners",
        entities=[listener],
        ttl=timedelta(days=36_500),
        schema=[
            *(Field(name=f"count_{number}", dtype=Int64) for number in range(6)),
            *(Field(name=f"share_{number}", dtype=Float64) for number in range(8)),
            Field(name="segment", dtype=String),
        ],
        source=FileSource(
            path=str(folder / "rows.parquet"), timestamp_field="last_listened_at"
        ),
    )
    store.apply([listener, view])
    frame = pd.read_parquet(folder / "rows.parquet").head(rows)
    store.write_to_online_store("listeners", frame)
    names = [
        f"listeners:{field.name}" for field in view.schema if field.name != "listener_id"
    ]
    keys = frame["listener_id"].tolist()
    drawn = random.Random(1)
    seconds: dict[int, list[list[float]]] = {}
    for size in (1, 100):
        for number in range(calls + 5):
            asked = [{"listener_id": key} for key in drawn.choices(keys, k=size)]
            begun, cpu = time.perf_counter(), time.process_time()
            store.get_online_features(features=names, entity_rows=asked).to_dict()
            took = [time.perf_counter() - begun, time.process_time() - cpu]
            if number >= 5:
                seconds.setdefault(size, []).append(took)
    sys.stdout.write(json.dumps(seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
