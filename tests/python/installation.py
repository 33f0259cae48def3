"""An installation of its own over a copy of the project, which a test may edit."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil

from python_hooks.home import PROJECT, Home
from tests.python import error_texts

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
        has_artifacts: Whether artifacts follow what is published.
    """

    has_artifacts: ClassVar = True
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
        error_texts.note_printed(err, process.returncode)
        assert process.returncode == expect, f"{args}: {process.returncode}\n{out}\n{err}"
        return out

    def shell(self, command: str, given: str = "", expect: int = 0) -> str:
        """Runs a line of bash in the copy, whose `encore` is the copy's.

        Returns what it printed, to stdout or stderr; `given` is its standard input.
        """
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {"PYTHONPATH": str(self.project), "PATH": path}
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.project,
            env=os.environ | self.home.environment() | environ,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=900,
        )
        assert done.returncode == expect, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def build(self, *options: str, expect: int = 0) -> None:
        """A plain `dbt build` without the tests, and the artifacts of what it publishes."""
        self.encore("dbt", *BUILD, *options, expect=expect)
        if not expect:
            self.encore("artifacts", "build")

    def build_unpublished(self, build: str, upto: int) -> None:
        """As layers.build_batch(), without the tests."""
        self.encore("dbt", *BUILD, expect=0, **unpublished(build, upto))
        self._in_python("batch._build_artifacts(home, sys.argv[1])", build)

    def publish(self, build: str) -> None:
        """As the end of `encore run batch`."""
        self._in_python("layers.publish(home, sys.argv[1])", build)

    def speed(self, lane: str, expect: int = 0) -> dict[str, Any]:
        """Runs a speed layer; returns its report, empty where it was refused."""
        said = self.encore("run", lane, "--json", expect=expect)
        report: dict[str, Any] = json.loads(said) if said else {}
        return report

    def roll_back(self, release_id: str, expect: int = 0) -> None:
        """Publishes a kept release again."""
        self.encore("rollback", release_id, expect=expect)

    def kill_in(self, *command: str, after: float) -> None:
        """Runs a command, and kills it and all that it started after some seconds."""
        process = self.begin(*command)
        time.sleep(after)
        kill(process)

    def _in_python(self, code: str, *args: str) -> None:
        head = "import sys; from python_hooks import batch, layers; "
        head += "from python_hooks.home import Home; home = Home.from_environment(); "
        self.python("-c", head + code, *args)

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


def unpublished(build: str, upto: int) -> dict[str, str]:
    """The environment in which layers.build_batch() runs dbt."""
    return {
        "ENCORE_LANE": "batch",
        "ENCORE_BUILD": build,
        "ENCORE_PUBLISH": "no",
        "ENCORE_UPTO": str(upto),
    }


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
