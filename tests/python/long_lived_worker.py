"""A process that takes steps from stdin, one JSON line each, and answers on stdout.

It runs in a copy of the project, and dbt in itself, as `encore watch` does: a step costs
no start of Python. `tests.python.long_lived` starts it by its path.
"""

import json
import os
import sys
from collections.abc import Mapping

from python_hooks import dbt_in_process, layers
from python_hooks.errors import EncoreError
from python_hooks.home import Home
from python_hooks.lock import build_lock

HOME = Home.from_environment()


def build(arguments: list[str], environ: Mapping[str, str]) -> None:
    """`encore dbt build` with these arguments."""
    with build_lock(HOME, "encore dbt build") as lock:
        dbt_in_process.run(["build", *arguments], HOME, lock, environ)


def speed(lane: layers.Speed) -> dict[str, object]:
    """`encore run minute` or `hourly`."""
    return vars(layers.run_speed(HOME, lane, dbt_in_process.run))


def publish(schema: str) -> None:
    """The end of `encore run batch`."""
    layers.publish(HOME, schema, dbt_in_process.run)


def roll_back(release_id: str) -> None:
    """`encore rollback`."""
    layers.rollback(HOME, release_id, dbt_in_process.run)


STEPS = {step.__name__: step for step in (build, speed, publish, roll_back)}


def main() -> None:
    """Answers `{"exit": code, "said": …}` for each `[step, arguments]`."""
    # What anything prints is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer: dict[str, object] = {"exit": 0, "said": STEPS[name](*arguments)}
        except EncoreError as error:
            answer = {"exit": error.exit_code, "said": error.message}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
