"""An installation whose steps one process runs, over the models of the serving marts alone.

A step then costs a fifth of what it costs as a command over the whole project, so that
hundreds of interleavings fit into a night. What is left out here (artifacts, retrieval,
the command line) is in the interleavings over a whole `Installation`.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from python_hooks.home import Home
from tests.python.installation import BUILD, Installation, kill, unpublished
from tests.python.layers_oracle import KEYS

_WORKER = Path(__file__).with_name("long_lived_worker.py")
_SELECTED = ("-s", *(f"+{mart}" for mart in KEYS))
_LEFT_OUT = """
  - name: {lane}
    definition:
      union:
        - {{method: selector, value: all_{lane}}}
        - exclude:
            - {{method: path, value: models/intermediate/candidates}}
            - {{method: path, value: models/intermediate/recordings}}
"""


@dataclass(frozen=True)
class LongLived(Installation):
    """As `Installation`, with the steps of publishing in a process that stays.

    Attributes:
        workers: The process, if it runs.
    """

    has_artifacts: ClassVar = False
    workers: list["subprocess.Popen[str]"] = field(default_factory=list)

    @staticmethod
    def copied(home: Home, folder: Path) -> "LongLived":
        """Copies the project into `folder/project`; speed runs leave retrieval out."""
        whole = Installation.copied(home, folder)
        text = (whole.project / "selectors.yml").read_text()
        for lane in ("minute", "hourly"):
            text = text.replace(f"name: {lane}\n", f"name: all_{lane}\n")
            text += _LEFT_OUT.format(lane=lane)
        (whole.project / "selectors.yml").write_text(text)
        return LongLived(home, whole.project)

    def build(self, *options: str, expect: int = 0) -> None:
        """A `dbt build` of what the serving marts are made from, without the tests."""
        if "-s" in options:
            begun = options.index("-s") + 1
            within = (f"{part},+{mart}" for part in options[begun:] for mart in KEYS)
            options = (*options[:begun], *within)
        else:
            options = (*_SELECTED, *options)
        self._asked("build", [*BUILD[1:], *options], {}, expect=expect)

    def build_unpublished(self, build: str, upto: int) -> None:
        """A batch without tests and artifacts."""
        self._asked("build", [*BUILD[1:], *_SELECTED], unpublished(build, upto))

    def publish(self, build: str) -> None:
        """As the end of `encore run batch`."""
        self._asked("publish", build)

    def speed(self, lane: str, expect: int = 0) -> dict[str, Any]:
        """Runs a speed layer; returns its report, empty where it was refused."""
        report: dict[str, Any] = self._asked("speed", lane, expect=expect)
        return {} if expect else report

    def roll_back(self, release_id: str, expect: int = 0) -> None:
        """Publishes a kept release again."""
        self._asked("roll_back", release_id, expect=expect)

    def kill_in(self, *command: str, after: float) -> None:
        """Begins a step, and kills the process after some seconds."""
        if command[1] in ("minute", "hourly"):
            self._begin("speed", command[1])
        else:
            self._begin("build", [*BUILD[1:], *_SELECTED], {})
        time.sleep(after)
        self.stop()

    def stop(self) -> None:
        """Kills the process; the next step starts another one."""
        while self.workers:
            kill(self.workers.pop())

    def _asked(self, step: str, *arguments: object, expect: int = 0) -> Any:
        worker = self._begin(step, *arguments)
        assert worker.stdout is not None
        line = worker.stdout.readline()
        assert line, f"{step} ended the process: {self._log.read_text()[-4000:]}"
        answer = json.loads(line)
        assert answer["exit"] == expect, f"{step}: {answer}\n{self._log.read_text()[-4000:]}"
        return answer["said"]

    def _begin(self, step: str, *arguments: object) -> "subprocess.Popen[str]":
        if not self.workers:
            self.workers.append(
                subprocess.Popen(
                    [sys.executable, str(_WORKER)],
                    cwd=self.project,
                    env={**os.environ, **self.home.environment()}
                    | {"PYTHONPATH": str(self.project)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._log.open("a"),
                    text=True,
                )
            )
        stdin = self.workers[0].stdin
        assert stdin is not None
        stdin.write(json.dumps([step, arguments]) + "\n")
        stdin.flush()
        return self.workers[0]

    @property
    def _log(self) -> Path:
        return self.project / "worker.log"
