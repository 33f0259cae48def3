"""Writing one file as one batch: a Parquet file that appears whole or not at all."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from python_hooks.csv_records import Chunk, Records
from python_hooks.csv_text import Advance
from python_hooks.durable import make_folder, sync
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.landing_files import Read, stamp_of
from python_hooks.landing_zone import Batch, Origin, record_batch_id
from python_hooks.shapes import Match, Shape

BATCHES_PER_CHUNK = 1000
ROW_GROUP_ROWS = 1 << 20
ROW_GROUP_BYTES = 128 << 20


def write_batch(
    read: Read, home: Home, batch_id: int, origin: Origin, advance: Advance
) -> Batch:
    """Writes one batch under the lock.

    The number is recorded before the batch becomes visible: a crash in between
    leaves a number unused, never one used twice.
    """
    source = read.file.match.shape.name
    folder = home.landing / source / f"chunk={batch_id // BATCHES_PER_CHUNK}"
    make_folder(folder)
    path = folder / f"batch-{batch_id:012d}-{read.digest}.parquet"
    temporary = folder / f"_{path.name}"
    try:
        _write_parquet(temporary, read, batch_id, origin, advance)
        if stamp_of(read.file.path) != read.stamp:
            raise EncoreError(
                f"{read.file.source_file} changed meanwhile; it was not landed.",
                "Land it again when nothing writes to it.",
            )
        sync(temporary)
        record_batch_id(home, batch_id)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(folder)
    return Batch(source, batch_id, read.digest, path)


def _write_parquet(
    path: Path, read: Read, batch_id: int, origin: Origin, advance: Advance
) -> None:
    shape = read.file.match.shape
    schema = _schema(shape)
    landed_at = pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC"))
    constants = {
        "batch_id": pa.scalar(batch_id, pa.int64()),
        "source_file": pa.scalar(read.file.source_file, pa.string()),
        "landed_at": landed_at,
        **{name: pa.scalar(value) for name, value in read.file.defaults.items()},
    }
    rows = unreadable = 0
    group: list[pa.Table] = []
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for chunk in Records(read, advance):
            table = _table(chunk, read.file.match, schema, constants)
            group.append(table)
            rows += table.num_rows
            unreadable += len(chunk.unreadable)
            full = sum(part.num_rows for part in group) >= ROW_GROUP_ROWS
            if full or sum(part.nbytes for part in group) >= ROW_GROUP_BYTES:
                _write_group(writer, group)
        _write_group(writer, group)
        facts = {
            "source_file": read.file.source_file,
            "origin": origin,
            "rows": str(rows),
            "unreadable": str(unreadable),
        }
        writer.add_key_value_metadata({f"encore.{k}": v for k, v in facts.items()})


def _write_group(writer: Any, group: list[pa.Table]) -> None:
    table = pa.concat_tables(group) if group else None
    if table is not None and table.num_rows:
        writer.write_table(table, row_group_size=table.num_rows)
    group.clear()


def _schema(shape: Shape) -> pa.Schema:
    return pa.schema(
        [
            *((column.name, pa.string()) for column in shape.columns),
            ("batch_id", pa.int64()),
            ("source_file", pa.string()),
            ("source_line", pa.int64()),
            ("landed_at", pa.timestamp("us", "UTC")),
            ("raw_line", pa.string()),
            ("extra", pa.string()),
        ]
    )


def _table(
    chunk: Chunk, found: Match, schema: pa.Schema, constants: dict[str, pa.Scalar]
) -> pa.Table:
    """Gives a chunk the columns of its table, its rows in the order of their lines."""
    count = chunk.rows.num_rows
    columns: dict[str, Any] = {"source_line": pa.array(chunk.lines)}
    undeclared = {}
    for name, column, cells in zip(
        found.header, found.assigned, chunk.rows.columns, strict=True
    ):
        if column is None:
            undeclared[name] = cells
        else:
            columns[column] = cells
    if undeclared:
        columns["extra"] = _json_objects(undeclared)
    columns |= {name: pa.repeat(value, count) for name, value in constants.items()}
    if not chunk.unreadable:
        return _with_nulls(columns, count, schema)
    lines, texts = zip(*chunk.unreadable, strict=True)
    own = ("batch_id", "source_file", "landed_at")
    rest: dict[str, Any] = {name: pa.repeat(constants[name], len(lines)) for name in own}
    rest |= {
        "source_line": pa.array(lines, pa.int64()),
        "raw_line": pa.array(texts, pa.string()),
    }
    table = pa.concat_tables(
        [_with_nulls(columns, count, schema), _with_nulls(rest, len(lines), schema)]
    )
    return table.sort_by("source_line")


def _with_nulls(columns: dict[str, Any], count: int, schema: pa.Schema) -> pa.Table:
    arrays = [
        columns[column.name] if column.name in columns else pa.nulls(count, column.type)
        for column in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _json_objects(columns: dict[str, pa.Array]) -> pa.Array:
    """One JSON object per row, built by column: json.dumps per row takes 8 times longer."""
    parts: list[Any] = []
    for index, (name, cells) in enumerate(columns.items()):
        text = pc.replace_substring(cells, "\\", "\\\\")
        text = pc.replace_substring(text, '"', '\\"')
        if pc.any(pc.match_substring_regex(text, r"[\x00-\x1f]")).as_py():
            for code in range(0x20):
                text = pc.replace_substring(text, chr(code), f"\\u{code:04x}")
        quoted = pc.binary_join_element_wise('"', text, '"', "")
        key = f"{', ' if index else '{'}{json.dumps(name, ensure_ascii=False)}: "
        parts += [key, pc.fill_null(quoted, "null")]
    return pc.binary_join_element_wise(*parts, "}", "")
