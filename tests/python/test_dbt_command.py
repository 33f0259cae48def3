"""dbt as a child: what it needs, what it prints, how it is interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from python_hooks import dbt_command, server
from python_hooks.dbt_command import (
    needs_server,
    run_dbt,
    run_dbt_with_events,
    subcommand,
)
from python_hooks.dbt_events import NodeEvent, without_java
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.lock import build_lock
from python_hooks.warehouse import Warehouse
from tests.python.installation import kill


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dbt project: a fine model with a test, a broken one, one after it."""
    project = tmp_path_factory.mktemp("project")
    (project / "models").mkdir()
    files = {
        "dbt_project.yml": "name: small\nversion: '1.0'\nprofile: encore\n"
        "flags: {send_anonymous_usage_stats: false}\n"
        "models: {+materialized: table, +file_format: parquet}\n",
        "models/fine.sql": "select current_timezone() as zone, 1 as id",
        "models/broken.sql": "{{ config(meta={'hint': 'Cast a number.'}) }} "
        "select cast('x' as int) as id from {{ ref('fine') }}",
        "models/after.sql": "select * from {{ ref('broken') }}",
        "models/models.yml": "models:\n  - name: fine\n    columns:\n"
        "      - {name: id, data_tests: [not_null]}\n",
    }
    for name, text in files.items():
        (project / name).write_text(text)
    return project


@pytest.fixture(autouse=True)
def own_target(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tests of this worker have a target folder of another project."""
    monkeypatch.setenv("DBT_TARGET_PATH", str(project / "target"))


@pytest.mark.warehouse
def test_a_failing_build_is_readable_under_ansi_and_gives_the_lock_back(
    server_home: Home, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # A failing cast is an error only where ANSI is on in dbt's own session.
    assert run_dbt(["build"], server_home, project=project) == 1
    said = capfd.readouterr().out
    assert "[CAST_INVALID_INPUT] The value 'x' of the type" in said
    assert "Done. PASS=2 WARN=0 ERROR=1 SKIP=1" in said
    assert "\tat " not in said
    assert "Caused by" not in said
    assert "org.apache" not in said
    assert "\x1b[" not in said
    with build_lock(server_home, "the next"):
        pass


@pytest.mark.warehouse
def test_the_first_rows_of_a_failed_test_are_shown(
    server_home: Home, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    test = project / "tests" / "fine_has_no_rows.sql"
    test.parent.mkdir()
    test.write_text("select id, 'seen' as what from {{ ref('fine') }}")
    assert run_dbt(["build", "-s", "fine"], server_home, project=project) == 1
    shown = capfd.readouterr().err
    assert "the first rows that fail fine_has_no_rows" in shown.replace("\n", " ")
    assert [line.split("│")[1:3] for line in shown.splitlines() if "seen" in line] == [
        [" 1  ", " seen "]
    ]
    # What failed in an earlier run is not shown for one that ended before its tests.
    test.unlink()
    assert run_dbt(["build", "-s", "broken"], server_home, project=project) == 1
    assert "seen" not in capfd.readouterr().err


def test_the_plan_after_a_failed_analysis_is_cut() -> None:
    said = [
        "  [UNRESOLVED_COLUMN] no such column. SQLSTATE: 42703; line 1 pos 7;\n",
        "'Project ['x]\n",
        "+- SubqueryAlias t\n",
        "   +- OneRowRelation\n",
        "\n",
        "  compiled code at target/compiled/x.sql\n",
    ]
    assert list(without_java(said)) == [said[0], *said[4:]]


@pytest.mark.warehouse
def test_events_count_the_nodes_and_failures_say_why(
    server_home: Home, project: Path
) -> None:
    abroad = Home(**{**vars(server_home), "session_timezone": "Asia/Tokyo"})
    events: list[NodeEvent] = []
    with build_lock(server_home, "encore run batch") as lock:
        result = run_dbt_with_events(
            ["build"],
            abroad,
            events.append,
            lock=lock,
            environ={"DBT_PROJECT_DIR": str(project)},
        )
    assert result.exit_code == 1
    assert [event.done for event in events] == [1, 2, 3, 4]
    assert {event.total for event in events} == {4}
    statuses = {event.node: event.status for event in events}
    assert statuses == {
        "fine": "success",
        "not_null_fine_id": "pass",
        "broken": "error",
        "after": "skipped",
    }
    assert events[0].seconds > 0
    assert [failure.node for failure in result.failures] == ["broken"]
    assert result.failures[0].hint == "Cast a number."
    message = result.failures[0].message
    assert "[CAST_INVALID_INPUT]" in message
    assert "\tat " not in message
    assert "Caused by" not in message
    # The profile's `set:hiveconf:` settings arrive in dbt's sessions.
    shown = read_one(server_home, "select zone from encore.fine")
    assert shown == "Asia/Tokyo"


INTERRUPTIBLE = """
import sys
from pathlib import Path
from python_hooks.dbt_command import run_dbt
from python_hooks.home import Home
sys.exit(run_dbt(sys.argv[2:], Home.from_environment(), project=Path(sys.argv[1])))
"""


@contextmanager
def run_in_background(
    home: Home, project: Path, *args: str
) -> Iterator["subprocess.Popen[str]"]:
    """A command whose dbt has started; nothing of it is left after the block."""
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, project, *args],
        env={**os.environ, **home.environment()},
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 40
        while not psutil.Process(child.pid).children():
            assert time.monotonic() < deadline, "dbt never ran"
            time.sleep(0.05)
        yield child
    finally:
        kill(child)


def interrupt(child: subprocess.Popen[str], number: signal.Signals) -> None:
    """Interrupts a command, and looks for what it should leave: nothing but a hint."""
    dbt = psutil.Process(child.pid).children()
    child.send_signal(number)
    # Less than the grace after which dbt is killed: it must end by itself.
    _, said = child.communicate(timeout=8)
    assert child.returncode == 130
    assert "Interrupted" in said
    assert "Traceback" not in said
    assert not any(left.is_running() for left in dbt)


@pytest.mark.warehouse
def test_ctrl_c_ends_dbt_and_its_query(server_home: Home, project: Path) -> None:
    endless = "select sum(a.id * b.id % 7) from range(10000000) a, range(10000000) b"
    process = psutil.Process(server.status(server_home).pid)
    with run_in_background(server_home, project, "show", "--inline", endless) as child:
        # The server may be busy with what was before: not only for a moment.
        deadline = time.monotonic() + 60
        busy = 0
        while busy < 4:
            assert time.monotonic() < deadline, "the query never ran"
            busy = busy + 1 if process.cpu_percent(0.5) > 60 else 0
        interrupt(child, signal.SIGINT)
    deadline = time.monotonic() + 10
    while process.cpu_percent(0.5) > 30:
        assert time.monotonic() < deadline, "the query went on"


def test_being_stopped_as_a_service_ends_dbt_too(home: Home, project: Path) -> None:
    with run_in_background(home, project, "parse", "--no-partial-parse") as child:
        interrupt(child, signal.SIGTERM)


def test_the_dev_schema_is_an_identifier_and_listing_needs_no_server(
    home: Home,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("USER", "Ana-María.B@x")
    keys = ["--output", "json", "--output-keys", "schema", "--quiet"]
    arguments = ["list", "--target", "dev", "-s", "fine", "--resource-type", "model"]
    assert run_dbt([*arguments, *keys], home, project=project) == 0
    assert json.loads(capfd.readouterr().out) == {"schema": "dev_ana_mar_a_b_x"}


def test_without_a_server_a_build_says_how_to_start_it(home: Home) -> None:
    with pytest.raises(EncoreError, match="`dbt build` needs the server") as caught:
        run_dbt(["--log-level", "debug", "build"], home)
    assert "encore server start" in caught.value.hint


@pytest.mark.warehouse
def test_two_builds_do_not_run_at_once(server_home: Home) -> None:
    with (
        build_lock(server_home, "encore run batch"),
        pytest.raises(EncoreError, match="`encore run batch` holds the build lock"),
    ):
        run_dbt(["test"], server_home)


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (["build", "-s", "test"], "build"),
        (["--log-level", "debug", "run"], "run"),
        (["-t", "test", "ls"], "ls"),
        (["--log-level=debug", "source", "freshness"], "source"),
        (["--version"], None),
    ],
)
def test_the_subcommand_is_found_among_options(args: list[str], command: str) -> None:
    assert subcommand(args) == command


@pytest.mark.parametrize(
    ("args", "needed"),
    [
        (["build"], True),
        (["docs", "generate"], True),
        (["docs", "serve"], False),
        (["parse"], False),
        (["run", "--help"], False),
    ],
)
def test_only_what_asks_the_warehouse_needs_the_server(args: list[str], needed: bool) -> None:
    assert needs_server(args) == needed


def test_dbts_own_commands_and_options_are_all_known() -> None:
    from dbt.cli.main import cli  # noqa: PLC0415  # Slow; only this test needs it.

    assert set(cli.commands) == dbt_command._SUBCOMMANDS
    valued = {o for p in cli.params if not getattr(p, "is_flag", False) for o in p.opts}
    assert valued <= dbt_command._OPTIONS_WITH_VALUE


STACK = [
    "12:00:00    Database Error\n",
    "    org.apache.hive.service.cli.HiveSQLException: Error running query: "
    "[X.Y] org.apache.spark.sql.AnalysisException: [X.Y] It broke.\n",
    "    \tat org.apache.spark.A$.b(A.scala:1)\n",
    "    \tat java.base/java.lang.Thread.run(Thread.java:840)\n",
    "    Caused by: org.apache.spark.Z: It broke.\n",
    "    == SQL ==\n",
    "    \t... 40 more\n",
    "\x1b[0m12:00:01  Done.\n",
]


def test_what_dbt_says_of_a_server_that_stops_is_cut_to_what_happened() -> None:
    thrown = "org.apache.Foo: It stopped.\\n\\nat org.apache.Foo.bar(Foo.scala:1)\\n "
    said = [
        "12:00:00  Encountered an error:\n",
        "TCloseOperationResp(status=TStatus(statusCode=3, infoMessages=['*" + thrown + "'], "
        "sqlState=None, errorCode=None, errorMessage='Foo: It stopped.\\n at Foo.bar'))\n",
        "12:00:00  Traceback (most recent call last):\n",
        '  File "connections.py", line 436, in exception_handler\n',
        "    yield\n",
        "dbt_common.exceptions.base.DbtDatabaseError: Database Error\n",
        "  Job 3 cancelled because SparkContext was shut down\n",
    ]
    assert list(without_java(said)) == [
        "12:00:00  Encountered an error:\n",
        "Foo: It stopped.\n",
        "dbt_common.exceptions.base.DbtDatabaseError: Database Error\n",
        "  Job 3 cancelled because SparkContext was shut down\n",
    ]


def test_a_stack_is_cut_up_to_dbts_next_message() -> None:
    assert list(without_java(STACK)) == [
        "12:00:00    Database Error\n",
        "    [X.Y] It broke.\n",
        "\x1b[0m12:00:01  Done.\n",
    ]


@given(st.lists(st.text(st.characters(exclude_characters="\n("))))
def test_text_without_java_frames_passes_unchanged(lines: list[str]) -> None:
    assert list(without_java(lines)) == lines


def read_one(home: Home, sql: str) -> object:
    with Warehouse(home) as warehouse:
        return warehouse.query(sql).columns[0][0].as_py()


def test_unit_tests_read_the_rows_of_an_edited_seed(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path / "target"))
    files = {
        "dbt_project.yml": "name: seeded\nversion: '1.0'\nprofile: encore\n",
        "models/one.sql": "select * from {{ ref('bands') }}",
        "models/one.yml": "unit_tests:\n  - name: test_one\n    model: one\n"
        "    given: [{input: ref('bands')}]\n    expect: {rows: [{band: 1}]}\n",
    }
    for folder in ("models", "seeds"):
        (tmp_path / folder).mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for rows in ("band\n1\n", "band,name\n1,one\n"):
        (tmp_path / "seeds" / "bands.csv").write_text(rows)
        assert run_dbt(["--quiet", "parse"], home, project=tmp_path) == 0
    manifest = json.loads((tmp_path / "target" / "manifest.json").read_text())
    (test,) = manifest["unit_tests"].values()
    assert test["given"][0]["rows"] == [{"band": "1", "name": "one"}]
