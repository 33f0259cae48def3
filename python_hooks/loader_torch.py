"""Batches as PyTorch tensors, read by worker processes if wanted."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from python_hooks.errors import EncoreError
from python_hooks.loader_columns import Arrays
from python_hooks.loader_order import Intervals

if TYPE_CHECKING:
    from python_hooks.loader import Loader

Tensors = dict[str, torch.Tensor]


class TorchLoader:
    """Iterates over a loader's epoch in batches of tensors.

    Moments become whole numbers in their unit (int64). With worker processes each has a
    last batch of its own that may be shorter. The loader's state counts what was yielded
    here, not what workers have read ahead: it is exact with any number of them.

    Args:
        loader: The loader; this goes on where it is, and moves it.
        num_workers: Processes that read; 0 reads in this one.
        **options: As for `torch.utils.data.DataLoader`, such as `pin_memory`,
            `prefetch_factor`, `multiprocessing_context`.

    Raises:
        EncoreError: A column is text.
    """

    def __init__(self, loader: "Loader", num_workers: int = 0, **options: Any) -> None:
        self.loader, self._workers, self._options = loader, num_workers, options
        _require_numbers(loader)

    def __iter__(self) -> Iterator[Tensors]:
        """Goes on with the epoch; after its last batch the next one is due."""
        reader = DataLoader(
            _Placed(self.loader),
            batch_size=None,
            collate_fn=_unchanged,
            num_workers=self._workers,
            **self._options,
        )
        for taken, batch in reader:
            self.loader.deliver(taken)
            yield batch
        self.loader.set_epoch(self.loader.epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        """The loader's state."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Any) -> None:
        """Goes where another loader was; see `Loader.load_state_dict`."""
        self.loader.load_state_dict(state)


class TorchDataset(IterableDataset):
    """A loader's epoch for a `DataLoader` of one's own: `DataLoader(it, batch_size=None)`.

    Worker processes share what the loader has to come. It stays where it is: it cannot
    see what they have yielded, so call `set_epoch`, or use `TorchLoader`.

    Args:
        loader: The loader.

    Raises:
        EncoreError: A column is text.
    """

    def __init__(self, loader: "Loader") -> None:
        _require_numbers(loader)
        self._placed = _Placed(loader)

    def __iter__(self) -> Iterator[Tensors]:
        """This process's part of the epoch."""
        for _, batch in self._placed:
            yield batch


class _Placed(IterableDataset):
    """A worker process's part of the epoch, each batch with its places."""

    def __init__(self, loader: "Loader") -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[tuple[Intervals, Tensors]]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        # Processes share the cores already.
        self.loader.use_threads = info is None
        for taken, batch in self.loader.placed_batches(worker, workers):
            yield taken, _tensors(batch)


def _tensors(batch: Arrays) -> Tensors:
    return {
        name: torch.from_numpy(array.view("int64") if array.dtype.kind == "M" else array)
        for name, array in batch.items()
    }


def _unchanged(batch: Any) -> Any:
    return batch


def _require_numbers(loader: "Loader") -> None:
    texts = [name for name, dtype in loader.dtypes.items() if dtype.kind == "O"]
    if texts:
        raise EncoreError(
            f"PyTorch has no tensors of text: {', '.join(texts)}.",
            f"Leave it out of `columns`, or number it: vocabularies={{{texts[0]!r}: ids}}.",
        )
