"""One Arrow file of features per kind of entity, looked up by key without a copy.

The file is a single uncompressed Arrow IPC record batch: a column of 64-bit hashes of
the keys, then the columns of the mart, ordered by hash and key. It is memory-mapped; a
look-up is a binary search among the hashes, and the key itself is compared, so that
keys with equal hashes are told apart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from python_hooks.declaration import Artifact
from python_hooks.errors import DamagedError, EncoreError
from python_hooks.receipt import Built, Receipt
from python_hooks.recorded_files import REBUILD

PARAMS: Mapping[str, type] = {"mart": str}
BOUNDS: Mapping[str, str] = {"differing_rows": "at most"}
REFERENCE: tuple[str, ...] = ()
LIBRARIES: tuple[str, ...] = ("numpy", "pyarrow", "xxhash")

HASH = "xxh3_64 of the UTF-8 key, its columns joined by U+001F"
HASH_COLUMN = "key_hash"
_BATCH_ROWS = 65_536

Key = tuple[str, ...]
Positions = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


def key_hash(text: bytes) -> int:
    """The hash named by `HASH`, in the range 0 .. 2**64 - 1."""
    return xxhash.xxh3_64_intdigest(text)


class FeatureTable:
    """Rows that are found by key.

    Args:
        rows: The hashes and the columns of the mart, ordered by hash.
        key: Names of the key columns, all of type string.
        hash_function: What the hashes were made by.
    """

    def __init__(
        self,
        rows: pa.RecordBatch,
        key: Sequence[str],
        hash_function: Callable[[bytes], int] = key_hash,
    ) -> None:
        self.rows = rows
        self.key = tuple(key)
        self._hash = hash_function
        self._hashes = rows.column(HASH_COLUMN).to_numpy(zero_copy_only=True)
        self._keys = [rows.column(name) for name in key]

    def hashes(self, keys: Sequence[Key]) -> Hashes:
        """The hashes of n keys: shape (n,)."""
        return np.fromiter((self._hash(_text(key)) for key in keys), np.uint64, len(keys))

    def positions(self, keys: Sequence[Key], hashes: Hashes | None = None) -> Positions:
        """Where the n keys are: shape (n,), -1 for a key that is not there.

        Args:
            keys: The keys.
            hashes: Their `hashes`, where they are known.
        """
        asked = self.hashes(keys) if hashes is None else hashes
        found = self._hashes.searchsorted(asked)
        if not len(self._hashes):
            return np.full(len(keys), -1)
        nearest = np.minimum(found, len(self._hashes) - 1)
        same_hash = self._hashes[nearest] == asked
        if not same_hash.any():
            return np.full(len(keys), -1)
        same_key, places = same_hash, pa.array(nearest)
        for column, values in zip(self._keys, zip(*keys, strict=True), strict=True):
            equal = pc.equal(column.take(places), pa.array(values, column.type))
            same_key = same_key & equal.to_numpy(zero_copy_only=False)
        result = np.where(same_key, nearest, -1)
        # Another key has the same hash: the right one may follow.
        for number in np.flatnonzero(same_hash & ~same_key).tolist():
            result[number] = self._among_equals(int(found[number]), keys[number])
        return result

    def take(self, positions: Positions, columns: Sequence[str]) -> pa.Table:
        """The rows at n positions: nulls where a position is -1."""
        places = pa.array(positions, mask=positions < 0)
        return pa.Table.from_batches([self.rows.select(list(columns)).take(places)])

    def _among_equals(self, position: int, key: Key) -> int:
        wanted = self._hashes[position]
        while position < len(self._hashes) and self._hashes[position] == wanted:
            if tuple(column[position].as_py() for column in self._keys) == key:
                return position
            position += 1
        return -1


def problem(artifact: Artifact) -> str:
    """What is wrong with the values of a declaration, or an empty string."""
    if HASH_COLUMN in artifact.columns:
        return f"{artifact.model} has a column {HASH_COLUMN}, as the file has of its own."
    return ""


def required_columns(artifact: Artifact) -> list[str]:
    """The columns of the mart that `build` reads."""
    return list(artifact.columns)


def build(
    table: pa.Table,
    artifact: Artifact,
    hash_function: Callable[[bytes], int] = key_hash,
) -> Built[FeatureTable]:
    """Orders the rows for look-ups, and looks each of them up.

    Args:
        table: One row per key, the key columns strings without nulls.
        artifact: The declaration.
        hash_function: The hash; anything else than `key_hash` is for experiments, as
            `load` knows only that one.

    Returns:
        The rows; `differing_rows` are those that are not found by their key as they are
        in the mart.

    Raises:
        EncoreError: A column holds more than the 2 GiB of text that Arrow can address.
    """
    hashes = np.fromiter(
        (hash_function(_text(key)) for keys in _keys(table, artifact) for key in keys),
        np.uint64,
        table.num_rows,
    )
    hashed = _nullable(table).add_column(0, HASH_COLUMN, pa.array(hashes))
    order = [(name, "ascending") for name in (HASH_COLUMN, *artifact.key)]
    ordered = hashed.sort_by(order).combine_chunks()
    for name in ordered.column_names:
        if ordered[name].num_chunks > 1:
            raise EncoreError(
                f"Artifact {artifact.name}: column {name} of {artifact.relation} holds "
                "more than 2 GiB, which one Arrow record batch cannot.",
                "Leave the column out of the mart, or build from fewer rows.",
            )
    batches = ordered.to_batches() or [pa.RecordBatch.from_pylist([], ordered.schema)]
    built = FeatureTable(batches[0], artifact.key, hash_function)
    return Built(
        value=built,
        rows=table.num_rows,
        quality={"differing_rows": _differing_rows(built, table, artifact)},
        details={"hash": HASH, "schema": _schema(batches[0])},
    )


def save(built: Built[FeatureTable], path: Path) -> list[Path]:
    """Writes the rows; returns the files written."""
    rows = built.value.rows
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return [path]


def load(path: Path, receipt: Receipt) -> FeatureTable:
    """Maps a file into memory; it stays readable when it is replaced or removed.

    Args:
        path: The file.
        receipt: What `receipt.verify` returned for it: damaged offsets would be
            followed anywhere in memory.

    Raises:
        EncoreError: The keys were hashed in another way.
        DamagedError: The file has the recorded checksum, but is not what it should be.
    """
    if receipt.details["hash"] != HASH:
        raise EncoreError(
            f"Artifact {receipt.artifact} was built with the hash "
            f"{receipt.details['hash']}; this version of encore uses {HASH}.",
            "Run `encore artifacts build` to build it again.",
        )
    with pa.memory_map(str(path)) as source:
        rows = pa.ipc.open_file(source).get_batch(0)
    rows.validate(full=True)
    found, wanted = (rows.num_rows, _schema(rows)), (receipt.rows, receipt.details["schema"])
    ascending = found == wanted and _ascending(rows.column(HASH_COLUMN))
    if not ascending:
        raise DamagedError(
            f"Artifact {receipt.artifact}: {path.name} has (rows, schema) {found}, recorded "
            f"{wanted}, and its hashes in order.",
            REBUILD,
        )
    return FeatureTable(rows, receipt.key)


def _ascending(hashes: pa.Array) -> bool:
    values = hashes.to_numpy(zero_copy_only=True)
    return bool((values[1:] >= values[:-1]).all())


def _schema(rows: pa.RecordBatch) -> dict[str, str]:
    return {field.name: str(field.type) for field in rows.schema}


def _text(key: Key) -> bytes:
    return "\x1f".join(key).encode()


def _keys(table: pa.Table, artifact: Artifact) -> Iterator[list[Key]]:
    # Batch by batch: ten million pairs as Python strings would take 2 GB.
    for batch in table.select(list(artifact.key)).to_batches(_BATCH_ROWS):
        columns = (column.to_pylist() for column in batch.columns)
        yield list(zip(*columns, strict=True))


def _nullable(table: pa.Table) -> pa.Table:
    """The same rows with a schema that allows nulls everywhere.

    Spark knows of a view which columns have none, of a table it does not; and a key that
    is not found is all nulls.
    """
    fields = []
    for field in table.schema:
        kind = field.type
        fields.append((field.name, pa.list_(kind.value_type) if _is_list(kind) else kind))
    return table.cast(pa.schema(fields))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind))


def _differing_rows(built: FeatureTable, table: pa.Table, artifact: Artifact) -> int:
    differing, start = 0, 0
    for keys in _keys(table, artifact):
        rows = table.slice(start, len(keys))
        found = built.take(built.positions(keys), table.column_names)
        if not found.equals(_nullable(rows)):
            pairs = zip(found.to_pylist(), rows.to_pylist(), strict=True)
            differing += sum(one != other for one, other in pairs)
        start += len(keys)
    return differing
