"""The command that draws a picture of one's listening."""

from pathlib import Path

import click

from python_hooks import report_data, report_page
from python_hooks.cli_output import JSON, print_answer
from python_hooks.home import Home


@click.command()
@click.argument("listener")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    default="report.html",
    show_default=True,
    help="Where to write it.",
)
@click.option("--timezone", default="UTC", show_default=True, help="Such as Europe/Berlin.")
@JSON
def report(listener: str, page: Path, timezone: str, as_json: bool) -> None:
    """Draw one listener's history, e.g. `encore report me --page me.html`.

    One HTML file that loads nothing: days, hours, keys, tracks and artists, the segment,
    forgotten favourites, and recommendations with their reasons.
    """
    listening = report_data.read(listener, Home.from_environment(), timezone)
    written = report_page.write(listening, page)
    answer = {"page": str(written), "listener": listener, "release": listening.release}
    print_answer(answer, as_json, f"Written: {written}")
