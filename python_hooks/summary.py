"""What a person sees at the end of a build."""

import csv
import sys
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from python_hooks import marts, recommender, releases
from python_hooks.answer_items import Item
from python_hooks.answer_text import as_json, as_text
from python_hooks.batch import Report
from python_hooks.console import as_table, out, visible
from python_hooks.docs_site import INDEX
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse

_OUTCOMES = ("accepted", "duplicate", "superseded", "rejected", "unreadable", "forgotten")


def summarise(home: Home, report: Report) -> dict[str, Any]:
    """Reads the figures of the summary, as `encore run batch --json` prints them."""
    with Warehouse(home) as warehouse:
        release = releases.current(warehouse, home)
        schema = {name: release.relation(name) for name in marts.marts()}
        counts = " union all ".join(
            f"select '{name}' as mart, count(*) as row_count from {relation}"
            for name, relation in schema.items()
        )
        outcomes = ", ".join(f"sum(rows_{kind}) as {kind}" for kind in _OUTCOMES)
        listener = warehouse.query(
            f"select listener_id from {schema['fct_listener_rfm']} "
            "order by frequency desc, listener_id limit 1"
        ).to_pylist()
        figures = {
            "release": release.release_id,
            "nothing_new": report.nothing_new,
            "accounts": warehouse.query(
                f"select source, sum(rows_landed) as landed, {outcomes} "
                f"from {schema['fct_landing_accounts']} group by source order by source"
            ).to_pylist(),
            "reasons": warehouse.query(
                "select source, rejection_reason, sum(row_count) as row_count, "
                f"count(*) as batch_count from {schema['fct_rejected_reasons']} "
                "group by source, rejection_reason "
                "order by source, row_count desc, rejection_reason"
            ).to_pylist(),
            "marts": {
                row["mart"]: row["row_count"]
                for row in warehouse.query(counts + " order by mart").to_pylist()
            },
            "key_frequency": warehouse.read(
                schema["fct_key_frequency"], order_by=["track_count desc", "musical_key"]
            ).to_pylist(),
            "segments": warehouse.query(
                "select rf_segment, count(*) as listener_count "
                f"from {schema['fct_listener_rfm']} where rf_segment is not null "
                "group by rf_segment order by listener_count desc, rf_segment"
            ).to_pylist(),
        }
    recommended = (
        recommender.recommend(listener[0]["listener_id"], home, k=5) if listener else None
    )
    return figures | {
        "recommendations": recommended,
        "docs": str(INDEX),
        "seconds": report.seconds,
    }


def render(figures: dict[str, Any]) -> Group:
    """The summary as tables for the terminal."""
    sources = figures["accounts"]
    accounts = Table("rows", *(row["source"] for row in sources), title="Landed rows")
    for kind in ("landed", *_OUTCOMES):
        accounts.add_row(kind, *(_cell(row[kind]) for row in sources))
    reasons = Table("source", "reason", "rows", "batches", title="Rows that are not used")
    for row in figures["reasons"]:
        counts = (_cell(row[kind]) for kind in ("row_count", "batch_count"))
        reasons.add_row(row["source"], row["rejection_reason"], *counts)
    rows = Table("mart", "rows", title="Rows per mart")
    for name, count in figures["marts"].items():
        rows.add_row(name, f"{count:,}")
    keys = Table("key", "tracks", "share", "listens", title="Key frequency")
    for row in figures["key_frequency"]:
        keys.add_row(
            row["pitch_class"] or "unknown",
            _cell(row["track_count"]),
            "-" if row["track_share"] is None else f"{row['track_share']:.1%}",
            _cell(row["listen_count"]),
        )
    segments = Table("segment", "listeners", title="RFM segments")
    for row in figures["segments"]:
        segments.add_row(row["rf_segment"], _cell(row["listener_count"]))
    parts: list[Any] = [accounts, *([reasons] if figures["reasons"] else [])]
    parts += [rows, keys, segments]
    if recommended := figures["recommendations"]:
        parts.append(items_table(f"For {recommended.listener_id}", recommended.items))
    steps = " · ".join(f"{name} {took:.1f} s" for name, took in figures["seconds"].items())
    if figures["nothing_new"]:
        parts.append(Text("Nothing new: marts, artifacts and docs are up to date."))
    return Group(*parts, Text(f"Docs: {figures['docs']}"), Text(steps))


def releases_table(kept: list[dict[str, Any]]) -> Table:
    """Kept releases with their sizes, as `--json` has them, as a table."""
    table = Table(
        Column("release", no_wrap=True),
        Column("age", no_wrap=True),
        "by",
        Column("batches", no_wrap=True),
        "new",
        Column("rows", justify="right", no_wrap=True),
        Column("MiB", justify="right", no_wrap=True),
        caption="batches: in the batch layer / seen by the serving marts. "
        "* is published. Releases share the tables that did not change.",
    )
    now = datetime.now(UTC)
    for release in kept:
        begun = datetime.strptime(release["release_id"], "%Y%m%dT%H%M%S%f")
        table.add_row(
            release["release_id"] + ("" if release["until"] else " *"),
            str(now - begun.replace(tzinfo=UTC)).split(".")[0],
            release["lane"],
            "{batch} / {upto}".format(**release),
            "{changed} of {models}".format(**release),
            "{rows:,}".format(**release),
            f"{release['bytes'] / 2**20:,.1f}",
        )
    return table


def items_table(title: str, items: list[Item]) -> Table:
    """Recommended or similar tracks as a table for the terminal."""
    table = Table("", "track", "artist", "score", "why", title=title)
    for item in items:
        table.add_row(
            str(item.rank),
            Text(item.title or item.track_id),
            Text(item.artist or ""),
            f"{item.score:.3f}",
            Text(item.reason),
        )
    return table


def print_rows(rows: pa.Table, style: str) -> None:
    """Prints rows of a mart to stdout as `table`, `csv` (with a header) or `json`."""
    if style == "json":
        sys.stdout.write(as_json(rows.to_pylist()) + "\n")
    elif style == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(rows.column_names)
        # A file gets the values as they are, a terminal nothing that it would obey.
        cell = (lambda value: visible(as_text(value))) if sys.stdout.isatty() else as_text
        writer.writerows(map(cell, row.values()) for row in rows.to_pylist())
    else:
        cells = [map(as_text, row.values()) for row in rows.to_pylist()]
        out.print(as_table(rows.column_names, cells, out.width))


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
