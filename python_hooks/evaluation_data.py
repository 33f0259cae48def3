"""A listening history as arrays: what every evaluation reads, whatever it came from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from python_hooks.errors import EncoreError

Codes = NDArray[np.int32]
Moments = NDArray[np.int64]
COLUMNS = ("listener_id", "track_id", "listened_at")
DAY = 86_400_000_000  # microseconds
MINUTE = 60_000_000
NOBODY = -1


@dataclass(frozen=True)
class History:
    """Listens in the order of (moment, listener, track); ids are replaced by codes.

    Codes are places in the sorted ids, so that a tie between codes is a tie by id.

    Attributes:
        name: What the data are called in reports.
        listeners: Ids of all listeners, ascending.
        tracks: Ids of all tracks, ascending.
        listener: Code of the listener per listen: (n,).
        track: Code of the track per listen: (n,).
        at: Moment per listen, microseconds since 1970 UTC: (n,).
    """

    name: str
    listeners: tuple[str, ...]
    tracks: tuple[str, ...]
    listener: Codes
    track: Codes
    at: Moments

    @staticmethod
    def of(table: pa.Table, name: str) -> "History":
        """Takes the columns `listener_id`, `track_id` and `listened_at` of a table.

        Args:
            table: Ids of any type, moments as a time stamp or as whole microseconds;
                rows in any order, rows with a null are left out.
            name: What to call the data.

        Raises:
            EncoreError: There is no row.
        """
        table = table.select(list(COLUMNS)).drop_null()
        if not table.num_rows:
            raise EncoreError(f"{name} holds no listens.", "Land some with `encore land`.")
        listeners, listener = coded(table["listener_id"])
        tracks, track = coded(table["track_id"])
        moments = table["listened_at"]
        if pa.types.is_timestamp(moments.type):
            moments = pc.cast(moments, pa.timestamp("us", moments.type.tz))
        at = np.asarray(pc.cast(moments, pa.int64()).combine_chunks(), np.int64)
        order = np.lexsort((track, listener, at))
        return History(name, listeners, tracks, listener[order], track[order], at[order])

    @property
    def span(self) -> tuple[int, int]:
        """First and last moment."""
        return int(self.at[0]), int(self.at[-1])


def coded(ids: pa.ChunkedArray) -> tuple[tuple[str, ...], Codes]:
    """Distinct ids as text, ascending, and the place of each row's id in them: (n,)."""
    texts = pc.cast(ids, pa.string()).combine_chunks()
    names = pc.unique(texts)
    names = names.take(pc.array_sort_indices(names))
    codes = pc.index_in(texts, value_set=names)
    return tuple(names.to_pylist()), np.asarray(codes, np.int32)


def places(ids: pa.ChunkedArray, names: Sequence[str]) -> NDArray[np.int64]:
    """Place of each id among names, `NOBODY` for those that are not there: (n,)."""
    found = pc.index_in(ids, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, NOBODY), np.int64)
