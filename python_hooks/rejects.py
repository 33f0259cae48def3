"""The rows that could not be used: how many, why, and what they look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.table import Table

from python_hooks import releases
from python_hooks.console import folded
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse, literal


@dataclass(frozen=True)
class Rejects:
    """What was rejected.

    Attributes:
        release: Id of the release that tells.
        counts: The rows of `fct_rejected_reasons`, by batch, the most frequent first.
        rows: Sample rows: the columns of `fct_rejected_rows`, the first of each file.
    """

    release: str
    counts: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]


def look(home: Home, *, reason: str = "", limit: int = 10) -> Rejects:
    """Reads what the published release rejected.

    Args:
        home: The installation.
        reason: Only rows with this reason; all if empty.
        limit: The most sample rows.

    Raises:
        EncoreError: Nothing is published, or the server does not run.
    """
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        chosen = f"rejection_reason = {literal(reason)}" if reason else None
        counts = warehouse.read(
            release.relation("fct_rejected_reasons"),
            where=chosen,
            order_by=["batch_id", "row_count desc", "rejection_reason"],
        )
        rows = warehouse.read(
            release.relation("fct_rejected_rows"),
            where=chosen,
            order_by=["batch_id", "source_line"],
            limit=limit,
        )
    return Rejects(release.release_id, counts.to_pylist(), rows.to_pylist())


def as_tables(rejects: Rejects) -> Group | str:
    """The answer for the terminal."""
    if not rejects.counts:
        return "No row was rejected."
    counts = Table(
        *folded("file", "batch", "rows", "share", "reason", "what that means", "first")
    )
    for count in rejects.counts:
        counts.add_row(
            count["source_file"],
            str(count["batch_id"]),
            f"{count['row_count']:,}",
            f"{count['row_share']:.1%}",
            count["rejection_reason"],
            count["reason_description"],
            f"line {count['first_line']:,}",
        )
    rows = Table(*folded("file", "line", "reason", "row"), title="The first of them")
    for row in rejects.rows:
        rows.add_row(
            row["source_file"],
            str(row["source_line"]),
            row["rejection_reason"],
            row["landed_row"],
        )
    return Group(counts, rows)
