"""Locks between processes of one installation, released when their holder dies."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from python_hooks.console import err
from python_hooks.errors import EncoreError
from python_hooks.home import Home


class BuildLock:
    """The held build or speed lock.

    Args:
        file: The open, locked file; its text says who holds the lock.
        purpose: What it is held for, as a user would say it (`encore dbt build`).

    Attributes:
        taken_over: The holder before was killed, and may have left things half done.
    """

    def __init__(self, file: TextIO, purpose: str) -> None:
        self._file = file
        self._purpose = purpose
        file.seek(0)
        # Who gives the lock back empties the file.
        self.taken_over = bool(file.read())
        self.describe(os.getpid())

    def fileno(self) -> int:
        """The descriptor of the lock.

        A child that inherits it holds the lock too: a dbt whose parent was
        killed goes on building, and must go on being alone.
        """
        return self._file.fileno()

    def describe(self, pid: int) -> None:
        """Names the process that a user would have to wait for or end."""
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        self._file.seek(0)
        self._file.truncate()
        json.dump({"purpose": self._purpose, "pid": pid, "since": since}, self._file)
        self._file.flush()


@contextmanager
def build_lock(home: Home, purpose: str) -> Iterator[BuildLock]:
    """Holds the one build lock of an installation.

    Args:
        home: The installation.
        purpose: What the lock is held for; shown to whoever finds it held.

    Raises:
        EncoreError: Somebody else holds it; named with what, since when and pid.
    """
    with _open(home, "build.lock") as file:
        if not _try(file):
            raise EncoreError(
                _holder(file), "Wait for it to end, or end that process, and try again."
            )
        lock = BuildLock(file, purpose)
        try:
            yield lock
        finally:
            file.seek(0)
            file.truncate()


@contextmanager
def speed_lock(home: Home, purpose: str) -> Iterator[BuildLock]:
    """Waits for, then holds, the lock under which the speed layers are published.

    A batch builds without it, and takes it only to publish.
    """
    with _open(home, "speed.lock") as file:
        if not _try(file):
            err.print(_holder(file, "speed"), "Waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        lock = BuildLock(file, purpose)
        try:
            yield lock
        finally:
            file.seek(0)
            file.truncate()


def is_held(home: Home, name: str) -> bool:
    """Whether who holds the lock of this name (`build`, …), or a child, is alive."""
    path = home.run / f"{name}.lock"
    if not path.exists():
        return False
    with path.open("a+") as file:
        return not _try(file)


def holder(home: Home, name: str) -> str:
    """Who holds a lock, or was killed while holding it; empty if it was given back."""
    path = home.run / f"{name}.lock"
    if not path.exists():
        return ""
    with path.open() as file:
        return _holder(file, name) if file.read() else ""


@contextmanager
def own_lock(home: Home, name: str, purpose: str) -> Iterator[BuildLock]:
    """Holds a lock that nobody waits for: it says that who made `name` is alive."""
    path = home.run / f"{name}.lock"
    with _open(home, path.name) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield BuildLock(file, purpose)
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def server_lock(home: Home) -> Iterator[None]:
    """Waits for, then holds, the lock under which a server is started or stopped."""
    with _open(home, "server.lock") as file:
        if not _try(file):
            err.print("Another command is starting or stopping the server; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open(home: Home, name: str) -> TextIO:
    home.make(home.run)
    # "a+" creates the file where it is missing and leaves the holder's text alone.
    return (home.run / name).open("a+")


def _try(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: TextIO, name: str = "build") -> str:
    file.seek(0)
    try:
        owner = json.load(file)
    except ValueError:
        # Taken a moment ago, and not yet described.
        return f"Another process holds the {name} lock."
    purpose, since, pid = owner["purpose"], owner["since"], owner["pid"]
    return f"`{purpose}` holds the {name} lock since {since} (pid {pid})."
