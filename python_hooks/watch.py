"""`encore watch`: one long-lived process that keeps all layers running.

It lands what appears in a folder, publishes it by the minute layer, runs the hourly
layer when it is due, and starts the nightly batch beside all that.
"""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from python_hooks import dbt_in_process, landing, layers, releases, server
from python_hooks.console import visible
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home
from python_hooks.warehouse import Warehouse


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@dataclass
class Watch:
    """The state of one watching process.

    Attributes:
        home: The installation.
        folder: The drop folder. A file counts as complete when it has not changed
            between two cycles; write elsewhere and move it here to be quicker.
        hourly_seconds: Time between hourly runs.
        batch_at: UTC time of the nightly batch, `HH:MM`, or empty for none.
    """

    home: Home
    folder: Path
    hourly_seconds: float = 3600
    batch_at: str = ""
    _stamps: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _done: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _hourly_at: float = field(default_factory=time.monotonic)
    _batch: subprocess.Popen[bytes] | None = None
    _batch_day: str = field(default_factory=_today)

    def run(self, stop: threading.Event, every: float) -> None:
        """Runs cycles until `stop` is set; one line on stdout for each that did something."""
        if not self.folder.is_dir():
            raise EncoreError(
                f"{self.folder} is not a folder.", "Make it, or name another one."
            )
        while not stop.is_set():
            begun = time.monotonic()
            try:
                line = self.cycle()
            except EncoreError as error:
                line = f"{error.message} {error.hint or ''}".strip()
            if line:
                clock = datetime.now(UTC).strftime("%H:%M:%S")
                sys.stdout.write(f"{clock} {visible(line)}\n")
                sys.stdout.flush()
            stop.wait(max(0.2, every - (time.monotonic() - begun)))
        if self._batch and self._batch.poll() is None:
            self._batch.terminate()
            self._batch.wait()

    def cycle(self) -> str:
        """Lands and publishes once; returns what was done, or nothing."""
        begun = time.monotonic()
        if not server.is_running(self.home):
            server.start(self.home)
        said = self._land()
        said += self._start_batch()
        hourly = time.monotonic() - self._hourly_at >= self.hourly_seconds
        if not self._is_published():
            return "; ".join(said)
        report = layers.run_speed(
            self.home, "hourly" if hourly else "minute", dbt_in_process.run
        )
        if hourly:
            self._hourly_at = time.monotonic()
        if not report.nothing_new:
            said.append(
                f"{report.lane} to batch {report.upto}, release {report.release}, "
                f"{time.monotonic() - begun:.1f} s"
            )
        return "; ".join(said)

    def _is_published(self) -> bool:
        """Whether there is a batch layer to run above; starts the first one if not."""
        try:
            with Warehouse(self.home) as warehouse:
                releases.current(warehouse, self.home)
        except EncoreError:
            if not landing.is_empty(self.home):
                self._spawn_batch()
            return False
        return True

    def _land(self) -> list[str]:
        found = {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(self.folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        }
        ready = [
            path
            for path, stamp in found.items()
            if self._stamps.get(path) == stamp and self._done.get(path) != stamp
        ]
        self._stamps = found
        said = []
        for path in ready:
            self._done[path] = found[path]
            try:
                landed = landing.land([str(path)], self.home)
            except EncoreError as error:
                said.append(f"{path.name} refused: {error.message}")
            else:
                rows = sum(file.rows for file in landed if not file.already_landed)
                said.append(f"{path.name}: {rows:,} rows")
        return said

    def _start_batch(self) -> list[str]:
        if self._batch and self._batch.poll() is not None:
            code, self._batch = self._batch.returncode, None
            return ["batch published" if code == 0 else f"batch ended with exit code {code}"]
        due = self.batch_at and datetime.now(UTC).strftime("%H:%M") >= self.batch_at
        if due and self._batch_day != _today() and self._batch is None:
            self._batch_day = _today()
            self._spawn_batch()
            return ["batch started"]
        return []

    def _spawn_batch(self) -> None:
        if self._batch is None:
            self._batch = subprocess.Popen(
                [sys.executable, "-m", "python_hooks", "run", "batch"],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
