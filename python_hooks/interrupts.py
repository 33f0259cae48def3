"""Ctrl-C ends every command within seconds, whatever it is doing.

The first one raises KeyboardInterrupt, as in any Python program: dbt and the query on the
server are ended, locks are given back. But a library may go on waiting, or wait for threads
that do; then a thread that the signal itself wakes ends the process.
"""

import os
import shlex
import signal
import sys
import threading
import time

import psutil

from python_hooks.console import err

INTERRUPTED = 130
# A command that was interrupted has this long to put things in order, in seconds.
GRACE = 4.0


def install() -> None:
    """From now on an interrupted process ends within `GRACE`; call it in the main thread."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    # Python writes the numbers of signals there at once, whatever the main thread does.
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    threading.Thread(target=_end_after_grace, args=(reads,), daemon=True).start()


def _end_after_grace(reads: int) -> None:
    while os.read(reads, 1) != bytes([signal.SIGINT]):
        pass
    time.sleep(GRACE)
    # The server is in a session of its own, and stays.
    for child in psutil.Process().children(recursive=True):
        if os.getsid(child.pid) == os.getsid(0):
            child.kill()
    err.print(
        f"It did not end by itself within {GRACE:.0f} s; the next run mends the rest. "
        f"To go on: `{typed()}`"
    )
    os._exit(INTERRUPTED)


def typed() -> str:
    """The command that runs, as it was typed."""
    return shlex.join(["encore", *sys.argv[1:]])
