"""What is in each mart: some of its rows, and how the values of its columns lie."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from python_hooks.releases import Release
from python_hooks.warehouse import Warehouse

# A larger mart is sampled: docs need no last row, and take no scan per column.
_SAMPLED = 20_000
_SHOWN = 3
_BINS = 10
_TOP = 3
# Who listened, and what files say in their own words: a page may be given to others.
_PERSONAL = re.compile(r"listener_id|source_file|first_row|landed_row")
HIDDEN = "…"


@dataclass(frozen=True)
class ColumnProfile:
    """How the values of one column lie, in the rows that were looked at.

    Attributes:
        name: The column.
        null_share: Share of rows without a value, 0 to 1; 0 where there are no rows.
        distinct: How many different values there are; None for lists.
        low: The least value, as text; empty where values have no order to speak of.
        median: The value in the middle.
        high: The greatest value.
        counts: Rows per tenth of the way from the least to the greatest value.
        top: The most frequent values of a text, with their rows.
    """

    name: str
    null_share: float
    distinct: int | None
    low: str = ""
    median: str = ""
    high: str = ""
    counts: tuple[int, ...] = ()
    top: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Profile:
    """What is in one mart.

    Attributes:
        mart: Its name.
        rows: How many rows it has.
        looked_at: How many of them the columns describe.
        columns: How the values lie, in the mart's order.
        sample: The first rows of those, by their columns from the left; listeners and
            the words of files are hidden.
    """

    mart: str
    rows: int
    looked_at: int
    columns: tuple[ColumnProfile, ...]
    sample: tuple[Mapping[str, Any], ...]


def of_marts(names: Iterable[str], release: Release, warehouse: Warehouse) -> list[Profile]:
    """Reads some rows of each mart of a release.

    Raises:
        EncoreError: A mart cannot be read.
    """
    counts = " union all ".join(
        f"select '{name}' as mart, count(*) as row_count from {release.relation(name)}"
        for name in names
    )
    return [
        _profile(each["mart"], each["row_count"], release, warehouse)
        for each in warehouse.query(f"{counts} order by mart").to_pylist()
    ]


def _profile(mart: str, rows: int, release: Release, warehouse: Warehouse) -> Profile:
    # A share of the rows from everywhere, the same ones each time.
    percent = 100 * _SAMPLED / max(rows, 1)
    some = "" if percent >= 100 else f" tablesample ({percent:.6f} percent) repeatable (1)"
    table = warehouse.query(f"select * from {release.relation(mart)}{some}")
    ordered = [
        (field.name, "ascending")
        for field in table.schema
        if not (pa.types.is_list(field.type) or _PERSONAL.fullmatch(field.name))
    ]
    shown = table.sort_by(ordered).slice(0, _SHOWN) if ordered else table.slice(0, _SHOWN)
    return Profile(
        mart=mart,
        rows=rows,
        looked_at=table.num_rows,
        columns=tuple(_column(name, table[name]) for name in table.column_names),
        sample=tuple(
            {
                name: HIDDEN if value is not None and _PERSONAL.fullmatch(name) else value
                for name, value in row.items()
            }
            for row in shown.to_pylist()
        ),
    )


def _column(name: str, values: pa.ChunkedArray) -> ColumnProfile:
    there = values.drop_null()
    null_share = values.null_count / max(len(values), 1)
    if pa.types.is_list(values.type):
        return ColumnProfile(name, null_share, None)
    distinct = pc.count_distinct(there).as_py()
    if not len(there) or _PERSONAL.fullmatch(name):
        return ColumnProfile(name, null_share, distinct)
    if pa.types.is_string(values.type) or pa.types.is_boolean(values.type):
        found = pc.value_counts(there.combine_chunks()).to_pylist()
        found.sort(key=lambda each: (-each["counts"], each["values"]))
        top = tuple((str(each["values"]), each["counts"]) for each in found[:_TOP])
        return ColumnProfile(name, null_share, distinct, top=top)
    ordered = there.combine_chunks().sort()
    places = (0, len(ordered) // 2, len(ordered) - 1)
    low, middle, high = (_spelled(ordered[at].as_py()) for at in places)
    numbers = ordered
    if pa.types.is_timestamp(values.type):
        numbers = ordered.cast(pa.int64())
    counts = _histogram(numbers.cast(pa.float64(), safe=False).to_numpy())
    return ColumnProfile(name, null_share, distinct, low, middle, high, counts=counts)


def _histogram(ordered: NDArray[np.float64]) -> tuple[int, ...]:
    width = ordered[-1] - ordered[0]
    if not (np.isfinite(width) and width > 0):
        return (len(ordered),)
    places = np.minimum((ordered - ordered[0]) / width * _BINS, _BINS - 1).astype(np.int64)
    return tuple(np.bincount(places, minlength=_BINS).tolist())


def _spelled(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value}"
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "hour") else str(value)
