"""The server's life: start, refuse, survive, die, come back, stop."""

import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pytest
from pyhive import hive

from python_hooks import server
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.server_doors import is_open
from python_hooks.server_settings import (
    connect_token,
    driver_memory,
    server_environment,
    write_properties,
)
from python_hooks.warehouse import Warehouse

GIB = 1024**3


def ask(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with hive.connect("127.0.0.1", port=home.thrift_port, username="x") as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


def start_in_background(home: Home) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _START],
        env={**os.environ, **home.environment()},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


_START = """
from python_hooks import server
from python_hooks.home import Home
status = server.start(Home.from_environment())
print(status.pid, status.note, flush=True)
import time
time.sleep(60)
"""


@pytest.mark.warehouse
def test_status_tells_what_runs_and_a_second_start_changes_nothing(
    server_home: Home,
) -> None:
    status = server.status(server_home)
    assert status.running
    assert status.answers
    assert status.thrift_port == server_home.thrift_port
    assert status.heap == "1024m"
    assert status.spark_version is not None
    assert status.spark_version.startswith("4.")
    assert status.since is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", status.since)
    again = server.start(server_home)
    assert again.pid == status.pid
    assert "already running" in again.note


@pytest.mark.warehouse
def test_both_doors_are_on_this_machine_only(server_home: Home) -> None:
    process = psutil.Process(server.status(server_home).pid)
    listening = [c.laddr for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert {server_home.thrift_port, server_home.connect_port} <= {a.port for a in listening}
    assert {a.ip.removeprefix("::ffff:") for a in listening} == {"127.0.0.1"}


@pytest.mark.warehouse
def test_the_token_is_its_owners_and_shows_nowhere(server_home: Home) -> None:
    path = server_home.run / "connect.token"
    token = path.read_text()
    assert len(token) >= 40
    assert path.stat().st_mode & 0o777 == 0o600
    process = psutil.Process(server.status(server_home).pid)
    assert process.environ()["SPARK_CONNECT_AUTHENTICATE_TOKEN"] == token
    assert token not in " ".join(process.cmdline())
    assert token not in str(ask(server_home, "set -v"))
    files = [*server_home.logs.iterdir(), *server_home.run.iterdir()]
    shown = [f for f in files if f.is_file() and f != path and token in f.read_text()]
    assert shown == []


@pytest.mark.warehouse
def test_what_depends_on_the_home_reaches_the_server(server_home: Home) -> None:
    settings = dict(ask(server_home, "set"))
    assert settings["spark.encore.landing"] == str(server_home.landing)
    assert settings["spark.sql.session.timeZone"] == "UTC"
    assert settings["spark.sql.ansi.enabled"] == "true"
    ask(server_home, "create table default.here (a int) using parquet")
    assert (server_home.warehouse / "here").is_dir()
    assert (server_home.metastore / "service.properties").exists()
    # Neither Spark nor Derby nor Hive leaves anything outside its folders.
    # (`landing` and `artifacts` are there once another test has filled them.)
    folders = {path.name for path in server_home.root.iterdir()} - {"landing", "artifacts"}
    assert folders == {"logs", "metastore", "run", "warehouse"}


@pytest.mark.warehouse
def test_another_port_than_the_running_servers_is_an_error(server_home: Home) -> None:
    other = dataclasses.replace(server_home, thrift_port=server_home.thrift_port + 1)
    with pytest.raises(EncoreError, match=f"runs on the ports {server_home.thrift_port} "):
        server.start(other)


@pytest.mark.warehouse
def test_life_two_starts_at_once_a_closed_shell_a_kill_and_a_restart(home: Home) -> None:
    # What a first start that was killed leaves; Derby alone would refuse it.
    (home.metastore / "seg0").mkdir(parents=True)
    starts = [start_in_background(home), start_in_background(home)]
    said = [s.stdout.readline().split(maxsplit=1) for s in starts if s.stdout]
    assert len({pid for pid, _ in said}) == 1
    assert sorted("already running" in note for _, note in said) == [False, True]

    for shell in starts:  # What a terminal does to its group when it closes.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
            os.killpg(shell.pid, number)
        shell.wait()
    assert server.status(home).answers

    ask(home, "create table default.kept using parquet as select 7 as a")
    killed = psutil.Process(server.status(home).pid)
    warehouse = Warehouse(home)
    killed.kill()
    killed.wait()
    before = time.monotonic()
    with pytest.raises(EncoreError, match="The server ended during the query"):
        warehouse.query("select 1")
    warehouse.close()
    assert time.monotonic() - before < 30
    status = server.status(home)
    assert not status.running
    assert "without being stopped" in status.note

    assert server.start(home).pid != killed.pid
    assert ask(home, "select a from default.kept") == [(7,)]

    assert "stopped" in server.stop(home).note
    assert not is_open(home.thrift_port)
    assert server.stop(home).note == "No server is running."


def test_a_port_in_use_is_named_with_its_holder_and_variable(home: Home) -> None:
    listener = socket.create_server(("127.0.0.1", home.connect_port))
    with listener, pytest.raises(EncoreError) as caught:
        server.start(home)
    assert f"Port {home.connect_port} cannot be used: in use by" in caught.value.message
    assert f"(pid {os.getpid()})" in caught.value.message
    assert "ENCORE_CONNECT_PORT" in caught.value.hint
    assert not server.is_running(home)


def test_a_server_that_dies_at_its_start_is_told_with_the_logs_end(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java/bin/java"
    java.parent.mkdir(parents=True)
    java.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = -version ]; then echo \'version "21"\' >&2; exit; fi\n'
        'echo "no room left" >&2; printf "\\tat a.B.c(D.java:1)\\n" >&2; exit 3\n'
    )
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(java.parent.parent))
    with pytest.raises(EncoreError) as caught:
        server.start(home)
    assert "ended while it was starting" in caught.value.message
    assert "no room left" in caught.value.message
    assert "\tat " not in caught.value.message
    assert not (home.run / "server.json").exists()


def test_a_process_id_used_again_is_not_taken_for_the_server(home: Home) -> None:
    home.run.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        facts = f'{{"pid": {stranger.pid}, "created": 1.0}}'
        (home.run / "server.json").write_text(facts)
        assert not server.status(home).running
        assert server.stop(home).note == "No server is running."
        assert not (home.run / "server.json").exists()
        assert stranger.poll() is None
        stranger.kill()


def test_logs_shows_the_last_lines_and_follows_into_a_new_file(home: Home) -> None:
    with pytest.raises(EncoreError, match="no log yet"):
        next(server.logs(home))
    home.logs.mkdir(parents=True)
    log = home.logs / "server.log"
    log.write_text("one\ntwo\nthree\n")
    assert list(server.logs(home, lines=2)) == ["two", "three"]

    read: list[str] = []
    reader = threading.Thread(
        target=lambda: read.extend(islice(server.logs(home, 1, follow=True), 3)),
        daemon=True,
    )
    reader.start()
    time.sleep(0.3)
    with log.open("a") as file:
        file.write("four\n")
    time.sleep(0.6)
    log.replace(home.logs / "server.log.1")
    log.write_text("anew\n")
    reader.join(5)
    assert read == ["three", "four", "anew"]


@pytest.mark.parametrize(
    ("setting", "available", "heap"),
    [
        ("", 2 * GIB, "1024m"),
        ("", 8 * GIB, "3276m"),
        ("", 64 * GIB, "4096m"),
        ("2g", 4 * GIB, "2048m"),
        ("600m", 1 * GIB, "600m"),
    ],
)
def test_heap_follows_the_memory_that_is_available(
    setting: str, available: int, heap: str
) -> None:
    assert driver_memory(Home(Path("/x"), driver_memory=setting), available) == heap


@pytest.mark.parametrize(
    ("setting", "available", "words"),
    [
        ("", GIB, "needs 1408 MiB"),
        ("8g", 4 * GIB, "4096 MiB are available"),
        ("lots", 4 * GIB, "ENCORE_DRIVER_MEMORY=lots"),
        ("64m", 4 * GIB, "ENCORE_DRIVER_MEMORY=64m"),
    ],
)
def test_too_little_memory_and_no_size_are_errors(
    setting: str, available: int, words: str
) -> None:
    with pytest.raises(EncoreError, match=words) as caught:
        driver_memory(Home(Path("/x"), driver_memory=setting), available)
    assert caught.value.exit_code == 2


def test_a_path_that_derby_would_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoreError, match="';'"):
        write_properties(Home(tmp_path / "a;b"), "1g")


def test_a_token_that_others_could_read_is_closed_and_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    token = connect_token(home)
    (home.run / "connect.token").chmod(0o644)
    assert connect_token(home) == token
    assert (home.run / "connect.token").stat().st_mode & 0o777 == 0o600


def test_another_spark_does_not_leak_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", "/opt/spark/conf")
    monkeypatch.setenv("HADOOP_CONF_DIR", "/etc/hadoop")
    environment = server_environment(Home(tmp_path), Path("/opt/java/bin/java"))
    assert not {"SPARK_CONF_DIR", "HADOOP_CONF_DIR"} & environment.keys()
    assert environment["JAVA_HOME"] == "/opt/java"
    shimmed = server_environment(Home(tmp_path), Path("/opt/shims/java"))
    assert "JAVA_HOME" not in shimmed
    assert shimmed["PATH"].startswith("/opt/shims:")


def test_a_clock_that_is_set_back_hides_no_server(
    server_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    booted = psutil.boot_time() - 3600
    created = psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: booted)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) - 3600)
    assert server.is_running(server_home)


def test_a_process_that_its_parent_does_not_look_at_has_ended() -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        code = "import psutil, sys; from python_hooks import processes; "
        code += "print(processes.end(psutil.Process(int(sys.argv[1])), 5))"
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code, str(stranger.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("True\n", "")
        assert time.monotonic() - began < 5
