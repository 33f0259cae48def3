"""How commands answer: for people on stdout, or as JSON."""

from typing import Any

import click

from python_hooks import summary
from python_hooks.console import out

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")


def print_answer(answer: Any, as_json: bool, shown: Any) -> None:
    """Prints an answer as JSON, or what is shown to people."""
    if as_json:
        click.echo(summary.as_json(answer))
    else:
        out.print(shown)
