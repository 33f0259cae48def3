"""Every row once per epoch, whoever reads it and wherever a reader stops."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from python_hooks.errors import EncoreError
from python_hooks.loader import Loader

# Row groups per file, of many sizes and some empty.
LAYOUTS = ([[7, 5, 1], [0, 3], [64]], [[1], [1], [1]], [[200]], [[0], [0]])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, int]]:
    """A folder per layout, with the number of its rows; column `row` is 0, 1, …"""
    return [write(tmp_path_factory.mktemp("layout"), layout) for layout in LAYOUTS]


def write(folder: Path, layout: list[list[int]]) -> tuple[Path, int]:
    row = 0
    schema = pa.schema([("row", pa.int64()), ("half", pa.float32())])
    for number, sizes in enumerate(layout):
        with pq.ParquetWriter(folder / f"part-{number}.parquet", schema) as writer:
            for size in sizes:
                rows = np.arange(row, row + size)
                halves = (rows / 2).astype(np.float32)
                writer.write_table(pa.table({"row": rows, "half": halves}, schema))
                row += size
    return folder, row


def rows_of(batches: Any) -> list[int]:
    return [row for batch in batches for row in batch["row"].tolist()]


orders = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 90),
        "seed": st.integers(0, 2**40),
        "shuffle_window": st.integers(0, 120),
    }
)
several = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@several
@given(layout=st.integers(0, 3), order=orders, workers=st.integers(1, 9))
def test_workers_read_every_row_once(
    folders: list[tuple[Path, int]], layout: int, order: dict[str, Any], workers: int
) -> None:
    folder, total = folders[layout]
    parts = [
        rows_of(Loader(folder, worker=worker, workers=workers, **order))
        for worker in range(workers)
    ]
    assert sorted(row for part in parts for row in part) == list(range(total))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@several
@given(
    layout=st.integers(0, 3),
    order=orders,
    workers=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    stops=st.data(),
)
def test_a_stopped_epoch_goes_on_with_exactly_the_rest(
    folders: list[tuple[Path, int]],
    layout: int,
    order: dict[str, Any],
    workers: list[int],
    stops: Any,
) -> None:
    """Stopped and resumed with another number of workers each time, and other batches."""
    folder, total = folders[layout]
    seen: list[int] = []
    states: list[dict[str, Any]] = []
    for number in workers:
        loaders = [Loader(folder, worker=w, workers=number, **order) for w in range(number)]
        for loader in loaders:
            if states:
                loader.load_state_dict(states)
            for _ in range(stops.draw(st.integers(0, 3))):
                if batch := next(iter(loader), None):
                    seen += batch["row"].tolist()
                    assert loader.epoch == 0
                else:
                    # That was the end of the epoch; go back to it.
                    loader.set_epoch(0)
                    loader.deliver(loader.remaining)
        states = json.loads(json.dumps([loader.state_dict() for loader in loaders]))
    last = Loader(folder, **order | {"batch_size": 11})
    last.load_state_dict(states)
    assert len(seen) + last.remaining_rows == total
    seen += rows_of(last)
    assert sorted(seen) == list(range(total))
    assert last.epoch == 1
    assert sorted(rows_of(last)) == list(range(total))


@several
@given(layout=st.integers(0, 3), order=orders, batches=st.integers(0, 8))
def test_a_resumed_reader_yields_the_same_rows_in_the_same_order(
    folders: list[tuple[Path, int]], layout: int, order: dict[str, Any], batches: int
) -> None:
    folder, _ = folders[layout]
    whole = rows_of(Loader(folder, **order))
    loader, read = Loader(folder, **order), []
    for _, batch in zip(range(batches), loader, strict=False):
        read += batch["row"].tolist()
    again = Loader(folder, **order)
    again.load_state_dict(loader.state_dict())
    assert read + (rows_of(again) if again.epoch == 0 else []) == whole


def test_the_order_depends_on_seed_and_epoch_alone(folders: list[tuple[Path, int]]) -> None:
    folder, total = folders[0]
    one = Loader(folder, seed=5)
    first, second = rows_of(one), rows_of(one)
    assert first != second
    assert rows_of(Loader(folder, seed=5, batch_size=3)) == first
    assert rows_of(Loader(folder, seed=6)) != first
    one.set_epoch(1)
    assert rows_of(one) == second
    assert rows_of(Loader(folder, shuffle_window=0)) == list(range(total))


def test_the_order_is_that_of_earlier_versions(folders: list[tuple[Path, int]]) -> None:
    """A checkpoint outlives an upgrade of NumPy or of this module."""
    found = rows_of(Loader(folders[0][0], seed=1, shuffle_window=16))
    assert found[:8] == [28, 21, 22, 23, 31, 24, 17, 20]


def test_a_window_mixes_its_row_groups(tmp_path: Path) -> None:
    folder, total = write(tmp_path, [[100] * 40])
    found = rows_of(Loader(folder, shuffle_window=1000, batch_size=100))
    first = {row // 100 for row in found[:100]}
    assert len(first) > 5
    # No more than two windows of rows are ever together.
    assert len({row // 100 for row in found[:1000]}) <= 10
    assert sorted(found) == list(range(total))


def test_the_last_batch_is_kept_or_dropped(folders: list[tuple[Path, int]]) -> None:
    folder, total = folders[0]
    assert total == 80
    kept, dropped = (
        Loader(folder, batch_size=30),
        Loader(folder, batch_size=30, drop_last=True),
    )
    assert (len(kept), len(dropped)) == (3, 2)
    assert [len(batch["row"]) for batch in kept] == [30, 30, 20]
    assert [len(batch["row"]) for batch in dropped] == [30, 30]
    # The next epoch is whole again.
    assert (dropped.epoch, dropped.remaining_rows) == (1, 80)


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    """Nulls in the second file only."""
    schema = pa.schema(
        [
            ("whole", pa.int64()),
            ("small", pa.int32()),
            ("yes", pa.bool_()),
            ("real", pa.float64()),
            ("name", pa.string()),
            ("at", pa.timestamp("us", tz="UTC")),
            ("day", pa.date32()),
            ("many", pa.list_(pa.float32())),
        ]
    )
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    full = [[1, 2], [3, 4], [True, False], [0.5, 1.5], ["a", "b"]]
    full += [[moment, moment], [date(2026, 1, 2)] * 2, [[1.0], [2.0]]]
    empty = [[None, None]] * len(full)
    for name, columns in (("a", full), ("b", empty)):
        table = pa.table(
            [
                pa.array(cells, field.type)
                for cells, field in zip(columns, schema, strict=True)
            ],
            schema,
        )
        pq.write_table(table, tmp_path / f"{name}.parquet")
    return tmp_path


def test_types_do_not_depend_on_the_rows(typed: Path) -> None:
    columns = ["real", "name", "at", "day", "whole", "small", "yes"]
    loader = Loader(
        typed,
        columns,
        batch_size=1,
        shuffle_window=0,
        fill_nulls={"whole": -1, "small": 0, "yes": False},
    )
    expected = {
        "real": "float64",
        "name": "object",
        "at": "datetime64[us]",
        "day": "datetime64[D]",
        "whole": "int64",
        "small": "int32",
        "yes": "bool",
    }
    batches = list(loader)
    for batch in batches:
        assert {name: str(array.dtype) for name, array in batch.items()} == expected
        assert list(batch) == columns
        assert all(array.flags.writeable for array in batch.values())
    first, last = batches[0], batches[-1]
    assert first["at"][0] == np.datetime64("2026-01-02T03:04:05")
    assert (first["whole"][0], last["whole"][0]) == (1, -1)
    assert np.isnan(last["real"][0])
    assert np.isnat(last["at"][0])
    assert last["name"][0] is None


def test_text_becomes_places_in_a_vocabulary(typed: Path) -> None:
    loader = Loader(typed, ["name"], shuffle_window=0, vocabularies={"name": ["b", "c"]})
    (batch,) = loader
    assert batch["name"].tolist() == [-1, 0, -1, -1]
    assert batch["name"].dtype == np.int64


def test_arrow_keeps_nulls_and_any_type(typed: Path) -> None:
    loader = Loader(typed, batch_size=3, shuffle_window=0)
    first, second = loader.arrow()
    assert first.schema == second.schema == loader.schema
    assert first["many"].to_pylist() == [[1.0], [2.0], None]
    assert second["whole"].to_pylist() == [None]


def nothing(folder: Path) -> None:
    Loader(folder / "none.parquet")


def no_files(folder: Path) -> None:
    (folder / "empty").mkdir()
    Loader(folder / "empty")


def no_parquet(folder: Path) -> None:
    (folder / "c.parquet").write_text("id\n1\n")
    Loader(folder)


def unknown_column(folder: Path) -> None:
    Loader(folder, ["name", "nme"])


def nulls_of_whole_numbers(folder: Path) -> None:
    next(iter(Loader(folder, ["whole", "yes"], fill_nulls={"yes": True})))


def no_such_value(folder: Path) -> None:
    next(iter(Loader(folder, ["small"], fill_nulls={"small": 2**40})))


def nested(folder: Path) -> None:
    next(iter(Loader(folder, ["many"])))


def no_such_worker(folder: Path) -> None:
    Loader(folder, worker=2, workers=2)


def no_batch(folder: Path) -> None:
    Loader(folder, batch_size=0)


def other_type(folder: Path) -> None:
    pq.write_table(pa.table({"whole": pa.array([1], pa.int32())}), folder / "c.parquet")
    Loader(folder)


def gone(folder: Path) -> None:
    loader = Loader(folder, ["real"])
    (folder / "a.parquet").unlink()
    list(loader)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (nothing, ["none.parquet"]),
        (no_files, ["no Parquet file"]),
        (no_parquet, ["c.parquet", "no Parquet"]),
        (unknown_column, ["no column nme", "whole, small"]),
        (nulls_of_whole_numbers, ["whole (2 nulls)"]),
        (no_such_value, ["fill_nulls['small']", "int32"]),
        (nested, ["many", "list<"]),
        (no_such_worker, ["worker is 2", "0-1"]),
        (no_batch, ["batch_size is 0"]),
        (other_type, ["whole int64, small int32", "c.parquet has (whole int32)"]),
        (gone, ["a.parquet cannot be read any more"]),
    ],
)
def test_mistakes_are_named(
    typed: Path, mistake: Callable[[Path], None], said: list[str]
) -> None:
    with pytest.raises(EncoreError) as error:
        mistake(typed)
    assert all(text in error.value.message for text in said), error.value.message


def states(folder: Path, workers: int, **order: Any) -> Iterator[dict[str, Any]]:
    for worker in range(workers):
        yield Loader(folder, worker=worker, workers=workers, **order).state_dict()


def test_states_that_do_not_fit_are_refused(folders: list[tuple[Path, int]]) -> None:
    folder, other = folders[0][0], folders[2][0]
    loader = Loader(folder, seed=1)
    one, two = states(folder, 2, seed=1)
    later = Loader(folder, seed=1, worker=1, workers=2)
    later.set_epoch(3)
    for given_states, said in (
        (list(states(folder, 1, seed=2)), "seed 2, the loader has 1"),
        (list(states(other, 1, seed=1)), "files"),
        ([one], "workers 0 of 2"),
        ([one, one], "workers 0, 0 of 2"),
        ([one, later.state_dict()], "epochs 0, 3"),
        ([one, two | {"remaining": [[10, 80]]}], "rows 10 to 40"),
        ([], "no state"),
    ):
        with pytest.raises(EncoreError, match=said):
            loader.load_state_dict(given_states)
    # As many workers as before: each needs its own alone.
    Loader(folder, seed=1, worker=1, workers=2).load_state_dict(two)


def test_a_copy_of_the_files_is_the_same(
    folders: list[tuple[Path, int]], tmp_path: Path
) -> None:
    for path in folders[0][0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary" / "x.parquet").write_text("unfinished")
    assert Loader(tmp_path).files.fingerprint == Loader(folders[0][0]).files.fingerprint


def test_without_torch_there_are_no_tensors(
    folders: list[tuple[Path, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "python_hooks.loader_torch", raising=False)
    # Where another test has imported it, the package holds it too.
    monkeypatch.delattr("python_hooks.loader_torch", raising=False)
    with pytest.raises(EncoreError, match="PyTorch is not installed"):
        Loader(folders[0][0]).torch()
