"""What a batch costs: files to published marts and artifacts, beside DuckDB.

    python -m benchmarks.batch --listens 1000000

DuckDB computes the same marts from the same CSV files (benchmarks/peer_marts.sql): typed,
without repeats, RFM, popularity, keys, pairs and neighbours; it does not test, publish,
keep rejected rows or build artifacts.
"""

import tempfile
import time
from operator import itemgetter
from pathlib import Path

import click
import duckdb
import psutil

from benchmarks import harness, listening
from python_hooks import batch, landing, run_history, server
from python_hooks.console import err
from python_hooks.home import Home

_PEER = Path(__file__).with_name("peer_marts.sql")


@click.command()
@click.option("--listens", multiple=True, type=int, default=[1_000_000], show_default=True)
@click.option("--memory", default="6g", show_default=True, help="Heap of the server.")
def main(listens: tuple[int, ...], memory: str) -> None:
    """Measure a first batch of each size, and DuckDB beside it."""
    lines = []
    for count in listens:
        with tempfile.TemporaryDirectory(prefix="encore-bench-") as scratch:
            folder = Path(scratch) / "listening"
            begun = time.monotonic()
            listening.write(folder, listening.sized(count))
            err.print(f"{count:,} listens written in {time.monotonic() - begun:.1f} s")
            line, seconds = _encore(folder, count, memory)
            peer = _duckdb(folder, Path(scratch) / "peer.duckdb", memory)
        lines.append(line | peer | {"ratio": seconds / peer["DuckDB s"]})
    harness.publish("Batch from files to artifacts", "python -m benchmarks.batch", lines)


def _encore(folder: Path, count: int, memory: str) -> tuple[dict[str, float], float]:
    with harness.installation(memory) as home:
        server.start(home)
        with harness.measured(home) as usage:
            begun = time.monotonic()
            landing.land([str(folder)], home)
            landed = time.monotonic() - begun
            steps = batch.run_batch(home).seconds
        _print_slowest(home)
        seconds = landed + sum(steps[step] for step in ("dbt build", "artifacts", "publish"))
        line = {
            "listens": count,
            "landing s": landed,
            **{f"{step} s": steps[step] for step in ("dbt build", "artifacts", "publish")},
            "listens/s": count / seconds,
            "core-s per million": usage.core_seconds / count * 1e6,
            "peak GiB": usage.peak_bytes / 2**30,
        }
    return line, seconds


def _print_slowest(home: Home, models: int = 12) -> None:
    run = run_history.read(home)[-1]
    err.print(
        f"{len(run.models)} models took {sum(run.models.values()):.0f} s, several at once, "
        f"beside {run.tests} tests. The slowest:"
    )
    for name, seconds in sorted(run.models.items(), key=itemgetter(1))[: -models - 1 : -1]:
        err.print(f"{seconds:8.1f} s  {name}")


def _duckdb(folder: Path, database: Path, memory: str) -> dict[str, float]:
    begun, before = time.monotonic(), psutil.Process().cpu_times()
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"set memory_limit = '{memory}b'")
        connection.execute("set preserve_insertion_order = false")
        script = _PEER.read_text().replace("{folder}", str(folder))
        for statement in script.split(";\n\n"):
            connection.execute(statement)
    after = psutil.Process().cpu_times()
    used = after.user + after.system - before.user - before.system
    return {"DuckDB s": time.monotonic() - begun, "DuckDB core-s": used}


if __name__ == "__main__":
    main()
