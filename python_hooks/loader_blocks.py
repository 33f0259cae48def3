"""Blocks of rows in memory: read one ahead, cut into batches, as Arrow or as NumPy."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa

from python_hooks.loader_columns import Arrays, Columns, Order

Rows = TypeVar("Rows")


def one_ahead(read: Callable[[int], Rows], blocks: list[int]) -> Iterator[Rows]:
    """Each block in turn; the next one is read while the one before is used."""
    with ThreadPoolExecutor(1) as reader:
        coming: deque[Future[Rows]] = deque()
        for block in blocks:
            coming.append(reader.submit(read, block))
            if len(coming) > 1:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


@dataclass(frozen=True)
class Kind(Generic[Rows]):
    """What rows are kept as.

    Attributes:
        rows: From a table and an order of its rows, None for its own.
        part: Rows from one place to before another.
        joined: Parts behind each other; at least one.
    """

    rows: Callable[[pa.Table, Order | None], Rows]
    part: Callable[[Rows, int, int], Rows]
    joined: Callable[[list[Rows]], Rows]


def arrow() -> Kind[pa.Table]:
    """Rows as Arrow tables."""
    return Kind(
        rows=lambda table, order: table if order is None else table.take(pa.array(order)),
        part=lambda rows, first, last: rows.slice(first, last - first),
        joined=pa.concat_tables,
    )


def numpy(columns: Columns) -> Kind[Arrays]:
    """Rows as NumPy arrays by column; a part shares the memory of its block."""
    return Kind(
        rows=columns.arrays,
        part=lambda rows, first, last: {
            name: array[first:last] for name, array in rows.items()
        },
        joined=_joined,
    )


def _joined(parts: list[Arrays]) -> Arrays:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
