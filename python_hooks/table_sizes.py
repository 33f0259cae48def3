"""How much published tables hold, read from their files without a query."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq

from python_hooks.home import Home


@dataclass(frozen=True)
class Size:
    """What some tables hold together; views hold nothing.

    Attributes:
        rows: Rows, as the footers of the Parquet files say.
        bytes: Bytes of these files.
    """

    rows: int
    bytes: int


def of_builds(home: Home, builds: Mapping[str, str]) -> Size:
    """Adds up the tables of a release.

    Args:
        home: The installation.
        builds: Model name to the schema that holds its table or view.
    """
    sizes = [
        _of_table(home.warehouse / f"{build}.db" / model) for model, build in builds.items()
    ]
    return Size(sum(size.rows for size in sizes), sum(size.bytes for size in sizes))


@cache
def _of_table(folder: Path) -> Size:
    rows = size = 0
    for path in folder.rglob("*.parquet"):
        try:
            rows += pq.read_metadata(path).num_rows
            size += path.stat().st_size
        except FileNotFoundError:  # the batch was written again this moment
            continue
    return Size(rows, size)
