"""The commands of `encore artifacts`: build, list, check."""

import sys
from typing import Any

import click

from python_hooks import artifacts, batch
from python_hooks.cli_output import JSON, print_answer
from python_hooks.console import err, out
from python_hooks.home import Home
from python_hooks.lock import build_lock


@click.group(name="artifacts")
def artifacts_group() -> None:
    """List, build and check the artifacts."""


@artifacts_group.command(name="build")
@click.argument("names", nargs=-1)
def artifacts_build(names: tuple[str, ...]) -> None:
    """Build artifacts from the marts, e.g. `encore artifacts build track_vector_index`.

    By default all of them.
    """
    home = Home.from_environment()
    with build_lock(home, "encore artifacts build"):
        err.print(f"Built from release {batch.build_artifacts(home, names)}.")


@artifacts_group.command(name="list")
@JSON
def artifacts_list(as_json: bool) -> None:
    """Say what is declared and built, e.g. `encore artifacts list --json`."""
    _print_statuses(
        artifacts.overview(artifacts.declared(), Home.from_environment()), as_json
    )


@artifacts_group.command(name="check")
@JSON
def artifacts_check(as_json: bool) -> None:
    """Hash every file again and compare, e.g. `encore artifacts check`."""
    statuses = artifacts.check(artifacts.declared(), Home.from_environment())
    _print_statuses(statuses, as_json)
    sys.exit(1 if any(status.problems for status in statuses) else 0)


def _print_statuses(statuses: Any, as_json: bool) -> None:
    for status in [] if as_json else statuses:
        quality = status.receipt.quality if status.receipt else {}
        facts = [f"{measure} {value}" for measure, value in quality.items()]
        out.print(f"{status.artifact.name}: {'; '.join([*facts, *status.problems])}")
    if as_json:
        print_answer(list(statuses), True, None)
