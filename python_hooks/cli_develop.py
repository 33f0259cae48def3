"""The commands for who edits models."""

import dataclasses
import os
import sys
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from python_hooks import development, server
from python_hooks.cli_output import JSON, MODEL, print_answer
from python_hooks.console import err, folded
from python_hooks.development import Difference
from python_hooks.errors import EncoreError
from python_hooks.home import PROJECT, Home


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def dev(command: tuple[str, ...]) -> None:
    """Build in a schema of your own, e.g. `encore dev dbt build -s fct_track_rfm+`.

    What is not selected is read from production. Without a command a shell begins in
    which `dbt` and `encore` work so; `exit` ends it.
    """
    home = Home.from_environment()
    server.start(home)
    environ = development.environment(home)
    words = list(command) or [os.environ.get("SHELL") or "/bin/sh"]
    if words[:2] == ["dbt", "test"]:
        raise EncoreError(
            "`dbt test` alone tests what is published: models that are not built are read "
            "there.",
            "Build the model with its tests: `encore dev dbt build -s MODEL`.",
        )
    if words[0] == "dbt":
        # Ours says in words what failed.
        words = [sys.executable, "-m", "python_hooks", *words]
    if not command:
        err.print("A shell for your own schema; `exit` ends it. For example:")
        err.print("  encore dbt build -s fct_track_rfm+     encore diff fct_track_rfm")
    os.chdir(PROJECT)
    try:
        # The user's own command takes the place of this one.
        os.execvpe(words[0], words, {**os.environ, **environ})  # noqa: S606
    except OSError as error:
        raise EncoreError(f"Cannot run {words[0]}: {error.strerror}.") from error


@click.command()
@MODEL
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Rows to show of each kind.",
)
@JSON
def diff(model: str, samples: int, as_json: bool) -> None:
    """Tell what an edit changes, e.g. `encore diff fct_track_rfm`.

    Compares the rows that `encore dev dbt build` made with those that are published; for
    models that decide recommendations also whose first ten are others.
    """
    found = development.diff(Home.from_environment(), model, samples)
    print_answer(dataclasses.asdict(found), as_json, Group(*_shown(found)))


def _shown(found: Difference) -> Iterator[RenderableType]:
    table = Table(*folded("", found.here, f"published ({found.there})"))
    table.add_row("rows", f"{found.rows_here:,}", f"{found.rows_there:,}")
    table.add_row("keys only there", f"{found.only_here:,}", f"{found.only_there:,}")
    table.add_row("rows with other values", f"{found.rows_changed:,}", "")
    for column in sorted(found.columns_here.keys() | found.columns_there.keys()):
        kinds = found.columns_here.get(column, "-"), found.columns_there.get(column, "-")
        table.add_row(Text(f"column {column}"), *kinds)
    yield table
    for side, where in (("only_here", "here"), ("only_there", "published")):
        if found.samples[side]:
            yield Text(f"Only {where}: {'; '.join(map(_key, found.samples[side]))}")
    if found.changed:
        yield _changed(found)
    for mode, lists in found.lists.items():
        yield Text(
            f"First ten recommendations, {mode}: others for {lists['changed']:,} of "
            f"{lists['listeners']:,} listeners."
        )
    if found.is_empty:
        yield Text("Nothing differs.")
    yield from map(Text, found.notes)


def _changed(found: Difference) -> Table:
    table = Table(*folded("column", "values", "such as", "published", "here"))
    for column, count in sorted(found.changed.items(), key=lambda pair: -pair[1]):
        rows = found.samples[column]
        keys = "\n".join(_key(row[0]) for row in rows)
        cells = ["\n".join(_text(row[at]) for row in rows) for at in (1, 2)]
        table.add_row(*map(Text, (column, f"{count:,}", keys, *cells)))
    return table


def _key(values: dict[str, Any]) -> str:
    return ", ".join(map(_text, values.values()))


def _text(value: Any) -> str:
    return "null" if value is None else str(value)
