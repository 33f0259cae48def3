"""Tensors from worker processes: every row once, and a state that is exact."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from python_hooks.errors import EncoreError
from python_hooks.loader import Loader

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

ROWS = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tensors")
    rows = np.arange(ROWS)
    table = pa.table(
        {
            "row": rows,
            "half": (rows / 2).astype(np.float32),
            "at": rows.astype("datetime64[us]"),
            "name": rows.astype(str),
        }
    )
    pq.write_table(table, folder / "rows.parquet", row_group_size=70)
    return folder


def loader(folder: Path, **options: Any) -> Loader:
    given: dict[str, Any] = {"batch_size": 64, "seed": 3, "shuffle_window": 150}
    return Loader(folder, ["row", "half", "at"], **given | options)


def rows_of(batches: Any) -> list[int]:
    return [row for batch in batches for row in batch["row"].tolist()]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_processes_read_every_row_once_per_epoch(folder: Path, workers: int) -> None:
    tensors = loader(folder).torch(workers)
    first, second = rows_of(tensors), rows_of(tensors)
    assert sorted(first) == sorted(second) == list(range(ROWS))
    assert first != second
    assert tensors.loader.epoch == 2


def test_one_process_reads_what_the_loader_does(folder: Path) -> None:
    assert rows_of(loader(folder).torch()) == rows_of(loader(folder))


def test_tensors_have_the_types_of_the_schema(folder: Path) -> None:
    batch = next(iter(loader(folder).torch()))
    assert batch["row"].dtype == torch.int64
    assert batch["half"].dtype == torch.float32
    # Moments are microseconds.
    assert batch["at"].tolist() == batch["row"].tolist()


@pytest.mark.parametrize(("before", "after"), [(2, 0), (0, 3), (3, 2)])
def test_the_state_counts_what_was_yielded(folder: Path, before: int, after: int) -> None:
    """Workers read ahead; what they had not handed over comes again, and nothing else."""
    stopped = loader(folder).torch(before)
    seen: list[int] = []
    for number, batch in enumerate(stopped):
        seen += batch["row"].tolist()
        if number == 4:
            break
    again = loader(folder, batch_size=50).torch(after)
    again.load_state_dict(stopped.state_dict())
    assert again.loader.remaining_rows == ROWS - len(seen)
    assert sorted(seen + rows_of(again)) == list(range(ROWS))


def test_ranks_and_processes_share_an_epoch(folder: Path) -> None:
    parts = [
        rows_of(loader(folder, worker=rank, workers=2, drop_last=True).torch(2))
        for rank in range(2)
    ]
    seen = [row for part in parts for row in part]
    # Four readers of 250 rows: three whole batches each.
    assert len(seen) == len(set(seen)) == 4 * 3 * 64


def test_a_data_loader_of_ones_own(folder: Path) -> None:
    from python_hooks.loader_torch import TorchDataset  # noqa: PLC0415

    data = torch.utils.data.DataLoader(
        TorchDataset(loader(folder)), batch_size=None, num_workers=2
    )
    assert sorted(rows_of(data)) == list(range(ROWS))


def test_text_is_no_tensor(folder: Path) -> None:
    with pytest.raises(EncoreError, match="no tensors of text: name") as error:
        Loader(folder).torch()
    assert "vocabularies={'name': ids}" in error.value.hint
