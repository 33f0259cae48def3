"""The local server: one JVM with a Thrift door (dbt) and a Spark Connect door (hooks).

Both doors listen on 127.0.0.1. Thrift asks nobody who they are and lets them run Java as the
server's user: that is for one person's machine. The Connect door asks for a token.
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from python_hooks import processes
from python_hooks.console import err
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.java import ensure_java
from python_hooks.lock import server_lock
from python_hooks.server_doors import (
    check_ports_free,
    is_open,
    require_loopback,
    spark_version,
)
from python_hooks.server_settings import (
    driver_memory,
    server_environment,
    spark_home,
    write_properties,
)

START_DEADLINE = 120.0
STOP_GRACE = 20.0


@dataclass(frozen=True)
class Status:
    """What is known of the server.

    Attributes:
        running: Whether its process is alive.
        note: What the command did or found, in a sentence.
        answers: Whether a query over Thrift was answered within 5 s and the
            Connect door is open.
        pid: Process id.
        thrift_port: Port of the Thrift door.
        connect_port: Port of the Connect door.
        since: Start of the process, ISO 8601 in UTC.
        heap: Largest heap, as Java writes it.
        resident_mib: Memory it has now, in MiB.
        spark_version: As the server answered.
        java: The `java` it runs on.
    """

    running: bool
    note: str
    answers: bool = False
    pid: int | None = None
    thrift_port: int | None = None
    connect_port: int | None = None
    since: str | None = None
    heap: str | None = None
    resident_mib: int | None = None
    spark_version: str | None = None
    java: str | None = None


def start(home: Home) -> Status:
    """Starts the server and waits until it answers; leaves a running one alone.

    Raises:
        EncoreError: No Java, too little memory, a port in use, another
            installation's ports, or it did not answer in time; then nothing is
            left running and the message ends with the log's last lines.
    """
    with server_lock(home):
        if running := _running(home):
            process, facts = running
            _check_same_ports(home, facts)
            # An earlier start may have been killed while it waited.
            _wait_until_answering(home, process)
            return _status(process, facts, "The server was already running.")
        _forget_dead(home)
        for folder in (home.landing, home.warehouse, home.logs, home.run):
            home.make(folder)
        check_ports_free(home)
        process, facts = _launch(home, driver_memory(home), ensure_java())
        try:
            _wait_until_answering(home, process)
        except BaseException:
            processes.end(process, grace=2)
            _state_file(home).unlink(missing_ok=True)
            raise
        return _status(process, facts, "The server is running.")


def stop(home: Home) -> Status:
    """Stops the server: asks it to end, and ends it after 20 s."""
    with server_lock(home):
        running = _running(home)
        if not running:
            _forget_dead(home)
            return Status(running=False, note="No server is running.")
        process = running[0]
        asked = processes.end(process, STOP_GRACE)
        _state_file(home).unlink(missing_ok=True)
        how = "stopped" if asked else f"did not stop within {STOP_GRACE:.0f} s; killed"
        return Status(running=False, note=f"The server (pid {process.pid}) {how}.")


def status(home: Home) -> Status:
    """Looks at the server and asks it a query; starts and changes nothing."""
    running = _running(home)
    if not running:
        died = _state_file(home).exists()
        note = " The last one ended without being stopped." if died else ""
        return Status(running=False, note=f"No server is running.{note}")
    answer = _status(*running, "The server is running.")
    silent = "The server is running, but it does not answer."
    return answer if answer.answers else replace(answer, note=silent)


def is_running(home: Home) -> bool:
    """Whether the server of this installation is alive; asks it nothing."""
    return _running(home) is not None


def logs(home: Home, lines: int = 50, follow: bool = False) -> Iterator[str]:
    """The last lines of the server's log, then, with `follow`, those to come.

    Raises:
        EncoreError: There is no log yet.
    """
    path = _log_file(home)
    if not path.exists():
        raise EncoreError(f"There is no log yet: {path}", "Run `encore server start`.")
    while True:
        inode = path.stat().st_ino
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read().splitlines()
            yield from text[len(text) - min(lines, len(text)) :]
            # A new start begins a new file.
            while follow and path.exists() and path.stat().st_ino == inode:
                if line := file.readline():
                    yield line.rstrip("\n")
                else:
                    time.sleep(0.3)
        if not follow:
            return
        while not path.exists():
            time.sleep(0.3)


def _launch(home: Home, heap: str, java: Path) -> tuple[psutil.Process, dict[str, Any]]:
    _clear_leftovers(home)
    properties = write_properties(home, heap)
    command = [str(spark_home() / "bin/spark-submit"), "--properties-file"]
    command += [str(properties), "--class"]
    command += ["org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"]
    log = _log_file(home)
    if log.exists():
        log.replace(log.with_name("server.log.1"))
    with log.open("w") as output:
        # A session of its own: neither Ctrl-C nor the shell's end reaches it.
        child = subprocess.Popen(
            [*command, "spark-internal"],
            cwd=home.run,
            env=server_environment(home, java),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # The scripts replace themselves by Java: the process id stays.
    process = psutil.Process(child.pid)
    facts = {
        "pid": process.pid,
        "created": process.create_time(),
        "booted": psutil.boot_time(),
        "thrift_port": home.thrift_port,
        "connect_port": home.connect_port,
        "heap": heap,
        "java": str(java),
    }
    # Renamed into place: whoever looks at it meanwhile reads all or nothing.
    draft = _state_file(home).with_suffix(".new")
    draft.write_text(json.dumps(facts))
    draft.replace(_state_file(home))
    return process, facts


def _clear_leftovers(home: Home) -> None:
    """Removes what a killed server left; called when none is running."""
    shutil.rmtree(home.run / "tmp", ignore_errors=True)
    (home.run / "tmp").mkdir()
    # Derby writes this file when a new database is complete, and refuses a
    # folder without it: a first start was killed while it made the database.
    if home.metastore.exists() and not (home.metastore / "service.properties").exists():
        shutil.rmtree(home.metastore)


def _running(home: Home) -> tuple[psutil.Process, dict[str, Any]] | None:
    try:
        facts = json.loads(_state_file(home).read_text())
        process = psutil.Process(facts["pid"])
        alive = process.status() != psutil.STATUS_ZOMBIE
        # Process ids are used again; times of creation are not, but move with the clock.
        booted = psutil.boot_time() - facts.get("booted", psutil.boot_time())
        same = abs(process.create_time() - booted - facts["created"]) < 1
    except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
        return None
    return (process, facts) if alive and same else None


def _forget_dead(home: Home) -> None:
    if _state_file(home).exists():
        err.print("The last server ended without being stopped; its pid file is removed.")
        _state_file(home).unlink()


def _check_same_ports(home: Home, facts: dict[str, Any]) -> None:
    actual = facts["thrift_port"], facts["connect_port"]
    if actual != (home.thrift_port, home.connect_port):
        raise EncoreError(
            f"The server of {home.root} runs on the ports {actual[0]} and {actual[1]}, "
            f"not {home.thrift_port} and {home.connect_port}.",
            "Set ENCORE_THRIFT_PORT and ENCORE_CONNECT_PORT to those, or run "
            "`encore server stop` first.",
        )


def _wait_until_answering(home: Home, process: psutil.Process) -> None:
    deadline = time.monotonic() + START_DEADLINE
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        progress.add_task("Waiting for the server to answer")
        while not spark_version(home.thrift_port) or not is_open(home.connect_port):
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise _start_error(home, "The server ended while it was starting.")
            if time.monotonic() > deadline:
                raise _start_error(
                    home, f"The server did not answer within {START_DEADLINE:.0f} s."
                )
            time.sleep(0.3)
    require_loopback(process)


def _start_error(home: Home, what: str) -> EncoreError:
    text = _log_file(home).read_text(encoding="utf-8", errors="replace")
    noise = ("\tat ", "\t... ", "Using Spark's default log4j profile", "WARNING: ")
    lines = [x for x in text.splitlines() if x.strip() and not x.startswith(noise)]
    return EncoreError(
        "\n".join([what, "The log ends with:", *lines[-15:]]),
        "The whole log: `encore server logs --lines 200`.",
    )


def _status(process: psutil.Process, facts: dict[str, Any], note: str) -> Status:
    version = spark_version(facts["thrift_port"])
    return Status(
        running=True,
        note=note,
        answers=version is not None and is_open(facts["connect_port"]),
        pid=process.pid,
        thrift_port=facts["thrift_port"],
        connect_port=facts["connect_port"],
        since=datetime.fromtimestamp(facts["created"], UTC).isoformat(timespec="seconds"),
        heap=facts["heap"],
        resident_mib=process.memory_info().rss // 1024**2,
        spark_version=version,
        java=facts["java"],
    )


def _state_file(home: Home) -> Path:
    return home.run / "server.json"


def _log_file(home: Home) -> Path:
    return home.logs / "server.log"
