"""How commands answer: for people on stdout, or as JSON."""

from typing import Any

import click

from python_hooks import answer_text, marts
from python_hooks.console import err, out
from python_hooks.errors import EncoreError

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
AS_OF = click.option(
    "--as-of",
    envvar="ENCORE_AS_OF",
    default="",
    metavar="MOMENT",
    help="As it would have been then, e.g. 2026-01-31T00:00:00Z.",
)


def _models(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    try:
        return sorted(name for name in marts.relations() if name.startswith(begun))
    except EncoreError:
        # Who types is not told of a missing manifest.
        return []


MODEL = click.argument("model", shell_complete=_models)


def print_answer(answer: Any, as_json: bool, shown: Any) -> None:
    """Prints an answer as JSON, or what is shown to people."""
    if as_json:
        click.echo(answer_text.as_json(answer))
    else:
        out.print(shown)


def print_fallback(fallback: str | None) -> None:
    """Says on stderr why an answer is not what it usually is, where there is a reason."""
    if fallback:
        err.print(fallback)
