"""The Parquet files that a loader reads: their row groups and their one schema."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from python_hooks.errors import EncoreError

Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class RowGroup:
    """One row group: the number of its file, its number in the file, its rows."""

    file: int
    index: int
    rows: int


@dataclass(frozen=True)
class Files:
    """Parquet files of one schema.

    Attributes:
        paths: The files, in the order of their names.
        schema: Schema of the columns that are read, in the wanted order.
        groups: Row groups that hold rows, in the order of the files.
        nulls: Per column, how many nulls the footers count; None if one does not say.
        fingerprint: Hash of the files' names, sizes and row groups, hexadecimal.
    """

    paths: tuple[Path, ...]
    schema: pa.Schema
    groups: tuple[RowGroup, ...]
    nulls: dict[str, int | None]
    fingerprint: str

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(group.rows for group in self.groups)

    def read(self, groups: Sequence[RowGroup], use_threads: bool) -> pa.Table:
        """Reads the wanted columns of some row groups, in the order given.

        Raises:
            EncoreError: A file is gone, or is not the one that was looked at.
        """
        tables = []
        for group in groups:
            path = self.paths[group.file]
            try:
                with pq.ParquetFile(path, memory_map=True) as file:
                    table = file.read_row_group(
                        group.index, self.schema.names, use_threads=use_threads
                    )
            except (OSError, pa.ArrowException, IndexError) as error:
                raise EncoreError(
                    f"{path} cannot be read any more: {_first_line(error)}.",
                    "A replaced build is kept for `keep_minutes`; train for longer on a "
                    "copy: `encore export MODEL FOLDER`.",
                ) from error
            # Parquet gives the columns in the order of the file.
            tables.append(table.select(self.schema.names))
        return pa.concat_tables(tables)


def look(paths: Paths, columns: Sequence[str] | None) -> Files:
    """Finds the files and reads their footers.

    Args:
        paths: Parquet files, and folders whose `*.parquet` files are meant.
        columns: Names of columns in the wanted order; all, as in the first file, if None.

    Raises:
        EncoreError: There is no such file or column, a file is no Parquet, or two files
            have other columns or types.
    """
    named = dict(_found([paths] if isinstance(paths, str | Path) else paths))
    if not named:
        raise EncoreError(
            f"There is no Parquet file in {paths}.",
            "Give the files of a mart: `encore export training_examples FOLDER`.",
        )
    footers = {path: _footer(path) for path in named}
    first, schema = next(iter(named)), next(iter(footers.values())).schema.to_arrow_schema()
    for path, footer in footers.items():
        _require_same(first, schema, path, footer.schema.to_arrow_schema())
    if missing := [name for name in columns or () if name not in schema.names]:
        raise EncoreError(
            f"There is no column {', '.join(missing)} in {first}, which has "
            f"{', '.join(schema.names)}.",
            "Choose among these.",
        )
    names = list(schema.names if columns is None else columns)
    facts = [
        (name, path.stat().st_size, [group["rows"] for group in _groups(footers[path])])
        for path, name in named.items()
    ]
    return Files(
        paths=tuple(named),
        schema=pa.schema([schema.field(name).with_metadata(None) for name in names]),
        groups=tuple(
            RowGroup(number, group["index"], group["rows"])
            for number, footer in enumerate(footers.values())
            for group in _groups(footer)
            if group["rows"]
        ),
        nulls={name: _null_count(footers.values(), name) for name in names},
        fingerprint=hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16],
    )


def _found(paths: Sequence[str | Path]) -> Iterator[tuple[Path, str]]:
    """Each file and the name it has below what was given, so that a copy is the same."""
    for given in map(Path, paths):
        if given.is_dir():
            below = ((path, path.relative_to(given)) for path in given.rglob("*.parquet"))
            # Spark and others keep what is not finished under such names.
            yield from sorted(
                (path, name.as_posix())
                for path, name in below
                if not any(part.startswith((".", "_")) for part in name.parts)
            )
        elif given.is_file():
            yield given, given.name
        else:
            raise EncoreError(f"There is no file or folder {given}.")


def _footer(path: Path) -> Any:
    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise EncoreError(f"{path} is no Parquet file: {_first_line(error)}.") from error


def _groups(footer: Any) -> list[dict[str, int]]:
    return [
        {"index": index, "rows": footer.row_group(index).num_rows}
        for index in range(footer.num_row_groups)
    ]


def _null_count(footers: Any, name: str) -> int | None:
    total = 0
    for footer in footers:
        for index in range(footer.num_row_groups):
            group = footer.row_group(index)
            for position in range(group.num_columns):
                column = group.column(position)
                if column.path_in_schema != name:
                    continue
                statistics = column.statistics
                if statistics is None or not statistics.has_null_count:
                    return None
                total += statistics.null_count
    return total


def _require_same(first: Path, one: pa.Schema, path: Path, other: pa.Schema) -> None:
    """Refuses a file with other names or types of columns; their order may differ."""

    def types(schema: pa.Schema) -> dict[str, str]:
        return {field.name: str(field.type) for field in schema}

    if types(one) != types(other):
        raise EncoreError(
            f"The files differ in their schema: {first.name} has ({_listed(types(one))}), "
            f"{path.name} has ({_listed(types(other))}).",
            "Load files of one build of a mart; `encore export` copies them into a folder.",
        )


def _listed(types: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in types.items())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
