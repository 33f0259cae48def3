"""What the benchmarks share: a private installation, and where results are written."""

import os
import platform
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from python_hooks import server
from python_hooks.console import err
from python_hooks.home import PROJECT, Home

RESULTS = Path(__file__).with_name("RESULTS.md")


@contextmanager
def installation(driver_memory: str = "") -> Iterator[Home]:
    """A new installation on free ports in a temporary folder; stopped and removed after.

    dbt's target folder is the installation's own too.
    """
    folder = Path(tempfile.mkdtemp(prefix="encore-bench-"))
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(2)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        thrift, connect = (probe.getsockname()[1] for probe in probes)
    home = Home(folder / "home", thrift, connect, driver_memory)
    os.environ |= {
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        **home.environment(),
    }
    try:
        yield home
    finally:
        server.stop(home)
        shutil.rmtree(folder)


def environment(home: Home) -> dict[str, str]:
    """The variables of a child process on this installation."""
    return {**os.environ, **home.environment()}


@dataclass
class Usage:
    """What a block of work used.

    Attributes:
        core_seconds: Of this process, its children and the server.
        peak_bytes: Most resident memory of all of them together.
    """

    core_seconds: float = 0.0
    peak_bytes: int = 0
    _seconds: dict[tuple[int, float], float] = field(default_factory=dict)

    def look(self, home: Home) -> None:
        """Takes one sample of every process."""
        pids = {os.getpid(), server.status(home).pid or os.getpid()}
        family = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
        family += psutil.Process().children(recursive=True)
        resident = 0
        for process in {each.pid: each for each in family}.values():
            try:
                times, memory = process.cpu_times(), process.memory_info()
                key = (process.pid, process.create_time())
            except psutil.NoSuchProcess:
                continue
            self._seconds[key] = times.user + times.system
            resident += memory.rss
        self.peak_bytes = max(self.peak_bytes, resident)

    def total(self) -> float:
        """Core seconds of all processes seen so far."""
        return sum(self._seconds.values())


@contextmanager
def measured(home: Home) -> Iterator[Usage]:
    """Samples what is used, four times a second, to the end of the block."""
    usage, stop = Usage(), threading.Event()
    usage.look(home)
    before = usage.total()

    def sample() -> None:
        while not stop.wait(0.25):
            usage.look(home)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield usage
    finally:
        stop.set()
        thread.join()
        usage.look(home)
        usage.core_seconds = usage.total() - before


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 of some durations."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


def publish(title: str, command: str, lines: Sequence[Mapping[str, object]]) -> None:
    """Prints a table, and appends it to RESULTS.md with date, machine and commit."""
    columns = list(lines[0])
    table = [columns, ["---"] * len(columns)]
    table += [[_spelled(line[column]) for column in columns] for line in lines]
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in table)
    today = datetime.now(UTC).date()
    head = f"## {title}\n\n{today}, {machine()}, commit {commit()}: `{command}`\n"
    err.print(f"\n{head}\n{text}\n", markup=False)
    with RESULTS.open("a") as file:
        file.write(f"\n{head}\n{text}\n")


def machine() -> str:
    """Cores, memory and kind of this machine."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}"


def commit() -> str:
    """The commit that is checked out; marked where files differ from it.

    The results themselves, which a run before this one has added to, are not counted.
    """
    head = _git("rev-parse", "--short", "HEAD")
    others = (".", ":!benchmarks/RESULTS.md")
    edited = _git("status", "--porcelain", "--untracked-files=no", "--", *others)
    return f"{head}{'-dirty' if edited else ''}" if head else "unknown"


def _git(*args: str) -> str:
    command = ["git", "-C", str(PROJECT), *args]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _spelled(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
