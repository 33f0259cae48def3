"""Runs dbt as a child process: connection, build lock, readable errors, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, MappingProxyType

from python_hooks import failing_rows, run_history
from python_hooks.console import err, visible_but_colours
from python_hooks.dbt_events import Failure, NodeEvent, failure, node_event, without_java
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home, target_folder
from python_hooks.interrupts import INTERRUPTED
from python_hooks.lock import BuildLock, build_lock, speed_lock
from python_hooks.server import is_running
from python_hooks.server_doors import require_answer

# Seconds; less than an interrupted command has in all.
_STOP_GRACE = 2.0

_WITHOUT_SERVER = {"clean", "deps", "init", "list", "ls", "parse"}
# What writes to the warehouse, or runs the project's hooks, which may.
_UNDER_LOCK = {"build", "clone", "retry", "run", "run-operation", "seed", "snapshot"} | {
    "source",
    "test",
}
_SUBCOMMANDS = _WITHOUT_SERVER | _UNDER_LOCK | {"compile", "debug", "docs", "show"}
# dbt's own options that may stand before the subcommand with a value after them.
_OPTIONS_WITH_VALUE = {
    *("--defer-state", "--indirect-selection", "--log-file-max-bytes", "--log-format"),
    *("--log-format-file", "--log-level", "--log-level-file", "--log-path", "--profile"),
    *("--partial-parse-file-path", "--printer-width", "--record-timing-info", "-r"),
    *("--profiles-dir", "--project-dir", "--state", "--target", "-t"),
    *("--deprecated-state", "--deprecated-defer", "--deprecated-favor-state"),
    "--warn-error-options",
}


@dataclass
class DbtResult:
    """How a run of dbt ended: its exit code, and what failed."""

    exit_code: int
    failures: list[Failure] = field(default_factory=list)


def run_dbt(
    args: Sequence[str],
    home: Home,
    *,
    lock: BuildLock | None = None,
    project: Path = PROJECT,
) -> int:
    """Runs one dbt command as a user typed it; its output goes to stdout.

    Args:
        args: What follows `dbt` on the command line.
        home: The installation whose server it talks to.
        lock: The build lock, where the caller holds it already.
        project: Folder of the dbt project.

    Returns:
        dbt's exit code; 130 when interrupted (the query on the server ends too).

    Raises:
        EncoreError: The server is not running, or another build holds the lock.
    """

    def show(lines: Iterable[str]) -> None:
        for line in without_java(lines):
            sys.stdout.write(visible_but_colours(line))
            sys.stdout.flush()

    environment = dbt_environment(home, project)
    # dbt writes into a pipe here and cannot see that a person reads it.
    if "DBT_USE_COLORS" not in os.environ:
        coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        environment["DBT_USE_COLORS"] = str(coloured).lower()
    begun = time.time()
    with _allowed(args, home, lock) as held:
        code = _stream(args, environment, held, show)
    if _target(args, home) == "prod":
        lane = os.environ.get("ENCORE_LANE") or "all"
        run_history.record(home, target_folder(project), lane, begun)
    if code == 1:
        failing_rows.show(home, target_folder(project), begun)
    return code


def run_dbt_with_events(
    args: Sequence[str],
    home: Home,
    on_event: Callable[[NodeEvent], None],
    *,
    lock: BuildLock | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> DbtResult:
    """Runs one dbt command silently, and tells of each node as it ends.

    Args:
        args: What follows `dbt` on the command line.
        home: The installation whose server it talks to.
        on_event: Called for each node that has ended, to move a progress bar.
        lock: The build or speed lock, where the caller holds it already.
        environ: More variables for dbt, such as ENCORE_LANE.

    Returns:
        The exit code (130 when interrupted) and every failure with its message.

    Raises:
        EncoreError: The server is not running, or another build holds the lock.
    """
    result = DbtResult(0)
    done = 0

    def follow(lines: Iterable[str]) -> None:
        nonlocal done
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                err.print(line.rstrip())
                continue
            if event := node_event(message, done + 1):
                done += 1
                on_event(event)
            if failed := failure(message):
                result.failures.append(failed)

    environment = dbt_environment(home, PROJECT)
    environment |= {"DBT_LOG_FORMAT": "json", "DBT_LOG_FORMAT_FILE": "text"}
    with _allowed(args, home, lock) as held:
        result.exit_code = _stream(args, environment | dict(environ), held, follow)
    return result


def dbt_printed(args: Sequence[str], home: Home, environ: Mapping[str, str]) -> list[str]:
    """The lines that a command of dbt prints which only reads; no lock is held.

    Raises:
        EncoreError: The server is not running, or dbt failed.
    """
    _require_server(args, home)
    lines: list[str] = []
    if _stream(args, dict(environ), [], lambda printed: lines.extend(without_java(printed))):
        raise EncoreError(f"dbt could not tell: {''.join(lines[-5:]).strip()}")
    return [line.rstrip("\n") for line in lines]


def subcommand(args: Sequence[str]) -> str | None:
    """The dbt command among arguments (`build`); None for `--version` and `--help`."""
    if {"--help", "-h", "--version"} & set(args):
        return None
    expects_value = False
    for arg in args:
        if not expects_value and arg in _SUBCOMMANDS:
            return arg
        expects_value = arg in _OPTIONS_WITH_VALUE
    return None


def _target(args: Sequence[str], home: Home) -> str:
    for at, arg in enumerate(args):
        if arg.startswith("--target="):
            return arg.partition("=")[2]
        if arg in ("--target", "-t") and at + 1 < len(args):
            return args[at + 1]
    return home.target


def needs_server(args: Sequence[str]) -> bool:
    """Whether a dbt command asks the warehouse anything."""
    command = subcommand(args)
    # The docs are served from files.
    serves = command == "docs" and "serve" in args
    return command is not None and command not in _WITHOUT_SERVER and not serves


@contextmanager
def _allowed(
    args: Sequence[str], home: Home, lock: BuildLock | None
) -> Iterator[list[BuildLock]]:
    """Checks that the server runs, and holds the lock, where the command needs them."""
    command = subcommand(args)
    if needs_server(args):
        _require_server(args, home)
    # What is built under another target is nobody's but the user's.
    if command in _UNDER_LOCK and lock is None and _target(args, home) == "prod":
        # What a speed run published meanwhile would stop this one at its end.
        purpose = " ".join(["encore dbt", *args])
        with build_lock(home, purpose) as building, speed_lock(home, purpose) as publishing:
            yield [building, publishing]
    else:
        yield [lock] if lock else []


def _require_server(args: Sequence[str], home: Home) -> None:
    if not is_running(home):
        raise EncoreError(
            f"`dbt {subcommand(args)}` needs the server, and that of {home.root} is not "
            "running.",
            "Run `encore server start`.",
        )
    require_answer(home)


def _stream(
    args: Sequence[str],
    environment: dict[str, str],
    locks: Sequence[BuildLock],
    consume: Callable[[Iterable[str]], None],
) -> int:
    environment = {**os.environ, **environment}
    _forget_rows_of_edited_seeds(environment)
    with _terminated_like_interrupted():
        child = subprocess.Popen(
            [Path(sys.executable).with_name("dbt"), *args],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C would reach dbt directly, and dbt hangs on it in a query.
            process_group=0,
            # The child holds the locks as well, so that it outlives us safely.
            pass_fds=[lock.fileno() for lock in locks],
        )
        try:
            for lock in locks:
                lock.describe(child.pid)
            consume(child.stdout or ())
            return child.wait()
        except KeyboardInterrupt:
            err.print("Interrupted: dbt and its queries are being ended.")
            _end_group(child)
            err.print("Nothing half-built was published; run the command again.")
            return INTERRUPTED
        finally:
            _end_group(child)


def _forget_rows_of_edited_seeds(environment: Mapping[str, str]) -> None:
    """Has dbt parse anew after an edit of a seed, whose rows unit tests may read.

    dbt reads those rows as it parses the tests, and does not see that they are others.
    """
    project = Path(environment.get("DBT_PROJECT_DIR", PROJECT))
    target = project / (environment.get("DBT_TARGET_PATH") or "target")
    parsed = target / "partial_parse.msgpack"
    # Of the two times only this one is also that of a copy, or of a checkout.
    edited = max((path.stat().st_ctime for path in project.glob("seeds/*.csv")), default=0)
    if parsed.exists() and parsed.stat().st_mtime < edited:
        parsed.unlink(missing_ok=True)


def dbt_environment(home: Home, project: Path) -> dict[str, str]:
    """The variables by which dbt finds an installation and the project."""
    # Variables, not options: what the user types still wins, wherever it stands.
    return {
        **home.environment(),
        "DBT_PROFILES_DIR": str(PROJECT / "profiles"),
        "DBT_PROJECT_DIR": str(project),
        "PYTHONUNBUFFERED": "1",
        # Where dbt is interrupted, a helper of Python tells what it left in memory.
        "PYTHONWARNINGS": "ignore:resource_tracker:UserWarning",
    }


def _end_group(child: subprocess.Popen[str]) -> None:
    if child.poll() is not None:
        return
    # SIGTERM ends dbt at once; its connections close, and the server cancels.
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(_STOP_GRACE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP (a stopped service, a closed terminal) act as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
