"""The command `encore rejects`."""

import click

from python_hooks import rejects
from python_hooks.cli_output import JSON, print_answer
from python_hooks.home import Home


@click.command(name="rejects")
@click.option("--reason", default="", help="Only this reason.")
@click.option("--limit", default=10, show_default=True, help="How many rows to show.")
@JSON
def show_rejects(reason: str, limit: int, as_json: bool) -> None:
    """Show which rows were rejected, and why, e.g. `encore rejects --limit 50`."""
    found = rejects.look(Home.from_environment(), reason=reason, limit=limit)
    print_answer(found, as_json, rejects.as_tables(found))
