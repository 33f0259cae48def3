"""The command `encore forget`."""

import sys
from typing import Any

import click
from rich.table import Table

from python_hooks.cli_output import JSON, print_answer
from python_hooks.console import folded
from python_hooks.forgetting import Forgetting, forget
from python_hooks.home import Home


@click.command(name="forget")
@click.argument("listener")
@click.option("--yes", is_flag=True, help="Do not ask.")
@JSON
def forget_listener(listener: str, yes: bool, as_json: bool) -> None:
    """Remove a listener from everything, for good, e.g. `encore forget ann`.

    Their rows are emptied where they landed, marts and artifacts are built anew without
    them, older releases are given up, and all files are searched. Files that land later
    do not bring them back. Exit code 1 if something of theirs is left, and where.
    """
    home = Home.from_environment()
    if not yes:
        click.confirm(
            f"Remove {listener} from landing, marts, artifacts and all kept releases of "
            f"{home.root}, for good?",
            abort=True,
            err=True,
        )
    done = forget(listener, home)
    print_answer(done, as_json, as_text(done))
    sys.exit(1 if done.left else 0)


def as_text(done: Forgetting) -> Any:
    """What was done, for the terminal."""
    if done.left:
        table = Table(*folded("file", "where", "cells"), title="Something of theirs is left")
        for place in done.left:
            table.add_row(place.file, place.where, f"{place.count:,}")
        return table
    also = (
        f" The same letters stand for something else in {len(done.same_letters):,} places "
        "(--json lists them)."
        if done.same_letters
        else ""
    )
    return (
        f"Forgotten: {done.rows_emptied:,} landed rows are empty, and none of "
        f"{done.files_searched:,} files holds anything of theirs.{also} Release "
        f"{done.release} is the only one that is kept."
    )
