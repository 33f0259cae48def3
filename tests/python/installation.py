"""An installation of its own over a copy of the project, which a test may edit."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from python_hooks.home import PROJECT, Home

_FOLDERS = ("models", "macros", "seeds", "tests/data", "profiles", "python_hooks")
_FILES = ("dbt_project.yml", "selectors.yml")
# The build's own tests take most of its time, and no layer reads training examples.
BUILD = (
    *("build", "--exclude-resource-type", "test", "unit_test"),
    *("--exclude", "marts.training", "intermediate.training"),
)


@dataclass(frozen=True)
class Installation:
    """Runs `encore` as a user would, in a copy of the project.

    Attributes:
        home: State folder and ports.
        project: The copy.
    """

    home: Home
    project: Path

    @staticmethod
    def copied(home: Home, folder: Path) -> "Installation":
        """Copies the project into `folder/project`."""
        project = folder / "project"
        for name in _FOLDERS:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / name, project / name, ignore=ignore)
        for name in _FILES:
            shutil.copy(PROJECT / name, project / name)
        return Installation(home, project)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replaces a text that is there in a file of the copy."""
        path = self.project / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new))

    def encore(self, *args: str, expect: int = 0, **environ: str) -> str:
        """Runs one command; returns its stdout, or fails with all that it printed."""
        return self.python("-m", "python_hooks", *args, expect=expect, **environ)

    def python(self, *args: str, expect: int = 0, **environ: str) -> str:
        """Runs Python in the copy, where `python_hooks` is the copy's."""
        with self._started(args, environ) as process:
            out, err = process.communicate(timeout=900)
        assert process.returncode == expect, f"{args}: {process.returncode}\n{out}\n{err}"
        return out

    def begin(self, *args: str, **environ: str) -> "subprocess.Popen[str]":
        """Starts a command, to be killed."""
        return self._started(("-m", "python_hooks", *args), environ)

    def begin_python(self, *args: str, **environ: str) -> "subprocess.Popen[str]":
        """Starts Python in the copy, to be killed."""
        return self._started(args, environ)

    def _started(
        self, args: tuple[str, ...], environ: dict[str, str]
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *args],
            cwd=self.project,
            env=os.environ | self.home.environment() | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def kill(process: "subprocess.Popen[str]") -> None:
    """SIGKILL, for a command and all that it started."""
    try:
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    for member in family:
        # Stopped first, or a parent would tidy up after its child.
        with_signal(member, signal.SIGSTOP)
    for member in family:
        with_signal(member, signal.SIGKILL)
    process.communicate(timeout=60)


def with_signal(process: psutil.Process, number: int) -> None:
    """Sends a signal to a process that may have ended."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
