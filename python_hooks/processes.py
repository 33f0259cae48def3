"""Ending a process, whoever started it."""

import time
from contextlib import suppress

import psutil


def end(process: psutil.Process, grace: float) -> bool:
    """Ends a process; whether it went by itself within the grace, in seconds."""
    try:
        process.terminate()
        if _has_ended(process, grace):
            return True
        process.kill()
        _has_ended(process, grace)
    except psutil.NoSuchProcess:
        return True
    return False


def _has_ended(process: psutil.Process, seconds: float) -> bool:
    """Waits for the end of a process.

    One that has ended stays in the list of processes until its parent has looked at it, and
    the parent may be a program that does something else: `encore watch`.
    """
    deadline = time.monotonic() + seconds
    while process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    # Where it is a child of this process, it is looked at.
    with suppress(psutil.TimeoutExpired):
        process.wait(0)
    return True
