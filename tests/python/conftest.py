"""A private Spark server for the tests alone: free ports, a temporary state folder."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from python_hooks import server
from python_hooks.home import Home
from tests.python import error_texts
from tests.python.crashes import Crashes
from tests.python.installation import Installation

_PREFIX = "encore-test-"

# A shell in the background starts its programs deaf to Ctrl-C, and they theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)

# dbt's results and logs are not the developer's either, and each worker has its own.
_SCRATCH = tempfile.TemporaryDirectory(prefix="encore-dbt-")
os.environ["DBT_TARGET_PATH"] = f"{_SCRATCH.name}/target"
os.environ["DBT_LOG_PATH"] = f"{_SCRATCH.name}/logs"
error_texts.begin_noting()

# Tests are many short queries over few rows: Java's second compiler and its concurrent
# collector cost more than they save there, a third of the CPU time of a first build.
os.environ["JDK_JAVA_OPTIONS"] = (
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseParallelGC"
)


def free_home(root: Path) -> Home:
    """An installation in a folder, on ports that are free, with a small heap."""
    with ExitStack() as stack:
        # Both held at once, so that they differ.
        probes = [stack.enter_context(socket.socket()) for _ in range(2)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        thrift, connect = (probe.getsockname()[1] for probe in probes)
    return Home(root, thrift_port=thrift, connect_port=connect, driver_memory="1g")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files that take minutes first, so that no worker ends with one alone."""
    longest = (
        "time_travel",
        "build",
        "forget",
        "layers",
        "point_in_time",
        "notes",
        "interrupts",
    )
    place = {f"test_{name}.py": number for number, name in enumerate(longest)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An installation of one test; a server that it starts is stopped after it."""
    home = free_home(tmp_path / "home")
    yield home
    server.stop(home)


@pytest.fixture(scope="session")
def server_home() -> Iterator[Home]:
    """An installation whose server runs; stopped and removed after the tests."""
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    # Blanks and letters beyond ASCII are in many people's paths.
    home = free_home(folder / "état of encore")
    try:
        server.start(home)
        yield home
    finally:
        server.stop(home)
        shutil.rmtree(folder)


def _remove_leftovers() -> None:
    """Stops what a killed test run left; its process id is in the folder's name."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).split("-")[0]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            for root in folder.iterdir():
                server.stop(Home(root))
            shutil.rmtree(folder)


@pytest.fixture(scope="session")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashes]:
    """An installation that is there to be killed and disturbed."""
    folder = tmp_path_factory.mktemp("crashes")
    home = free_home(folder / "home")
    try:
        run = Crashes(Installation.copied(home, folder), folder)
        run.begin()
        yield run
    finally:
        server.stop(home)
