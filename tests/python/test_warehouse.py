"""Reading over Spark Connect: typed rows in, readable errors out."""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.warehouse import Warehouse

pytestmark = pytest.mark.warehouse


@pytest.fixture(scope="module")
def warehouse(server_home: Home) -> Iterator[Warehouse]:
    with Warehouse(server_home) as warehouse:
        warehouse.query("create schema if not exists reading")
        warehouse.query(
            "create or replace view reading.rows as select * from values "
            "(1L, 'c', timestamp '2024-02-29 23:30:00'), (2L, 'b', null), (3L, 'a', null)"
            " as t (id, `a.b`, heard_at)"
        )
        yield warehouse


def test_reads_types_columns_order_condition_and_limit(warehouse: Warehouse) -> None:
    whole = warehouse.read("reading.rows", order_by=["id"])
    assert whole.schema.field("id").type == pa.int64()
    assert whole.schema.field("heard_at").type == pa.timestamp("us", "UTC")
    assert whole["heard_at"][0].as_py() == datetime(2024, 2, 29, 23, 30, tzinfo=UTC)
    some = warehouse.read(
        "`reading`.`rows`",
        columns=["a.b"],
        where="id < 3",
        order_by=["id desc"],
        limit=1,
    )
    assert some.to_pylist() == [{"a.b": "b"}]


def test_query_returns_rows_in_utc(warehouse: Warehouse) -> None:
    assert warehouse.query("select current_timezone() as zone").to_pylist() == [
        {"zone": "UTC"}
    ]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            {"relation": "reading.nothing"},
            "`reading`.`nothing` cannot be found",
            "run batch",
        ),
        ({"relation": "no.nothing"}, "`no`.`nothing` cannot be found", "run batch"),
        ({"columns": ["nope"]}, "`nope` cannot be resolved", "Correct"),
        ({"order_by": ["nope desc"]}, "`nope` cannot be resolved", "Correct"),
        ({"where": "id ="}, "Syntax error at or near end", "Correct"),
        ({"where": "id = 1; drop view x"}, "Syntax error at or near ';'", "Correct"),
        ({"where": "cast(`a.b` as int) = 1"}, "cannot be cast to", "Correct"),
    ],
)
def test_spark_says_what_is_wrong_without_java(
    warehouse: Warehouse,
    arguments: dict[str, object],
    message: str,
    hint: str,
) -> None:
    with pytest.raises(EncoreError) as caught:
        warehouse.read(**{"relation": "reading.rows", **arguments})  # type: ignore[arg-type]
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "org.apache" not in caught.value.message
    assert len(caught.value.message.splitlines()) < 8


def test_a_failed_query_writes_nothing_to_the_terminal(server_home: Home) -> None:
    script = (
        "from python_hooks.errors import EncoreError\n"
        "from python_hooks.home import Home\n"
        "from python_hooks.warehouse import Warehouse\n"
        "with Warehouse(Home.from_environment()) as warehouse:\n"
        "    try: warehouse.query('select nope')\n"
        "    except EncoreError: print('raised')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **server_home.environment()},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("raised\n", "")


def test_no_server_is_told_at_once(home: Home) -> None:
    before = time.monotonic()
    with pytest.raises(EncoreError, match="not running") as caught:
        Warehouse(home)
    assert time.monotonic() - before < 1
    assert "encore server start" in caught.value.hint


def test_a_missing_and_a_wrong_token_are_told(server_home: Home, tmp_path: Path) -> None:
    stranger = dataclasses.replace(server_home, root=tmp_path)
    with pytest.raises(EncoreError, match="no token"):
        Warehouse(stranger)
    stranger.run.mkdir()
    (stranger.run / "connect.token").write_text("guessed")
    with pytest.raises(EncoreError, match="does not accept the token"):
        Warehouse(stranger)
