"""Ctrl-C at any moment: over within five seconds, nothing left running or locked."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from python_hooks import server
from python_hooks.home import PROJECT, Home
from python_hooks.lock import is_held
from python_hooks.warehouse import Warehouse

DEEP = bool(os.environ.get("ENCORE_DEEP"))
LIMIT = 5.0
STUBBORN = """
import signal, time
from python_hooks import interrupts
interrupts.install()
signal.signal(signal.SIGINT, lambda *_: None)
print("ready", flush=True)
time.sleep(60)
"""


LOADING = """
import os, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
from python_hooks.__main__ import main
main()
"""


def start(args: list[str], home: Home, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *args],
        cwd=PROJECT,
        env=os.environ | home.environment() | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As from a shell, so that its group is not that of the tests.
        process_group=0,
    )


def interrupted(child: "subprocess.Popen[str]") -> str:
    """Interrupts a command as a terminal does; returns what it said."""
    below = psutil.Process(child.pid).children(recursive=True)
    begun = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=20)
    took = time.monotonic() - begun
    assert child.returncode == 130, said
    assert took < LIMIT, f"{took:.1f} s: {said}"
    assert "Traceback" not in said
    # Children of children end when they notice.
    while left := [process for process in below if _is_alive(process)]:
        assert time.monotonic() < begun + LIMIT, [process.cmdline() for process in left]
        time.sleep(0.1)
    return said


def _is_alive(process: psutil.Process) -> bool:
    try:
        # Where nobody reaps orphans, they stay as zombies.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    child = start(["-c", STUBBORN], Home(tmp_path))
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    assert "did not end by itself" in interrupted(child)


@pytest.mark.parametrize("module", ["click", "python_hooks.cli", "pyarrow", "rich.table"])
def test_a_command_that_is_still_being_loaded_just_stops(module: str, tmp_path: Path) -> None:
    child = start(["-c", LOADING, module], Home(tmp_path))
    _, said = child.communicate(timeout=20)
    assert (child.returncode, said) == (130, "Stopped.\n")


def test_watching_ends_and_says_how_to_go_on(tmp_path: Path) -> None:
    home = _logging(tmp_path)
    child = start(["-m", "python_hooks", "server", "logs", "--follow"], home)
    assert child.stdout is not None
    assert child.stdout.readline() == "a line\n"
    assert "To go on: `encore server logs --follow`" in interrupted(child)


def _logging(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make(home.logs)
    (home.logs / "server.log").write_text("a line\n")
    return home


@pytest.fixture
def landing_home(server_home: Home) -> Iterator[Home]:
    """The session's installation; what is landed and built there is removed."""
    yield server_home
    with Warehouse(server_home) as warehouse:
        for schema in warehouse.query("show schemas like 'encore*'").column(0).to_pylist():
            warehouse.query(f"drop schema {schema} cascade")
    for path in (server_home.landing, server_home.artifacts):
        shutil.rmtree(path, ignore_errors=True)
    server_home.landing.mkdir()


@pytest.mark.warehouse
@pytest.mark.parametrize("seed", range(12 if DEEP else 2))
def test_an_interrupted_batch_leaves_nothing_running(
    seed: int, landing_home: Home, tmp_path: Path
) -> None:
    file = tmp_path / "history.csv"
    file.write_text("timestamp,id,listener\n2026-01-01,a,me\n2026-01-02,b,me\n")
    log = tmp_path / "logs" / "dbt.log"
    args = ["-m", "python_hooks", "run", "batch", str(file)]
    child = start(args, landing_home, DBT_LOG_PATH=str(log.parent))
    # Some moment of the landing and parsing, or of the build.
    deadline = time.monotonic() + 120
    while seed % 2 and not (log.exists() and re.search(r"\d+ of \d+ START", log.read_text())):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline, "dbt never began"
        time.sleep(0.1)
    time.sleep(np.random.default_rng(seed).uniform(1, 8))
    said = interrupted(child)
    assert "To go on: `encore run batch" in said
    for name in ("build", "speed"):
        assert not is_held(landing_home, name)
    assert_idle(landing_home)


@pytest.mark.warehouse
def test_an_interrupted_query_ends_on_the_server(server_home: Home) -> None:
    interrupted(asking_endlessly(server_home))
    assert_idle(server_home)


@pytest.mark.warehouse
def test_a_query_of_a_killed_command_ends_on_the_server(server_home: Home) -> None:
    child = asking_endlessly(server_home)
    child.kill()
    child.communicate()
    assert_idle(server_home)


def asking_endlessly(home: Home) -> "subprocess.Popen[str]":
    """A command whose query runs on the server, and would for days."""
    endless = "select sum(a.id * b.id % 7) from range(10000000) a, range(10000000) b"
    child = start(["-c", ASKING, endless], home)
    process = psutil.Process(server.status(home).pid)
    deadline = time.monotonic() + 60
    while process.cpu_percent(2) < 60:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline, "the query never ran"
    return child


ASKING = """
import sys
from python_hooks import interrupts, cli
from python_hooks.home import Home
from python_hooks.warehouse import Warehouse
interrupts.install()
def ask():
    with Warehouse(Home.from_environment()) as warehouse:
        warehouse.query(sys.argv[1])
cli.encore = lambda **_: ask()
cli.main()
"""


def assert_idle(home: Home) -> None:
    """No query runs on the server: nothing else asks this one.

    Where the command had no time to cancel, the server notices that it is gone.
    """
    process = psutil.Process(server.status(home).pid)
    deadline = time.monotonic() + 40
    while process.cpu_percent(0.5) > 30:
        assert time.monotonic() < deadline, "a query goes on"
