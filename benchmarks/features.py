"""Online look-ups of features: Arrow files beside SQLite and Feast, in one run.

    python -m benchmarks.features --rows 1000000 --feast-rows 100000

One million listeners with 15 features and a time; a delta over one in a hundred of them,
as after a speed run. Goals: p99 of 1 key at most 1 ms, of 100 keys at most 5 ms. Feast
is installed into a temporary environment of its own, as it does not go together with dbt;
where that fails, the script says so and goes on. It holds fewer rows, as filling it takes
100 us a row; that is to its advantage. `--feast-rows 0` leaves it out.

Beside the time that passed, each call's CPU time is shown: on a busy machine the slowest
calls are those that waited for their turn.
"""

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import harness
from python_hooks import receipt
from python_hooks.console import err
from python_hooks.declaration import Artifact
from python_hooks.feature_definitions import FeatureDefinition
from python_hooks.feature_store import build, load, save
from python_hooks.features import Features

KEY = "listener_id"
COUNTS = [f"count_{number}" for number in range(6)]
SHARES = [f"share_{number}" for number in range(8)]
SIZES = (1, 100)
GOALS_MS = {1: 1.0, 100: 5.0}
Ask = Callable[[list[str]], object]
# By number of keys, per call: seconds that passed, and seconds of CPU.
Seconds = dict[int, list[list[float]]]


def rows(count: int) -> pa.Table:
    """Invented listeners with ids of 22 characters, in no order of theirs."""
    generator = np.random.default_rng(1)
    newest = datetime(2026, 6, 30, tzinfo=UTC)
    columns: dict[str, pa.Array] = {
        KEY: pa.array([f"{number * 2654435761 % 2**32:022x}" for number in range(count)])
    }
    columns |= {name: pa.array(generator.integers(0, 10_000, count)) for name in COUNTS}
    columns |= {name: pa.array(generator.random(count)) for name in SHARES}
    columns["segment"] = pa.array(generator.choice(["new", "loyal", "at_risk"], count))
    ages = generator.integers(0, 400 * 86_400, count).tolist()
    columns["last_listened_at"] = pa.array(
        [newest - timedelta(seconds=age) for age in ages], pa.timestamp("us", "UTC")
    )
    return pa.table(columns)


def arrow(table: pa.Table, folder: Path) -> Ask:
    """Files as `encore run batch` and a speed run leave them, opened."""
    artifact = Artifact(
        name="listener_features",
        builder="feature_store",
        relation="listeners",
        model="listeners",
        columns=tuple(table.column_names),
        key=(KEY,),
        path="listeners.arrow",
        params={"mart": "feat_listeners"},
        min_quality={},
        description="",
    )
    opened = []
    for name, part in (("batch", table), ("delta", table.slice(0, len(table) // 100))):
        built, path = build(part, artifact), folder / f"{name}.arrow"
        recorded = receipt.of_built(artifact, built, path, save(built, path))
        receipt.write(recorded, path)
        begun = time.perf_counter()
        opened.append(load(path, receipt.verify(path)))
        took = time.perf_counter() - begun
        err.print(f"{name}: {path.stat().st_size / 2**20:.0f} MiB, opened in {took:.3f} s")
    definition = FeatureDefinition(
        *("listener", "feat_listeners", (KEY,), "last_listened_at"),
        *(timedelta(days=90), "", 1, {}),
    )
    features = Features(definition, "benchmark", *opened)
    return features.get


def sqlite(table: pa.Table, folder: Path) -> Ask:
    """The same rows in a SQLite table without rowid, keyed by the listener."""
    connection = sqlite3.connect(folder / "rows.db")
    names = ", ".join(table.column_names)
    connection.execute(f"create table rows ({names}, primary key ({KEY})) without rowid")
    marks = ", ".join("?" * table.num_columns)
    for batch in table.to_batches(100_000):
        columns = [column.to_pylist() for column in batch.columns[:-1]]
        columns.append(batch.columns[-1].cast(pa.int64()).to_pylist())
        connection.executemany(
            f"insert into rows values ({marks})", zip(*columns, strict=True)
        )
    connection.commit()

    def ask(keys: list[str]) -> object:
        marks = ", ".join("?" * len(keys))
        found = connection.execute(f"select * from rows where {KEY} in ({marks})", keys)
        by_key = {row[0]: row for row in found}
        return [by_key.get(key) for key in keys]

    return ask


def feast(table: pa.Table, folder: Path, calls: int) -> Seconds | None:
    """What Feast's calls took; None where it cannot be installed or fails."""
    pq.write_table(table, folder / "rows.parquet")
    python = folder / "venv" / "bin" / "python"
    try:
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "feast"]
        subprocess.run(pip, check=True, capture_output=True, timeout=900)
        peer = Path(__file__).with_name("feast_peer.py")
        asked: list[str | Path] = [python, peer, folder, str(len(table)), str(calls)]
        done = subprocess.run(asked, check=True, capture_output=True, timeout=900)
        found = json.loads(done.stdout.splitlines()[-1])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        err.print(f"Feast is left out: {error}", said.decode()[-500:], markup=False)
        return None
    return {int(size): seconds for size, seconds in found.items()}


def measure(ask: Ask, keys: Sequence[str], calls: int) -> Seconds:
    """What each call took, by the number of keys asked for."""
    drawn = random.Random(1)
    found: Seconds = {}
    for size in SIZES:
        for number in range(calls + 100):
            asked = drawn.choices(keys, k=size)
            begun, cpu = time.perf_counter(), time.process_time()
            ask(asked)
            took = [time.perf_counter() - begun, time.process_time() - cpu]
            if number >= 100:
                found.setdefault(size, []).append(took)
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--feast-rows", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=5_000)
    options = parser.parse_args()
    table = rows(options.rows)
    keys = table[KEY].to_pylist()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {
            "Arrow": measure(arrow(table, folder), keys, options.calls),
            "SQLite": measure(sqlite(table, folder), keys, options.calls),
        }
        slow = options.calls // 10
        part = table.slice(0, options.feast_rows)
        if options.feast_rows and (few := feast(part, folder, slow)):
            results[f"Feast ({options.feast_rows:,} rows)"] = few
    lines = []
    for size in SIZES:
        ours = np.median(results["Arrow"][size], axis=0)[0]
        for store, seconds in results.items():
            p50, p99 = np.percentile(seconds[size], [50, 99], axis=0)
            met = "met" if p99[0] * 1000 <= GOALS_MS[size] else "missed"
            lines.append(
                {
                    "store": store,
                    "keys": size,
                    "p50 ms": float(p50[0]) * 1000,
                    "p99 ms": float(p99[0]) * 1000,
                    "p99 CPU ms": float(p99[1]) * 1000,
                    "p50 / Arrow": float(p50[0] / ours),
                    "goal": f"p99 {GOALS_MS[size]:g} ms: {met}" if store == "Arrow" else "",
                }
            )
    title = f"Online features, {options.rows:,} entities of 16 columns"
    harness.publish(title, "python -m benchmarks.features", lines)


if __name__ == "__main__":
    main()
