"""Batches of rows from Parquet files, for training.

    from python_hooks.loader import Loader

    loader = Loader.from_mart("training_examples", ["label", "track_listen_count"])
    for batch in loader:            # one epoch; the next `for` is the next one
        batch["label"]              # NumPy, int32, shape (batch_size,)

A loader is a place in an epoch: iterating goes on from it, `state_dict` tells it. The
order of the rows is shuffled as in "row groups, then a window" (see `loader_order`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from python_hooks import loader_blocks, loader_files, loader_order, loader_state
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.loader_blocks import Kind, Rows
from python_hooks.loader_columns import Arrays, Columns
from python_hooks.loader_files import Paths
from python_hooks.loader_order import Epoch, Interval, Intervals

if TYPE_CHECKING:
    from python_hooks.loader_torch import TorchLoader

SHUFFLE_WINDOW = 65_536


class Loader:
    """Iterates over the rows of Parquet files in batches of NumPy arrays.

    Iterating yields a dict from column name to an array (rows,), `batch_size` rows each;
    the last batch of an epoch may be shorter. An array's type depends on the schema
    alone (see `loader_columns`). Memory holds two blocks: windows, or row groups if these
    are larger.

    Args:
        paths: Parquet files, and folders whose `*.parquet` files are meant.
        columns: Columns in the wanted order; all if None.
        batch_size: Rows of a batch.
        seed: What the order of the rows comes from, with the number of the epoch.
        shuffle_window: How many rows at least are shuffled together; 0 reads the files
            in their order.
        worker: The number of this reader among the workers, from 0.
        workers: How many readers share each epoch.
        drop_last: Whether to leave out a last batch that is shorter.
        fill_nulls: Column to the value that stands for null; whole numbers and booleans
            with nulls need one.
        vocabularies: Text column to its values; the column becomes places in them
            (int64), -1 for others.

    Raises:
        EncoreError: Files, columns or numbers are not such; the schemas of two files
            differ (both are named).
    """

    # The settings of a loader have names, and most of them are left alone.
    def __init__(  # noqa: PLR0913
        self,
        paths: Paths,
        columns: Sequence[str] | None = None,
        *,
        batch_size: int = 4096,
        seed: int = 0,
        shuffle_window: int = SHUFFLE_WINDOW,
        worker: int = 0,
        workers: int = 1,
        drop_last: bool = False,
        fill_nulls: Mapping[str, Any] | None = None,
        vocabularies: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        _require("batch_size", batch_size, 1)
        _require("seed", seed, 0)
        _require("shuffle_window", shuffle_window, 0)
        _require("workers", workers, 1)
        if not 0 <= worker < workers:
            raise EncoreError(
                f"worker is {worker}; of {workers} workers it is 0-{workers - 1}."
            )
        self.files = loader_files.look(paths, columns)
        self.batch_size, self.drop_last = batch_size, drop_last
        self.seed, self.shuffle_window = seed, shuffle_window
        self.worker, self.workers = worker, workers
        self._options = (fill_nulls or {}, vocabularies or {})
        self._known_columns: Columns | None = None
        self.use_threads = True
        self.set_epoch(0)

    @classmethod
    def from_mart(
        cls,
        model: str,
        columns: Sequence[str] | None = None,
        home: Home | None = None,
        **options: Any,
    ) -> "Loader":
        """A loader of a mart's files, as they are published at this moment.

        They stay until `keep_minutes` after another build has taken their place; what
        trains for longer reads a copy (`encore export MODEL FOLDER`).

        Args:
            model: Name of the mart, such as `training_examples`.
            columns: As for the loader.
            home: The installation; that of the environment if None.
            **options: As for the loader.

        Raises:
            EncoreError: The server is down, or the mart is a view (after a speed run).
            NegativeAnswerError: There is no such mart.
        """
        # Only who asks the warehouse pays for importing Spark.
        from python_hooks import mart_files  # noqa: PLC0415

        found = mart_files.find(model, home or Home.from_environment())
        return cls(found.folder, columns, **options)

    @property
    def schema(self) -> pa.Schema:
        """Names and Arrow types of the columns."""
        return self.files.schema

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """Names and NumPy types of the columns."""
        return self._columns.dtypes

    @property
    def remaining_rows(self) -> int:
        """Rows of this worker's part that are still to come in this epoch."""
        return loader_order.size(self.remaining)

    def __len__(self) -> int:
        """Batches that are still to come in this epoch."""
        whole, rest = divmod(self.remaining_rows, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def set_epoch(self, number: int) -> None:
        """Goes to the beginning of an epoch, from 0."""
        _require("epoch", number, 0)
        self.epoch = number
        self._line = Epoch(self.files.groups, self.seed, self.shuffle_window, number)
        everything: Intervals = ((0, self._line.rows),)
        self.remaining = loader_order.share(everything, self.worker, self.workers)

    def __iter__(self) -> Iterator[Arrays]:
        """Goes on with the epoch; after its last batch the next one is due."""
        for taken, batch in self.placed_batches():
            self.deliver(taken)
            yield batch
        self.set_epoch(self.epoch + 1)

    def arrow(self) -> Iterator[pa.Table]:
        """Like iterating, with Arrow tables: of any type, and with nulls."""
        for taken, table in self._batches(loader_blocks.arrow(), self.remaining):
            self.deliver(taken)
            yield table
        self.set_epoch(self.epoch + 1)

    def placed_batches(
        self, worker: int = 0, workers: int = 1
    ) -> Iterator[tuple[Intervals, Arrays]]:
        """A part of what is to come, with the places of each batch's rows in the epoch.

        The loader stays where it is until told by `deliver`.
        """
        part = loader_order.share(self.remaining, worker, workers)
        return self._batches(loader_blocks.numpy(self._columns), part)

    def deliver(self, taken: Intervals) -> None:
        """Counts rows as read."""
        self.remaining = loader_order.without(self.remaining, taken)

    def torch(self, num_workers: int = 0, **options: Any) -> "TorchLoader":
        """This loader's batches as tensors, read by `num_workers` processes.

        Raises:
            EncoreError: PyTorch is not installed, or a column is text.
        """
        try:
            from python_hooks import loader_torch  # noqa: PLC0415
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise EncoreError(
                "PyTorch is not installed.", "Run `.venv/bin/pip install -e '.[torch]'`."
            ) from None
        return loader_torch.TorchLoader(self, num_workers, **options)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader is, as values that JSON can hold."""
        return loader_state.save(self)

    def load_state_dict(self, state: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Goes where another loader was: exactly the rows it had not yielded will come.

        Args:
            state: The state of this worker; or those of all workers, however many they
                were: what they had left is shared anew.

        Raises:
            EncoreError: A state is of other files, of another order, or one is missing.
        """
        epoch, remaining = loader_state.load(self, state)
        self.set_epoch(epoch)
        self.remaining = remaining

    @property
    def _columns(self) -> Columns:
        # Made when needed: Arrow needs no NumPy types.
        if self._known_columns is None:
            self._known_columns = Columns(self.files, *self._options)
        return self._known_columns

    def _batches(
        self, kind: Kind[Rows], intervals: Intervals
    ) -> Iterator[tuple[Intervals, Rows]]:
        parts: list[Rows] = []
        held: list[Interval] = []
        for start, rows, first, last in self._pieces(kind, intervals):
            at = first
            while at < last:
                end = min(last, at + self.batch_size - loader_order.size(held))
                parts.append(kind.part(rows, at, end))
                held.append((start + at, start + end))
                at = end
                if loader_order.size(held) == self.batch_size:
                    yield loader_order.merged(held), kind.joined(parts)
                    parts, held = [], []
        if parts and not self.drop_last:
            yield loader_order.merged(held), kind.joined(parts)

    def _pieces(
        self, kind: Kind[Rows], intervals: Intervals
    ) -> Iterator[tuple[int, Rows, int, int]]:
        """Blocks as rows: the block's place in the epoch, its rows, and which are meant."""
        line = self._line

        def read(block: int) -> Rows:
            table = self.files.read(line.blocks[block], self.use_threads)
            return kind.rows(table, line.permutation(block))

        pieces = list(line.pieces(intervals))
        blocks = loader_blocks.one_ahead(read, [block for block, _, _ in pieces])
        for (block, first, last), rows in zip(pieces, blocks, strict=True):
            yield line.start(block), rows, first, last


def _require(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise EncoreError(f"{name} is {value!r}; it is a whole number from {least} on.")
