"""The command that takes a recommendation apart: why."""

import click
from rich.table import Table
from rich.text import Text

from python_hooks.cli_output import AS_OF, JSON, print_answer
from python_hooks.home import Home
from python_hooks.why import Explanation, Term, explain

_SHOWN = 5


@click.command(name="why")
@click.argument("listener")
@click.argument("track")
@click.option("--discover", is_flag=True, help="In the list of what they have not heard.")
@AS_OF
@JSON
def why(listener: str, track: str, discover: bool, as_of: str, as_json: bool) -> None:
    """Say why a track is recommended to a listener, e.g. `encore why me TRACK`.

    One term per source: what it adds to the score, the model and the SQL file behind it,
    and the listens that it came from.
    """
    home = Home.from_environment()
    found = explain(listener, track, home, as_of=as_of, discover=discover)
    print_answer(found, as_json, _shown(found))


def _shown(found: Explanation) -> Table:
    place = f"rank {found.rank}" if found.rank else "below the end of the list"
    title = f"{found.title or found.track_id} for {found.listener_id}: {place}"
    table = Table("source", "adds", "because", "counted in", title=Text(title))
    for term in found.terms:
        table.add_row(
            Text(term.source),
            f"{term.value:.6f} = {term.weight:g} * {term.strength:.6f}",
            Text("\n".join([term.reason, *_listens(term)])),
            Text(f"{term.model}\n{term.file}"),
        )
    table.add_section()
    table.add_row("score", f"{found.score:.6f}", "", Text(found.file))
    return table


def _listens(term: Term) -> list[str]:
    lines = [
        f"- {heard.title or heard.recording_id}: {heard.listen_count} x, "
        f"last {', '.join(heard.latest[:1])}"
        for heard in term.listens[:_SHOWN]
    ]
    more = len(term.listens) - _SHOWN
    return [*lines, f"- {more} more (--json has them)"] if more > 0 else lines
