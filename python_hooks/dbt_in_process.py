"""Runs dbt inside a long-lived process, which saves its start in every cycle."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

from python_hooks import run_history
from python_hooks.dbt_command import dbt_environment
from python_hooks.dbt_events import Failure, failure
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home, target_folder
from python_hooks.layers import failed
from python_hooks.lock import BuildLock
from python_hooks.server import is_running


def run(args: list[str], home: Home, _lock: BuildLock, environ: Mapping[str, str]) -> None:
    """Runs one dbt command; silent unless it fails.

    Raises:
        NegativeAnswerError: A node failed: shown before.
        EncoreError: The server does not run.
    """
    if not is_running(home):
        raise EncoreError(
            f"The server of {home.root} is not running.", "Run `encore server start`."
        )
    # Importing dbt takes a second; only a long-lived process pays for it here.
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    said, begun = StringIO(), time.time()
    with _environment(dbt_environment(home, PROJECT) | dict(environ)), redirect_stdout(said):
        result = dbtRunner().invoke(
            ["--log-format", "json", "--log-format-file", "text", *args]
        )
    target = Path(environ.get("DBT_TARGET_PATH", target_folder()))
    run_history.record(home, target, environ.get("ENCORE_LANE", "all"), begun)
    if not result.success:
        raise failed(args, _failures(said.getvalue(), result.exception))


def _failures(said: str, error: BaseException | None) -> list[Failure]:
    found = []
    for line in said.splitlines():
        try:
            found.append(failure(json.loads(line)))
        except (ValueError, KeyError):
            continue
    told = [each for each in found if each]
    return told or ([Failure("", str(error))] if error else [])


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
