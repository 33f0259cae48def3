"""Writing one file as one batch: a Parquet file that appears whole or not at all."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from python_hooks import forgotten
from python_hooks.csv_records import Chunk, Records
from python_hooks.csv_text import Advance
from python_hooks.durable import make_folder, sync
from python_hooks.errors import EncoreError
from python_hooks.forgotten import LISTENER, Forgotten
from python_hooks.home import Home
from python_hooks.json_records import JsonRecords
from python_hooks.landing_files import Read, stamp_of
from python_hooks.landing_zone import Batch, Origin, record_batch_id
from python_hooks.shapes import Match

BATCHES_PER_CHUNK = 1000
ROW_GROUP_ROWS = 1 << 20
ROW_GROUP_BYTES = 128 << 20
_IS_FORGOTTEN = pa.field("is_forgotten", pa.bool_())


def write_batch(
    read: Read,
    home: Home,
    batch_id: int,
    origin: Origin,
    advance: Advance,
) -> Batch:
    """Writes one batch under the lock, its rows without who was forgotten.

    The number is recorded before the batch becomes visible: a crash in between
    leaves a number unused, never one used twice.
    """
    source = read.file.match.shape.name
    folder = home.landing / source / f"chunk={batch_id // BATCHES_PER_CHUNK}"
    make_folder(folder)
    path = folder / f"batch-{batch_id:012d}-{read.digest}.parquet"
    temporary = folder / f"_{path.name}"
    try:
        tables = _tables(read, batch_id, advance)
        facts = {"source_file": read.file.source_file, "origin": origin}
        _write_parquet(temporary, tables, _schema(read), facts, forgotten.read(home))
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


def rewrite_batch(batch: Batch, gone: Forgotten) -> bool:
    """Empties a batch of who was forgotten, under the lock; tells whether it had to be.

    Number, content hash and places of rows stay, and the new file takes the place of the
    old one at once.
    """
    with pq.ParquetFile(batch.path) as file:
        before = file.schema_arrow.remove_metadata()
        schema = before if "is_forgotten" in before.names else before.append(_IS_FORGOTTEN)
        names = {LISTENER, "raw_line", "extra", "source_file", "is_forgotten"}

        def groups(columns: Iterable[str] | None = None) -> Iterator[pa.Table]:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns)
                yield _with_nulls(
                    dict(zip(table.column_names, table.columns, strict=True)),
                    table.num_rows,
                    schema
                    if columns is None
                    else pa.schema([column for column in schema if column.name in names]),
                )

        facts = batch.facts()
        named = gone.redacted(facts["source_file"]) != facts["source_file"]
        there = [name for name in before.names if name in names]
        if not named and not any(gone.changes(table) for table in groups(there)):
            return False
        temporary = batch.path.with_name(f"_{batch.path.name}")
        try:
            _write_parquet(temporary, groups(), schema, facts, gone)
            sync(temporary)
            temporary.replace(batch.path)
        finally:
            temporary.unlink(missing_ok=True)
    sync(batch.path.parent)
    return True


def has_listener(batch: Batch, name: str) -> bool:
    """Whether a batch has rows of a listener."""
    with pq.ParquetFile(batch.path) as file:
        if LISTENER not in file.schema_arrow.names:
            return False
        return any(
            text is not None and forgotten.cleaned(text) == name
            for number in range(file.num_row_groups)
            for text in pc.unique(file.read_row_group(number, [LISTENER])[0]).to_pylist()
        )


def _tables(read: Read, batch_id: int, advance: Advance) -> Iterator[pa.Table]:
    """The rows of a file, chunk by chunk."""
    constants = {
        "batch_id": pa.scalar(batch_id, pa.int64()),
        "source_file": pa.scalar(read.file.source_file, pa.string()),
        "landed_at": pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC")),
        **{name: pa.scalar(value) for name, value in read.file.defaults.items()},
    }
    split = JsonRecords if read.file.header.kind != "csv" else Records
    for chunk in split(read, advance):
        yield _table(chunk, read.file.match, _schema(read), constants)


def _write_parquet(
    path: Path,
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    facts: Mapping[str, str],
    gone: Forgotten,
) -> None:
    rows = unreadable = emptied = 0
    group: list[pa.Table] = []
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for whole in tables:
            table, count = gone.emptied(whole)
            group.append(table)
            rows += table.num_rows
            unreadable += table.num_rows - table["raw_line"].null_count
            emptied += count
            full = sum(part.num_rows for part in group) >= ROW_GROUP_ROWS
            if full or sum(part.nbytes for part in group) >= ROW_GROUP_BYTES:
                _write_group(writer, group)
        _write_group(writer, group)
        facts = {
            "origin": facts["origin"],
            "source_file": gone.redacted(facts["source_file"]),
            "rows": str(rows),
            "unreadable": str(unreadable),
            "forgotten": str(emptied),
        }
        writer.add_key_value_metadata({f"encore.{k}": v for k, v in facts.items()})


def _write_group(writer: Any, group: list[pa.Table]) -> None:
    table = pa.concat_tables(group) if group else None
    if table is not None and table.num_rows:
        writer.write_table(table, row_group_size=table.num_rows)
    group.clear()


def _schema(read: Read) -> pa.Schema:
    columns = read.file.match.shape.columns
    return pa.schema(
        [
            *((column.name, pa.string()) for column in columns),
            ("batch_id", pa.int64()),
            ("source_file", pa.string()),
            ("source_line", pa.int64()),
            ("landed_at", pa.timestamp("us", "UTC")),
            ("raw_line", pa.string()),
            ("extra", pa.string()),
            _IS_FORGOTTEN,
        ]
    )


def _table(
    chunk: Chunk, found: Match, schema: pa.Schema, constants: dict[str, pa.Scalar]
) -> pa.Table:
    """Gives a chunk the columns of its table, its rows in the order of their lines."""
    count = chunk.rows.num_rows
    columns: dict[str, Any] = {"source_line": pa.array(chunk.lines)}
    if chunk.extra is None:
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
    else:
        columns |= dict(zip(chunk.rows.schema.names, chunk.rows.columns, strict=True))
        columns["extra"] = chunk.extra
    for name, value in constants.items():
        # An object may have a key that the first ones of its file lack.
        there = name in columns
        columns[name] = (
            pc.fill_null(columns[name], value) if there else pa.repeat(value, count)
        )
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
