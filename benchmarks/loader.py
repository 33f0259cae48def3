"""How fast the loader yields rows: 8 numeric columns, against Arrow and PyTorch.

    python -m benchmarks.loader [--rows 4000000] [--repeat 5]

Peers of the same run, on the same files: Arrow reading one row group after the other on
all cores, which is the most that a reader of Parquet can reach; Arrow's dataset scanner;
and, where PyTorch is installed, its DataLoader over a dataset of single rows held in
memory, the way its tutorial does it, on fewer rows. Each line is the median of the
repetitions, which take turns, so that a busy moment of the machine meets all of them.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks import harness
from python_hooks.loader import Loader

BATCH = 4096
GROUP = 131_072
NAIVE_ROWS = 100_000
GOAL = 4_000_000


def write(folder: Path, rows: int) -> None:
    """Four files of 4 columns of doubles and 4 of whole numbers, of small values."""
    random = np.random.default_rng(1)
    for number in range(4):
        part = rows // 4
        columns: dict[str, Any] = {f"real{n}": random.random(part) for n in range(4)}
        columns |= {f"whole{n}": random.integers(0, 10**n * 10, part) for n in range(4)}
        pq.write_table(
            pa.table(columns), folder / f"part-{number}.parquet", row_group_size=GROUP
        )


def arrow_groups(folder: Path) -> int:
    """Rows, read by row groups."""
    rows = 0
    for path in folder.iterdir():
        with pq.ParquetFile(path, memory_map=True) as file:
            for group in range(file.num_row_groups):
                rows += file.read_row_group(group).num_rows
    return rows


def arrow_scan(folder: Path) -> int:
    """Rows of the scanner."""
    return sum(batch.num_rows for batch in ds.dataset(folder).to_batches())


def loader(folder: Path, **options: Any) -> Callable[[], int]:
    """A run over one epoch in NumPy batches."""
    found = Loader(folder, batch_size=BATCH, **options)
    return lambda: sum(len(batch["real0"]) for batch in found)


def with_torch(folder: Path) -> dict[str, Callable[[], int]]:
    """The runs that need PyTorch; none where it is not installed."""
    try:
        # No part of the lock: it may be missing.
        import torch  # noqa: PLC0415
    except ModuleNotFoundError:
        print("PyTorch is not installed: its lines are left out.")
        return {}
    table = ds.dataset(folder).head(NAIVE_ROWS)
    arrays = [column.to_numpy() for column in table.columns]

    class Naive:
        """One row at a time, from memory."""

        def __len__(self) -> int:
            return len(arrays[0])

        def __getitem__(self, row: int) -> list[float]:
            return [array[row] for array in arrays]

    naive = torch.utils.data.DataLoader(Naive(), batch_size=BATCH, shuffle=True)
    tensors = {workers: Loader(folder, batch_size=BATCH).torch(workers) for workers in (0, 2)}
    return {
        "loader, tensors": lambda: sum(len(batch["real0"]) for batch in tensors[0]),
        "loader, tensors, 2 processes": lambda: sum(
            len(batch["real0"]) for batch in tensors[2]
        ),
        "torch DataLoader, rows in memory": lambda: sum(len(batch[0]) for batch in naive),
    }


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=4_000_000)
    arguments.add_argument("--repeat", type=int, default=5)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.rows)
        runs = {
            "Arrow row groups": lambda: arrow_groups(folder),
            "Arrow dataset scan": lambda: arrow_scan(folder),
            "loader, shuffled": loader(folder),
            "loader, in order": loader(folder, shuffle_window=0),
            **with_torch(folder),
        }
        speeds: dict[str, list[float]] = {what: [] for what in runs}
        cores: dict[str, list[float]] = {what: [] for what in runs}
        for _ in range(options.repeat):
            for what, run in runs.items():
                begun, used = time.perf_counter(), time.process_time()
                rows = run()
                speeds[what].append(rows / (time.perf_counter() - begun))
                cores[what].append((time.process_time() - used) / rows * 1e9)
    bare = median(speeds["Arrow row groups"])
    lines = [
        {
            "reader": what,
            "M rows/s": median(found) / 1e6,
            "CPU ns/row": median(cores[what]),
            "of Arrow's row groups": median(found) / bare,
        }
        for what, found in speeds.items()
    ]
    verdict = "met" if median(speeds["loader, shuffled"]) >= GOAL else "missed"
    title = f"Loader: the goal of {GOAL / 1e6:.0f} M rows/s, shuffled, is {verdict}"
    harness.publish(title, "python -m benchmarks.loader", lines)


if __name__ == "__main__":
    main()
