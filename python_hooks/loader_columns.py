"""Columns as NumPy arrays whose types depend on the schema alone.

Arrow gives a column with nulls another NumPy type than one without, so the type of a
batch would depend on which rows are in it. Here each column has one type: floats and
moments write a null as NaN and NaT, text as None; for whole numbers and booleans a value
has to be named.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from python_hooks.errors import EncoreError
from python_hooks.loader_files import Files

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Order = npt.NDArray[np.int64]


class Columns:
    """How the columns of some files become arrays.

    Args:
        files: The files.
        fill_nulls: Column to the value that stands for null.
        vocabularies: Text column to its known values; the column then holds their
            places (int64), -1 for null and for what is not among them.

    Raises:
        EncoreError: A column has no such type, a value does not fit, or nulls of whole
            numbers have none; such columns can be read as Arrow.
    """

    def __init__(
        self,
        files: Files,
        fill_nulls: Mapping[str, Any],
        vocabularies: Mapping[str, Sequence[str]],
    ) -> None:
        self.schema = files.schema
        for option, names in (("fill_nulls", fill_nulls), ("vocabularies", vocabularies)):
            if unknown := [name for name in names if name not in self.schema.names]:
                raise EncoreError(
                    f"{option} names {', '.join(unknown)}; the columns are "
                    f"{', '.join(self.schema.names)}."
                )
        self._fills = {
            name: _scalar(name, value, self.schema.field(name).type)
            for name, value in fill_nulls.items()
        }
        self._vocabularies = {
            name: _vocabulary(name, values, self.schema.field(name).type)
            for name, values in vocabularies.items()
        }
        self.dtypes = {field.name: self._dtype(field) for field in self.schema}
        needing = [
            f"{name} ({files.nulls[name]} nulls)"
            for name in self.schema.names
            if self._needs_fill(name) and files.nulls[name]
        ]
        if needing:
            raise _without_fill(needing)

    def arrays(self, table: pa.Table, order: Order | None) -> Arrays:
        """The columns of a table in an order of its rows: new arrays, one per column."""
        return {
            name: self._array(name, column, order)
            for name, column in zip(table.column_names, table.columns, strict=True)
        }

    def _array(self, name: str, column: pa.ChunkedArray, order: Order | None) -> Array:
        if name in self._vocabularies:
            places = pc.index_in(column, value_set=self._vocabularies[name])
            column = pc.fill_null(pc.cast(places, pa.int64()), -1)
        elif name in self._fills:
            column = pc.fill_null(column, self._fills[name])
        elif self._needs_fill(name) and column.null_count:
            raise _without_fill([f"{name} ({column.null_count} nulls)"])
        array = column.to_numpy()
        # Indexing makes a new array; so does a copy, as Arrow's memory is read-only.
        array = array[order] if order is not None else array.copy()
        found: Array = array.astype(self.dtypes[name], copy=False)
        return found

    def _needs_fill(self, name: str) -> bool:
        return (
            self.dtypes[name].kind in "biu"
            and name not in self._fills
            and name not in self._vocabularies
        )

    def _dtype(self, field: pa.Field) -> np.dtype[Any]:
        kind = field.type
        if field.name in self._vocabularies:
            return np.dtype(np.int64)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return np.dtype(object)
        if pa.types.is_timestamp(kind):
            return np.dtype(f"datetime64[{kind.unit}]")
        if pa.types.is_date32(kind):
            return np.dtype("datetime64[D]")
        if (
            pa.types.is_integer(kind)
            or pa.types.is_floating(kind)
            or pa.types.is_boolean(kind)
        ):
            found: np.dtype[Any] = np.dtype(kind.to_pandas_dtype())
            return found
        raise EncoreError(
            f"Column {field.name} is {kind}, which is no NumPy type.",
            "Leave it out of `columns`, or iterate over `arrow()`.",
        )


def _scalar(name: str, value: Any, kind: pa.DataType) -> pa.Scalar:
    try:
        return pa.scalar(value, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise EncoreError(
            f"fill_nulls[{name!r}] is {value!r}, which is no {kind}: {error}."
        ) from None


def _vocabulary(name: str, values: Sequence[str], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError) as error:
        raise EncoreError(
            f"vocabularies[{name!r}] holds values that are no {kind}: {error}."
        ) from None


def _without_fill(columns: Sequence[str]) -> EncoreError:
    example = columns[0].split()[0]
    return EncoreError(
        f"Whole numbers and booleans have no null in NumPy: {', '.join(columns)}.",
        f"Say what stands for it: fill_nulls={{{example!r}: -1}}; or iterate over `arrow()`.",
    )
