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
        counts: One mapping per source, file, batch and reason: `source`, `source_file`,
            `batch_id`, `rejection_reason`, `reason_description`, `row_count`; by batch.
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
        mart = release.relation("fct_rejected_rows")
        chosen = f"rejection_reason = {literal(reason)}" if reason else "true"
        grouped = "source, source_file, batch_id, rejection_reason, reason_description"
        counts = warehouse.query(
            f"select {grouped}, count(*) as row_count from {mart} where {chosen} "
            f"group by {grouped} order by batch_id, row_count desc, rejection_reason"
        )
        rows = warehouse.read(
            mart, where=chosen, order_by=["batch_id", "source_line"], limit=limit
        )
    return Rejects(release.release_id, counts.to_pylist(), rows.to_pylist())


def as_tables(rejects: Rejects) -> Group | str:
    """The answer for the terminal."""
    if not rejects.counts:
        return "No row was rejected."
    counts = Table(*folded("file", "batch", "rows", "reason", "what that means"))
    for count in rejects.counts:
        counts.add_row(
            count["source_file"],
            str(count["batch_id"]),
            f"{count['row_count']:,}",
            count["rejection_reason"],
            count["reason_description"],
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
